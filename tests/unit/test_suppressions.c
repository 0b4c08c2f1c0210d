/*
 * tests/unit/test_suppressions.c - what suppression files say, and which
 * findings they silence. Frames are made by hand, in the words that other tools
 * use for them; whole commands are held against Valgrind's own output in
 * tests/e2e/suppressions.sh.
 */
#include "doc_scratch.h"
#include "export/suppressions.h"
#include "suite.h"

/* ---- frames made by hand ---- */

static struct frame_place function(const char *name)
{
    return (struct frame_place){ .function = name, .linkage = name, .module = "/opt/app", .file = "/src/app.c", .line = 7 };
}

#define STACK(role_, ...) { .role = role_, .places = (struct frame_place[]){ __VA_ARGS__ }, \
                            .n = sizeof (struct frame_place[]){ __VA_ARGS__ } / sizeof(struct frame_place) }
#define STACKS(...) .stacks = (struct suppression_stack[]){ __VA_ARGS__ }, \
                    .n = sizeof (struct suppression_stack[]){ __VA_ARGS__ } / sizeof(struct suppression_stack)

/* A set of one text; the test ends when it does not parse. */
static struct suppressions *set_of(const char *text)
{
    struct suppressions *s = suppressions_new();
    char *error = NULL;
    int failed = suppressions_parse(s, "t.supp", text, strlen(text), &error);
    ck_assert_msg(!failed, "%s", error);
    return s;
}

static uint32_t matched(const char *text, struct suppression_subject f)
{
    struct suppressions *s = set_of(text);
    uint32_t by = suppressions_match(s, &f);
    suppressions_free(s);
    return by;
}

/* A double free in inner < middle < main, of a block made in maker < main. */
static struct suppression_subject double_drop(void)
{
    static struct frame_place used[4], made[2];
    static struct suppression_stack stacks[2];
    used[0] = (struct frame_place){ .function = "space::release<char>(char*)", .linkage = "_ZN5space7releaseIcEEvPT_",
                                    .module = "/opt/lib/libspace.so.3", .file = "/src/space/release.cc", .line = 12 };
    used[1] = function("middle");
    used[2] = (struct frame_place){ .offset = 99, .module = "/opt/lib/bare.so" };
    used[3] = function("main");
    made[0] = function("maker");
    made[1] = function("main");
    stacks[0] = (struct suppression_stack){ .role = EVIDENCE_USED, .places = used, .n = 4 };
    stacks[1] = (struct suppression_stack){ .role = EVIDENCE_MADE, .places = made, .n = 2 };
    return (struct suppression_subject){ .rule = RULE_DOUBLE_DROP, .use = USE_DROP, .family = WIRE_FREE, .made_family = WIRE_MALLOC,
                                         .stacks = stacks, .n = 2 };
}

/* ---- syntax ---- */

START_TEST(blocks_and_lines)
{
    struct suppressions *s = set_of(
        "# a comment\n\n  {\n\t my first one \n   Memcheck,ownscope:Free\n   # inside\n   fun:free\n   ...\r\n   obj:*/libz.so*\n}\n"
        "leak:^foo*bar$  \n{\n<x>\nMemcheck:Cond\nfun:strlen\n}\n{\nparam\nMemcheck:Param\nwrite(buf)\n...\nobj:/lib/ld.so\n}\n"
        "{\nleaks\nMemcheck:Leak\nmatch-leak-kinds: definite,possible\nfun:malloc\n}\nrace:std::_Sp\nuse-after-drop:gone.c\nthread:x\n"
        "{\nother\nExp-Tool:Thing\nanything at all\n}\n{\nown\nownscope:double-drop,overlap\nsrc:a.c:12\nstack:made\n...\n}");
    static const struct { const char *name; unsigned line; } expected[] = {
        { "my first one", 3 }, { "leak:^foo*bar$", 11 }, { "leaks", 24 }, { "race:std::_Sp", 30 }, { "use-after-drop:gone.c", 31 }, { "own", 38 } };
    ck_assert_uint_eq(suppressions_count(s), sizeof expected / sizeof *expected);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        unsigned line;
        ck_assert_str_eq(suppression_name(s, i), expected[i].name);
        ck_assert_str_eq(suppression_file(s, i, &line), "t.supp");
        ck_assert_uint_eq(line, expected[i].line);
    }
    suppressions_free(s);
}
END_TEST

START_TEST(errors_name_file_and_line)
{
    static const struct { const char *text, *error; } rows[] = {
        { "\n{\n", "t.supp:2: a suppression begins with a line that is its name" },
        { "{\n}\n", "t.supp:1: a suppression begins with a line that is its name" },
        { "{\nname\n}", "t.supp:1: the suppression 'name' has no TOOL:KIND" },
        { "{\nname\nMemcheck\nfun:f\n}", "t.supp:3: 'Memcheck' is not TOOL:KIND" },
        { "{\nname\n:Free\nfun:f\n}", "t.supp:3: ':Free' is not TOOL:KIND" },
        { "{\nname\nMemcheck:Free\nfun:f\n", "t.supp:1: this suppression has no closing brace" },
        { "{\nname\nLacking:Free\nfun:f\n", "t.supp:1: this suppression has no closing brace" },
        { "{\nname\nMemcheck:Free\n}\n", "t.supp:1: the suppression 'name' names no frame" },
        { "{\nname\nMemcheck:Free\n...\n}\n", "t.supp:1: the suppression 'name' names no frame" },
        { "{\nname\nMemcheck:Free\nfun:\n}\n", "t.supp:4: nothing stands behind fun:" },
        { "{\nname\nMemcheck:Free\nfun:f\nfoo\n}\n", "t.supp:5: 'foo' is no fun:, obj:, src: or ... line" },
        { "{\nname\nMemcheck:Leak\nmatch-leak-kinds: some\nfun:f\n}\n", "t.supp:4: 'some' is no kind of leak" },
        { "{\nname\nMemcheck:Leak\nfun:f\nmatch-leak-kinds: all\n}\n", "t.supp:5: 'match-leak-kinds: all' is no fun:" },
        { "{\nname\nownscope:double-free\nfun:f\n}\n", "t.supp:3: ownscope has no rule 'double-free'" },
        { "{\nname\nownscope:overlap\nfun:f\nstack:born\nfun:g\n}\n", "t.supp:5: no stack of a finding is called 'born'" },
        { "leak:f\nleek:f\n", "t.supp:2: no type of suppression is called 'leek'" },
        { "leak:\n", "t.supp:1: nothing stands behind leak:" },
        { "fun\n", "t.supp:1: 'fun' is neither" },
        { ":x\n", "t.supp:1: ':x' is neither" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct suppressions *s = suppressions_new();
        char *error = NULL;
        ck_assert_int_eq(suppressions_parse(s, "t.supp", rows[i].text, strlen(rows[i].text), &error), -EINVAL);
        ck_assert_msg(error && !strncmp(error, rows[i].error, strlen(rows[i].error)) && !strchr(error, '\n'), "%s: %s", rows[i].text, error);
        free(error);
        suppressions_free(s);
    }
}
END_TEST

START_TEST(files_that_are_none)
{
    struct suppressions *s = suppressions_new();
    char *error = NULL, *path = scratch_path("zero");
    ck_assert_int_eq(suppressions_read(s, "/gone/x.supp", &error), -ENOENT);
    ck_assert_str_eq(error, "cannot read the suppressions /gone/x.supp: No such file or directory");
    free(error);
    ck_assert_int_eq(suppressions_read(s, scratch_dir, &error), -EISDIR);
    free(error);
    scratch_write("zero", "leak:a\0b\n", 9);
    ck_assert_int_eq(suppressions_read(s, path, &error), -EINVAL);
    free(error);
    scratch_write("zero", "leak:a", 6);
    ck_assert_int_eq(suppressions_read(s, path, &error), 0);
    ck_assert_uint_eq(suppressions_count(s), 1);
    free(path);
    suppressions_free(s);
}
END_TEST

/* Valgrind's own files, where they are. */
START_TEST(valgrinds_files)
{
    static const char *const paths[] = { "/usr/libexec/valgrind/default.supp", "/usr/lib/valgrind/default.supp",
                                         "/usr/lib/valgrind/debian.supp", "/usr/lib/valgrind/python3.supp" };
    struct suppressions *s = suppressions_new();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char *error = NULL;
        int failed = suppressions_read(s, paths[i], &error);
        ck_assert_msg(!failed || failed == -ENOENT, "%s", error);
        ck_assert(failed || suppressions_count(s) > 0);
        free(error);
    }
    suppressions_free(s);
}
END_TEST

/* ---- Valgrind's blocks ---- */

#define BLOCK(kind, lines) "{\nn\n" kind "\n" lines "}\n"

START_TEST(frames_from_the_inside_out)
{
    static const struct { const char *lines; bool match; } rows[] = {
        { "fun:_ZN5space7releaseIcEEvPT_\n", true },
        { "fun:space::release<char>(char\\*)\n", false },
        { "fun:space::release<*>(*)\n", true },
        { "fun:_ZN5space7release*\nfun:middle\n", true },
        { "fun:_ZN5space?release*\nfun:mid*e\nobj:/opt/lib/bare.so\nfun:main\n", true },
        { "fun:_ZN5space7release*\nfun:middle\nobj:*bare*\nfun:main\nfun:beyond\n", false },
        { "fun:middle\n", false },
        { "fun:*\nfun:middle\n", true },
        { "fun:*\nfun:*\nfun:*\nfun:main\n", true },
        { "fun:*\nfun:*\nobj:*\nfun:main\n", true },
        { "...\nfun:main\n", true },
        { "...\nfun:middle\n...\n", true },
        { "...\nfun:middle\nfun:main\n", false },
        { "...\nfun:middle\n...\nfun:main\n", true },
        { "...\nfun:nowhere\n", false },
        { "fun:_ZN5space7release*\n...\nfun:*\nfun:main\n", true },
        { "obj:*/libspace.so*\n", true },
        { "obj:libspace.so*\n", false },
        { "src:release.cc\n", true },
        { "src:release.cc:12\n", true },
        { "src:release.cc:13\n", false },
        { "src:/src/*/release.cc:12\n", true },
        { "src:*/app.c\n", false },
        { "fun:_ZN5space7releaseIcEEvPT_@@V_1\n", true },
        /* what Valgrind shows before the caller: the function itself, perhaps its own wrapper */
        { "fun:free\nfun:_ZN5space7release*\n", true },
        { "fun:free\n", true },
        { "fun:cfree\n...\nfun:main\n", true },
        { "fun:malloc\nfun:_ZN5space7release*\n", false },
        { "fun:free\nfun:free\nfun:_ZN5space7release*\n", false },
        { "fun:*\nfun:_ZN5space7release*\n", true },
        { "obj:/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so\nfun:_ZN5space7release*\n", true },
        { "obj:/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so\n", false },
        { "obj:/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so\n...\n", false } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = xasprintf(BLOCK("Memcheck:Free", "%s"), rows[i].lines);
        ck_assert_msg(!!matched(text, double_drop()) == rows[i].match, "%s", rows[i].lines);
        free(text);
    }
}
END_TEST

START_TEST(start_of_a_thread_and_below_main)
{
    struct frame_place places[] = { function("routine"), function("start_thread"), function("clone3") },
                       below[] = { function("main"), function("__libc_start_call_main"), function("_start") };
    places[1].outer = places[2].outer = below[1].outer = below[2].outer = true;
    struct suppression_stack stack = { .role = EVIDENCE_USED, .places = places, .n = 3 };
    struct suppression_subject f = { .rule = RULE_RELEASED_BY_STRANGER, .use = USE_LOCK, .family = WIRE_LOCK_MUTEX, .stacks = &stack, .n = 1 };
    ck_assert(matched(BLOCK("drd:MutexErr", "fun:pthread_mutex_unlock@*\nfun:routine\nobj:/usr/lib/vgpreload_drd-amd64-linux.so\n"
                                            "fun:start_thread\nfun:clone\n"), f));
    ck_assert(matched(BLOCK("Helgrind:UnlockForeign", "fun:mutex_unlock_WRK\nfun:pthread_mutex_unlock\nfun:routine\nfun:mythread_wrapper\n"
                                                      "fun:start_thread\nfun:clone\n"), f));
    ck_assert(!matched(BLOCK("Helgrind:UnlockForeign", "fun:routine\nfun:start_thread\nfun:(below main)\nfun:x\n"), f));
    stack.places = below;
    ck_assert(matched(BLOCK("Helgrind:UnlockForeign", "fun:main\nfun:(below main)\n"), f));
    ck_assert(!matched(BLOCK("Helgrind:UnlockForeign", "fun:(below main)\n"), f));
}
END_TEST

START_TEST(inlined_functions_by_their_last_name)
{
    static const struct { const char *function, *pattern; bool match; } rows[] = {
        { "std::__new_allocator<char>::deallocate(char*, unsigned long)", "deallocate", true },
        { "std::_Vector_base<char, std::allocator<char> >::~_Vector_base()", "~_Vector_base", true },
        { "void space::drop<std::vector<int>>(std::vector<int>)", "drop<std::vector<int>>", true },
        { "(anonymous namespace)::helper(int (*)(int))", "helper", true },
        { "main::{lambda(int)#1}::operator()(int) const", "operator()", false },
        { "std::__new_allocator<char>::deallocate(char*, unsigned long)", "__new_allocator*", false },
        { "plain", "plain", true }, { "f(", "f", true }, { "::", "?", false }, { ">>)(", "x", false } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct frame_place place = { .function = rows[i].function, .inlined = true };
        struct suppression_stack stack = { .role = EVIDENCE_USED, .places = &place, .n = 1 };
        struct suppression_subject f = { .rule = RULE_DOUBLE_DROP, .use = USE_DROP, .family = WIRE_FREE, .stacks = &stack, .n = 1 };
        char *block = xasprintf(BLOCK("Memcheck:Free", "fun:%s\n"), rows[i].pattern);
        ck_assert_msg(!!matched(block, f) == rows[i].match, "%s", rows[i].function);
        place.inlined = false;
        ck_assert(!matched(block, f) == (strcmp(rows[i].function, rows[i].pattern) != 0));
        free(block);
    }
}
END_TEST

/* Which of our rules a word of another tool stands for. */
START_TEST(kinds_of_other_tools)
{
    static const struct { const char *kind; unsigned rule, use, family; bool match; } rows[] = {
        { "Memcheck:Free", RULE_DOUBLE_DROP, USE_DROP, WIRE_FREE, true },
        { "Memcheck:Free", RULE_INVALID_DROP, USE_DROP, WIRE_FREE, true },
        { "Memcheck:Free", RULE_MISMATCHED_DROP, USE_DROP, WIRE_DELETE, true },
        { "Memcheck:Free", RULE_USE_AFTER_DROP, USE_DROP, WIRE_REALLOC, true },
        { "Memcheck:Free", RULE_USE_AFTER_DROP, USE_COPY, WIRE_COPY_MEMCPY, false },
        { "Memcheck:Free", RULE_OVERLAP, USE_COPY, WIRE_COPY_MEMCPY, false },
        { "Memcheck:Addr8", RULE_USE_AFTER_DROP, USE_COPY, WIRE_COPY_MEMCPY, true },
        { "Memcheck:Addr4", RULE_USE_AFTER_DROP, USE_LOCK, WIRE_LOCK_MUTEX, true },
        { "Memcheck:Addr1", RULE_OUT_OF_BOUNDS, USE_COPY, WIRE_COPY_STRCPY, true },
        { "Memcheck:Addr1", RULE_USE_AFTER_DROP, USE_DROP, WIRE_REALLOC, false },
        { "Memcheck:Value8", RULE_USE_AFTER_DROP, USE_COPY, WIRE_COPY_MEMCPY, false },
        { "Memcheck:Overlap", RULE_OVERLAP, USE_COPY, WIRE_COPY_MEMCPY, true },
        { "Memcheck:SizeMismatch", RULE_MISMATCHED_DROP, USE_DROP, WIRE_DELETE, true },
        { "Helgrind:Race", RULE_UNORDERED_BORROW, USE_COPY, WIRE_COPY_MEMSET, true },
        { "Helgrind:LockOrder", RULE_LOCK_ORDER, USE_LOCK, WIRE_LOCK_MUTEX, true },
        { "Helgrind:Misc", RULE_EXITED_HOLDING, USE_NONE, 0, true },
        { "Helgrind:Misc", RULE_RELEASED_BY_STRANGER, USE_LOCK, WIRE_LOCK_MUTEX, false },
        { "Helgrind:UnlockUnlocked", RULE_RELEASED_BY_STRANGER, USE_LOCK, WIRE_LOCK_MUTEX, true },
        { "Helgrind:FreeMemLock", RULE_DROPPED_WHILE_LOCKED, USE_DROP, WIRE_FREE, true },
        { "drd:MutexErr", RULE_RELOCK, USE_LOCK, WIRE_LOCK_MTX | WIRE_LOCK_FLAG, true },
        { "drd:MutexErr", RULE_RELOCK, USE_LOCK, WIRE_LOCK_RWLOCK, false },
        { "drd:RwlockErr", RULE_RELOCK, USE_LOCK, WIRE_LOCK_RWLOCK, true },
        { "drd:ConflictingAccess", RULE_UNORDERED_BORROW, USE_DROP, WIRE_FREE, true },
        { "Memcheck,drd:MutexErr", RULE_RELOCK, USE_LOCK, WIRE_LOCK_MUTEX, true },
        { "ownscope:relock", RULE_RELOCK, USE_LOCK, WIRE_LOCK_MUTEX, true },
        { "ownscope:overlap,relock", RULE_RELOCK, USE_LOCK, WIRE_LOCK_MUTEX, true },
        { "ownscope:overlap", RULE_RELOCK, USE_LOCK, WIRE_LOCK_MUTEX, false },
        { "ownscope:*", RULE_DEADLOCK, USE_LOCK, WIRE_LOCK_MUTEX, true } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct suppression_subject f = { .rule = (uint8_t)rows[i].rule, .use = (uint8_t)rows[i].use, .family = (uint8_t)rows[i].family,
                                         STACKS(STACK(EVIDENCE_USED, function("f"))) };
        char *text = xasprintf(BLOCK("%s", "...\nfun:f\n"), rows[i].kind);
        ck_assert_msg(!!matched(text, f) == rows[i].match, "%s, rule %s, use %u", rows[i].kind, rule_names[rows[i].rule], rows[i].use);
        free(text);
    }
}
END_TEST

START_TEST(functions_called_have_their_names)
{
    static const struct { unsigned use, family; const char *name; bool match; } rows[] = {
        { USE_DROP, WIRE_DELETE_ARRAY, "_ZdaPv", true }, { USE_DROP, WIRE_DELETE_ARRAY, "_ZdlPv", false },
        { USE_DROP, WIRE_DELETE, "_ZdlPv*", true }, { USE_DROP, WIRE_FREE, "_ZdlPv", false },
        { USE_COPY, WIRE_COPY_MEMCPY, "memcpy@@GLIBC_2.14", true }, { USE_COPY, WIRE_COPY_MEMCPY | WIRE_COPY_CHECKED, "memmove", true },
        { USE_COPY, WIRE_COPY_MEMSET, "memcpy", false }, { USE_THREAD, 0, "pthread_create@*", true },
        { USE_LOCK, WIRE_LOCK_SEM, "sem_post", true }, { USE_LOCK, WIRE_LOCK_SEM, "pthread_mutex_lock", false } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct suppression_subject f = { .rule = RULE_USE_AFTER_DROP, .use = (uint8_t)rows[i].use, .family = (uint8_t)rows[i].family,
                                         STACKS(STACK(EVIDENCE_USED, function("f"))) };
        char *text = xasprintf(BLOCK("ownscope:*", "fun:%s\nfun:f\n"), rows[i].name);
        ck_assert_msg(!!matched(text, f) == rows[i].match, "%s", rows[i].name);
        free(text);
    }
}
END_TEST

/* ---- which stack ---- */

START_TEST(only_acts_are_matched)
{
    struct suppression_subject f = double_drop();
    ck_assert(!matched(BLOCK("ownscope:*", "fun:maker\n"), f));
    ck_assert(!matched("double-drop:maker\n", f));
    struct suppression_subject order = { .rule = RULE_LOCK_ORDER, .use = USE_LOCK, .family = WIRE_LOCK_MUTEX, STACKS(
        STACK(EVIDENCE_HELD, function("h1")), STACK(EVIDENCE_TAKEN, function("t1")),
        STACK(EVIDENCE_HELD, function("h2")), STACK(EVIDENCE_TAKEN, function("t2"))) };
    ck_assert(matched(BLOCK("Helgrind:LockOrder", "fun:t1\n"), order));
    ck_assert(matched(BLOCK("Helgrind:LockOrder", "fun:t2\n"), order));
    ck_assert(!matched(BLOCK("Helgrind:LockOrder", "fun:h1\n"), order));
    struct suppression_subject race = { .rule = RULE_UNORDERED_BORROW, .use = USE_COPY, .family = WIRE_COPY_MEMSET, STACKS(
        STACK(EVIDENCE_USED, function("a")), STACK(EVIDENCE_MADE, function("m")), STACK(EVIDENCE_OTHER, function("b"))) };
    ck_assert(matched(BLOCK("Helgrind:Race", "fun:a\n"), race) && matched(BLOCK("Helgrind:Race", "fun:b\n"), race));
    ck_assert(!matched(BLOCK("Helgrind:Race", "fun:m\n"), race));
    /* nobody is in the act: the first stack that there is */
    struct suppression_subject exited = { .rule = RULE_EXITED_HOLDING, STACKS(
        { .role = EVIDENCE_USED }, STACK(EVIDENCE_HELD, function("h")), STACK(EVIDENCE_INIT, function("i"))) };
    ck_assert(matched(BLOCK("Helgrind:Misc", "fun:h\n"), exited) && !matched(BLOCK("Helgrind:Misc", "fun:i\n"), exited));
}
END_TEST

START_TEST(sections_need_a_stack_each)
{
    struct suppression_subject f = double_drop();
    ck_assert(matched(BLOCK("ownscope:double-drop", "...\nfun:middle\nstack:made\nfun:maker\n"), f));
    ck_assert(matched(BLOCK("ownscope:double-drop", "...\nfun:middle\nstack:made\nfun:malloc\nfun:maker\n"), f));
    ck_assert(!matched(BLOCK("ownscope:double-drop", "...\nfun:middle\nstack:made\nfun:calloc\nfun:maker\n"), f));
    ck_assert(!matched(BLOCK("ownscope:double-drop", "...\nfun:middle\nstack:made\nfun:other\n"), f));
    ck_assert(!matched(BLOCK("ownscope:double-drop", "...\nfun:middle\nstack:dropped\nfun:maker\n"), f));
    struct suppression_subject race = { .rule = RULE_UNORDERED_BORROW, .use = USE_COPY, .family = WIRE_COPY_MEMSET, STACKS(
        STACK(EVIDENCE_USED, function("a")), STACK(EVIDENCE_OTHER, function("b"))) };
    ck_assert(matched(BLOCK("ownscope:*", "fun:a\nstack:other\nfun:b\n"), race));
    ck_assert(matched(BLOCK("ownscope:*", "fun:b\nstack:other\nfun:a\n"), race));
    ck_assert(!matched(BLOCK("ownscope:*", "fun:a\nstack:other\nfun:a\n"), race));
    ck_assert(matched(BLOCK("ownscope:*", "fun:*\nstack:other\nfun:a\n"), race));  /* the first must give way */
    struct suppression_subject order = { .rule = RULE_LOCK_ORDER, .use = USE_LOCK, STACKS(
        STACK(EVIDENCE_HELD, function("h1")), STACK(EVIDENCE_TAKEN, function("t1")),
        STACK(EVIDENCE_HELD, function("h2")), STACK(EVIDENCE_TAKEN, function("t2"))) };
    ck_assert(matched(BLOCK("ownscope:*", "fun:t2\nstack:held\nfun:h2\nstack:held\nfun:h1\nstack:taken\nfun:t1\n"), order));
    ck_assert(!matched(BLOCK("ownscope:*", "fun:t2\nstack:held\nfun:h2\nstack:held\nfun:h2\nstack:taken\nfun:t1\n"), order));
}
END_TEST

START_TEST(leak_kinds)
{
    struct suppression_subject f = { .rule = RULE_LEAK, .made_family = WIRE_MALLOC, STACKS(STACK(EVIDENCE_MADE, function("f"))) };
    static const char some[] = BLOCK("Memcheck:Leak", "match-leak-kinds: definite, indirect\nfun:malloc\nfun:f\n");
    static const char none[] = BLOCK("Memcheck:Leak", "match-leak-kinds: none\nfun:malloc\nfun:f\n");
    static const char all[] = BLOCK("Memcheck:Leak", "fun:malloc\nfun:f\n");
    ck_assert(matched(all, f) && !matched(some, f));
    f.leak_kind = LEAK_KIND_INDIRECT;
    ck_assert(matched(all, f) && matched(some, f) && !matched(none, f));
    f.leak_kind = LEAK_KIND_POSSIBLE;
    ck_assert(matched(all, f) && !matched(some, f));
}
END_TEST

/* ---- the sanitizers' lines ---- */

/* default.supp: the loader's own, with and without names; never the program's. */
START_TEST(what_libc_leaves)
{
#define LOADER(name) { .function = name, .linkage = name, .module = "/usr/lib64/ld-linux-x86-64.so.2" }
#define LIBC(name) { .function = name, .linkage = name, .module = "/lib/libc.so.6" }
#define APP(name) { .function = name, .linkage = name, .module = "/opt/app" }
    static struct frame_place dtv[] = { LOADER("allocate_dtv"), LOADER("_dl_allocate_tls"), LIBC("allocate_stack"), LIBC("pthread_create") },
        unnamed[] = { LOADER(NULL), LOADER(NULL), LIBC("_dl_catch_exception"), LIBC("dlopen@@GLIBC_2.34") },
        tables[] = { LOADER("_dlfo_mappings_segment_allocate"), LOADER("_dl_find_object_update_1"), LOADER("dl_open_worker_begin") },
        memory[] = { LOADER("allocate_dtv_entry"), LOADER("tls_get_addr_tail"), LOADER("__tls_get_addr"), APP("work") },
        opened[] = { APP("setup"), LOADER("call_init"), LIBC("_dl_catch_exception") },
        theirs[] = { LIBC("strdup"), APP("main") };
    const struct { struct frame_place *places; size_t n; bool known; } rows[] = {
        { dtv, 4, true }, { unnamed, 4, true }, { tables, 3, true }, { memory, 4, true }, { opened, 3, false }, { theirs, 2, false } };
    struct suppressions *s = set_of("{\nmine\nMemcheck:Leak\nfun:malloc\nfun:strdup\n}\n");
    char *error = NULL;
    ck_assert_int_eq(suppressions_add_default(s, &error), 0);
    ck_assert(!suppression_is_default(s, 0));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned kind = 1; kind < LEAK_KINDS_ALL; kind *= 2) {
            struct suppression_stack stack = { .role = EVIDENCE_MADE, .places = rows[i].places, .n = rows[i].n };
            struct suppression_subject f = { .rule = RULE_LEAK, .family = WIRE_CALLOC, .made_family = WIRE_CALLOC,
                                             .leak_kind = (uint8_t)kind, .stacks = &stack, .n = 1 };
            uint32_t by = suppressions_match(s, &f);
            ck_assert_msg((by && suppression_is_default(s, by - 1)) == (rows[i].known && kind == LEAK_KIND_POSSIBLE), "%zu, %u: %u", i, kind, by);
        }
    suppressions_free(s);
}
END_TEST

START_TEST(lines_of_sanitizers)
{
    static const struct { const char *line; bool match; } rows[] = {
        { "double-drop:release", true }, { "double-drop:^release", false }, { "double-drop:^space::rel", true },
        { "double-drop:^middle$", true }, { "double-drop:^midd$", false }, { "double-drop:mi*le", true }, { "double-drop:libspace", true },
        { "double-drop:/opt/app$", true }, { "double-drop:release.cc", true }, { "double-drop:_ZN5space", true }, { "double-drop:other", false },
        { "overlap:middle", false }, { "leak:middle", false }, { "race:middle", false }, { "mutex:middle", false },
        { "called_from_lib:libspace.so", true }, { "called_from_lib:bare.so", false }, { "thread:middle", false },
        { "alloc_dealloc_mismatch:middle", false } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(!!matched(rows[i].line, double_drop()) == rows[i].match, "%s", rows[i].line);
    struct suppression_subject f = double_drop();
    f.rule = RULE_UNORDERED_BORROW;
    ck_assert(matched("race:middle", f) && matched("race_top:release", f) && !matched("race_top:middle", f));
    f.rule = RULE_USE_AFTER_DROP;
    f.use = USE_COPY;
    f.family = WIRE_COPY_MEMCPY;
    ck_assert(matched("race:middle", f) && matched("interceptor_name:memcpy", f) && !matched("interceptor_name:strcpy", f));
    ck_assert(matched("interceptor_via_fun:middle", f) && !matched("interceptor_via_fun:libspace", f));
    ck_assert(matched("interceptor_via_lib:libspace", f) && !matched("interceptor_via_lib:middle", f));
    f.rule = RULE_RELOCK;
    f.use = USE_LOCK;
    ck_assert(matched("mutex:middle", f) && !matched("deadlock:middle", f));
    f.rule = RULE_LEAK;
    ck_assert(matched("leak:maker", f) && !matched("leak:middle", f));
}
END_TEST

START_TEST(the_first_that_matches)
{
    ck_assert_uint_eq(matched("overlap:x\ndouble-drop:nowhere\ndouble-drop:middle\ndouble-drop:release\n", double_drop()), 3);
}
END_TEST

/* A pattern of stars against a name that nearly fits takes no time. */
START_TEST(patterns_take_no_time)
{
    char name[4001], text[512];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    struct frame_place place = { .function = name };
    struct suppression_stack stack = { .role = EVIDENCE_USED, .places = &place, .n = 1 };
    struct suppression_subject f = { .rule = RULE_OVERLAP, .use = USE_COPY, .stacks = &stack, .n = 1 };
    strcpy(text, "overlap:");
    for (int i = 0; i < 100; i++)
        strcat(text, "a*a*");
    strcat(text, "b");
    ck_assert(!matched(text, f));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("suppressions");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, scratch_make, scratch_clean);
    tcase_add_test(c, blocks_and_lines);
    tcase_add_test(c, errors_name_file_and_line);
    tcase_add_test(c, files_that_are_none);
    tcase_add_test(c, valgrinds_files);
    tcase_add_test(c, frames_from_the_inside_out);
    tcase_add_test(c, start_of_a_thread_and_below_main);
    tcase_add_test(c, inlined_functions_by_their_last_name);
    tcase_add_test(c, kinds_of_other_tools);
    tcase_add_test(c, functions_called_have_their_names);
    tcase_add_test(c, only_acts_are_matched);
    tcase_add_test(c, sections_need_a_stack_each);
    tcase_add_test(c, leak_kinds);
    tcase_add_test(c, what_libc_leaves);
    tcase_add_test(c, lines_of_sanitizers);
    tcase_add_test(c, the_first_that_matches);
    tcase_add_test(c, patterns_take_no_time);
    suite_add_tcase(s, c);
    return suite_run(s);
}
