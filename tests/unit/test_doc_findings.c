/*
 * tests/unit/test_doc_findings.c - findings as documents: every rule's
 * sentence, the keys of its stacks, and fingerprints that outlive a build.
 */
#include "doc_scratch.h"
#include "export/findings.h"
#include "export/fingerprint.h"
#include "suite.h"
#define scratch symbols_dir
#include "symbols_scratch.h"
#undef scratch

static struct view_lock locks[] = {
    { .id = 4, .process = 1, .family = WIRE_LOCK_MUTEX, .where = { VIEW_WHERE_BLOCK, 0x1010, 7, 3, 0, 16 } },
    { .id = 2, .process = 1, .family = WIRE_LOCK_RWLOCK, .where = { VIEW_WHERE_ADDRESS, 0x7ffe10, 0, 0, 0, 0 } },
    { .id = 9, .process = 1, .family = WIRE_LOCK_SPIN, .where = { VIEW_WHERE_MODULE, 0x5000, 0, 0, 1, 0x4010 } } };

#define EVIDENCE(r, t, l) { .role = EVIDENCE_##r, .stack = 2, .thread = t, .ns = 10, .lock = l }
static const struct view_evidence used_made_dropped[] = { EVIDENCE(USED, 2, 0), EVIDENCE(MADE, 1, 0), EVIDENCE(DROPPED, 1, 0) };
static const struct view_evidence used_other[] = { EVIDENCE(USED, 2, 0), EVIDENCE(OTHER, 1, 0), EVIDENCE(MADE, 1, 0) };
static const struct view_evidence used_held[] = { EVIDENCE(USED, 2, 0), EVIDENCE(HELD, 1, 4) };
static const struct view_evidence held_itself[] = { EVIDENCE(USED, 2, 0), EVIDENCE(HELD, 2, 4) };
static const struct view_evidence cycle[] = { EVIDENCE(HELD, 1, 4), EVIDENCE(TAKEN, 1, 2), EVIDENCE(HELD, 2, 2), EVIDENCE(TAKEN, 2, 4) };
static const struct view_evidence waiting[] = { EVIDENCE(HELD, 1, 4), EVIDENCE(WAITED, 1, 9), EVIDENCE(HELD, 2, 9), EVIDENCE(WAITED, 2, 77) };
static const struct view_evidence alone[] = { EVIDENCE(HELD, 1, 4), EVIDENCE(WAITED, 1, 4) };
#undef EVIDENCE

#define WITH(list) list, sizeof list / sizeof *list
static const struct {
    struct view_finding f;
    const struct view_evidence *evidence;
    size_t n;
    const char *message, *node, *keys;
} rows[] = {
    { { .rule = RULE_DOUBLE_DROP, .use = USE_DROP, .family = WIRE_FREE, .made_family = WIRE_MALLOC, .block = 7, .block_size = 16 }, WITH(used_made_dropped),
      "free dropped a 16-byte block again: t1 had dropped it", "b7", "used made dropped" },
    { { .rule = RULE_INVALID_DROP, .use = USE_DROP, .family = WIRE_FREE, .address = 0x1008, .block = 7, .block_address = 0x1000, .block_size = 81, .offset = 8 },
      WITH(used_made_dropped), "free of an address 8 bytes inside an 81-byte block, not of its start", "b7", "used" },
    { { .rule = RULE_INVALID_DROP, .use = USE_DROP, .family = WIRE_DELETE, .address = 0x7ff0 }, WITH(used_held),
      "operator delete of 0x7ff0, where no block starts", NULL, "used" },
    { { .rule = RULE_MISMATCHED_DROP, .use = USE_DROP, .family = WIRE_FREE, .made_family = WIRE_NEW_ARRAY, .block = 7, .block_size = 11 }, WITH(used_made_dropped),
      "free dropped an 11-byte block that operator new[] made", "b7", "used made" },
    { { .rule = RULE_MISMATCHED_DROP, .use = USE_DROP, .family = WIRE_DELETE, .made_family = WIRE_NEW_SCALAR, .block = 7, .block_size = 110, .length = 1 },
      WITH(used_made_dropped), "operator delete was told 1 byte for a 110-byte block", "b7", "used made" },
    { { .rule = RULE_USE_AFTER_DROP, .use = USE_COPY, .family = WIRE_COPY_MEMCPY, .writes = true, .block = 7, .block_size = 16, .offset = 4, .length = 8 },
      WITH(used_made_dropped), "memcpy wrote 8 bytes at offset 4 of a 16-byte block that t1 had dropped", "b7", "used made dropped" },
    { { .rule = RULE_USE_AFTER_DROP, .use = USE_DROP, .family = WIRE_REALLOC, .block = 7, .block_size = 16 }, WITH(used_made_dropped),
      "realloc of a 16-byte block that t1 had dropped", "b7", "used" },
    { { .rule = RULE_USE_AFTER_DROP, .use = USE_LOCK, .family = WIRE_LOCK_MUTEX, .block = 7, .block_size = 64, .offset = 16 }, WITH(used_made_dropped),
      "t2 used the mutex at offset 16 of a 64-byte block that t1 had dropped", "b7", "used" },
    { { .rule = RULE_USE_AFTER_DROP, .use = USE_THREAD, .block = 7, .block_size = 64 }, WITH(held_itself),
      "t2 gave a new thread a pointer into a 64-byte block that had been dropped", "b7", "used" },
    { { .rule = RULE_OUT_OF_BOUNDS, .use = USE_COPY, .family = WIRE_COPY_MEMCPY, .writes = true, .block = 7, .block_size = 16, .offset = 8, .length = 24 },
      WITH(used_made_dropped), "memcpy wrote 24 bytes from offset 8 of a 16-byte block: 16 past its end", "b7", "used made" },
    { { .rule = RULE_OUT_OF_BOUNDS, .use = USE_COPY, .family = WIRE_COPY_MEMCPY | WIRE_COPY_CHECKED, .block = 7, .block_size = 16, .offset = -4, .length = 8 },
      WITH(used_made_dropped), "__memcpy_chk read 8 bytes from 4 bytes before the start of a 16-byte block", "b7", "used made" },
    { { .rule = RULE_OVERLAP, .use = USE_COPY, .family = WIRE_COPY_MEMCPY, .block = 7, .block_size = 64, .length = 24 }, WITH(used_made_dropped),
      "memcpy copied 24 bytes between ranges that overlap, in a 64-byte block", "b7", "used" },
    { { .rule = RULE_UNORDERED_BORROW, .use = USE_COPY, .family = WIRE_COPY_STRNCPY, .writes = true, .block = 7, .block_size = 64, .length = 24 }, WITH(used_other),
      "strncpy in t2 wrote 24 bytes at offset 0 of a 64-byte block that t1 had used, and nothing seen orders the two (atomics, pipes and futexes are not seen)", "b7", "used other made" },
    { { .rule = RULE_UNORDERED_BORROW, .use = USE_DROP, .family = WIRE_FREE, .block = 7, .block_size = 64 }, WITH(used_other),
      "free in t2 of a 64-byte block that t1 had used, and nothing seen orders the two (atomics, pipes and futexes are not seen)", "b7", "used other" },
    { { .rule = RULE_DROPPED_WHILE_LOCKED, .use = USE_DROP, .family = WIRE_FREE, .block = 7, .block_size = 64, .lock = 4 }, WITH(used_held),
      "t2 dropped a 64-byte block while t1 held mutex b7+0x10 in it", "b7", "used held" },
    { { .rule = RULE_DESTROYED_WHILE_HELD, .use = USE_LOCK, .family = WIRE_LOCK_MUTEX, .lock = 4 }, WITH(held_itself),
      "t2 destroyed mutex b7+0x10 while it held it", "l4", "used held" },
    { { .rule = RULE_EXITED_HOLDING, .lock = 9 }, WITH(used_held), "t2 ended while it held spin app+0x4010", "l9", "held" },
    { { .rule = RULE_RELEASED_BY_STRANGER, .use = USE_LOCK, .family = WIRE_LOCK_MUTEX, .lock = 4 }, WITH(used_held),
      "t2 released mutex b7+0x10, which t1 held", "l4", "used held" },
    { { .rule = RULE_RELEASED_BY_STRANGER, .use = USE_LOCK, .family = WIRE_LOCK_MUTEX, .lock = 4 }, WITH(used_made_dropped),
      "t2 released mutex b7+0x10, which nobody held", "l4", "used" },
    { { .rule = RULE_RELOCK, .use = USE_LOCK, .family = WIRE_LOCK_MUTEX, .lock = 4 }, WITH(held_itself),
      "t2 locked mutex b7+0x10, which it held already", "l4", "used held" },
    { { .rule = RULE_LOCK_ORDER, .lock = 4, .doubt = DOUBT_BY_CLASS | DOUBT_LOST }, WITH(cycle),
      "t1 took rwlock 0x7ffe10 while it held mutex b7+0x10, t2 took mutex b7+0x10 while it held rwlock 0x7ffe10", "l4", "held_1 taken_1 held_2 taken_2" },
    { { .rule = RULE_DEADLOCK, .lock = 4 }, WITH(alone), "t1 holds mutex b7+0x10 and waits for mutex b7+0x10", "l4", "held_1 waited_1" },
    { { .rule = RULE_DEADLOCK, .lock = 4 }, WITH(waiting),
      "t1 holds mutex b7+0x10 and waits for spin app+0x4010, t2 holds spin app+0x4010 and waits for lock l77", "l4", "held_1 waited_1 held_2 waited_2" },
};
enum { ROWS = sizeof rows / sizeof *rows };

/* All rows as one view. */
static struct view rows_view(struct view_finding *findings, struct view_evidence *evidence)
{
    struct view v = scratch_view();
    for (size_t i = 0; i < ROWS; i++) {
        findings[i] = rows[i].f;
        findings[i].process = 1;
        findings[i].thread = 2;
        findings[i].count = i + 1;
        findings[i].first = (uint32_t)v.n_evidence;
        findings[i].n = (uint32_t)rows[i].n;
        memcpy(evidence + v.n_evidence, rows[i].evidence, rows[i].n * sizeof *evidence);
        v.n_evidence += rows[i].n;
        v.findings_by_rule[rows[i].f.rule] += i + 1;
    }
    v.findings = findings;
    v.n_findings = ROWS;
    v.evidence = evidence;
    v.locks = locks;
    v.n_locks = sizeof locks / sizeof *locks;
    return v;
}

static struct view_finding findings[ROWS];
static struct view_evidence evidence[ROWS * 4];
static struct doc_context context = { .complete = true };

START_TEST(every_rule_in_a_sentence)
{
    struct view v = rows_view(findings, evidence);
    json_t *j = doc_findings(&v, &context, NULL);
    const json_t *list = json_object_get(j, "findings");
    ck_assert_uint_eq(json_array_size(list), ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        const json_t *f = json_array_get(list, i);
        has_keys(f, "rule count process thread ns node message stacks fingerprint doubt evidence");
        ck_assert_str_eq(text(f, "message"), rows[i].message);
        ck_assert_str_eq(text(f, "rule"), rule_names[rows[i].f.rule]);
        ck_assert_int_eq(number(f, "count"), (json_int_t)i + 1);
        ck_assert_msg(rows[i].node ? text(f, "node") && !strcmp(text(f, "node"), rows[i].node) : json_is_null(json_object_get(f, "node")),
                      "node of %s", rows[i].message);
        has_keys(json_object_get(f, "stacks"), rows[i].keys);
        ck_assert_uint_eq(json_object_size(json_object_get(f, "stacks")), rows[i].n);
        ck_assert_uint_eq(strlen(text(f, "fingerprint")), 16);
    }
    const json_t *doubt = json_object_get(json_array_get(list, ROWS - 3), "doubt");
    ck_assert_uint_eq(json_array_size(doubt), 2);
    ck_assert_int_eq(number(j, "findings_total"), ROWS);
    ck_assert_int_eq(number(json_object_get(j, "rules"), "invalid-drop"), 2);
    ck_assert_int_eq(number(json_object_get(j, "times"), "invalid-drop"), 2 + 3);
    json_decref(j);
    struct doc_options o = { .sites = 3 };
    j = doc_findings(&v, &context, &o);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "findings")), 3);
    ck_assert_int_eq(number(j, "findings_total"), ROWS);
    json_decref(j);
}
END_TEST

/* A view may come from a file that somebody made: nothing in it is believed. */
START_TEST(numbers_that_lead_nowhere)
{
    struct view v = rows_view(findings, evidence);
    for (size_t i = 0; i < ROWS; i++) {
        findings[i].rule = (uint8_t)(i * 31);
        findings[i].use = (uint8_t)(i * 7);
        findings[i].family = (uint8_t)(255 - i);
        findings[i].made_family = 200;
        findings[i].first = i % 2 ? UINT32_MAX : (uint32_t)v.n_evidence - 1;
        findings[i].n = UINT32_MAX;
        findings[i].offset = INT64_MIN;
        findings[i].length = UINT64_MAX;
    }
    for (size_t i = 0; i < v.n_evidence; i++)
        evidence[i] = (struct view_evidence){ .role = (uint8_t)(i * 3), .stack = UINT32_MAX - (uint32_t)i, .lock = UINT64_MAX };
    json_t *j = doc_findings(&v, &context, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "findings")), ROWS);
    json_decref(j);
}
END_TEST

/* ---- fingerprints ---- */

static uint64_t printed(struct view *v, const struct view_evidence *e, size_t n, struct view_finding f)
{
    struct symbols *s = symbols_new();
    struct frames *frames = frames_new(s, v, NULL);
    v->evidence = (struct view_evidence *)e;
    v->n_evidence = n;
    f.n = (uint32_t)n;
    uint64_t print = fingerprint_finding(v, frames, &f);
    frames_free(frames);
    symbols_free(s);
    return print;
}

START_TEST(cycles_are_the_same_wherever_they_begin)
{
    struct view v = scratch_view();
    struct view_evidence a[4], b[4];
    for (uint32_t i = 0; i < 4; i++) {
        a[i] = (struct view_evidence){ .role = i % 2 ? EVIDENCE_TAKEN : EVIDENCE_HELD, .stack = i % 2 ? 1 : 2, .thread = i };
        b[(i + 2) % 4] = a[i];
    }
    struct view_finding f = { .rule = RULE_LOCK_ORDER };
    ck_assert_uint_eq(printed(&v, a, 4, f), printed(&v, b, 4, f));
    ck_assert_uint_ne(printed(&v, a, 4, f), printed(&v, a, 3, f));
    f.rule = RULE_DEADLOCK;
    ck_assert_uint_ne(printed(&v, a, 4, f), printed(&v, b, 4, (struct view_finding){ .rule = RULE_LOCK_ORDER }));
    /* which of two unordered uses came first is chance; elsewhere a role tells */
    struct view_evidence x[] = { { .role = EVIDENCE_USED, .stack = 1 }, { .role = EVIDENCE_OTHER, .stack = 2 } };
    struct view_evidence y[] = { { .role = EVIDENCE_USED, .stack = 2 }, { .role = EVIDENCE_OTHER, .stack = 1 } };
    f.rule = RULE_UNORDERED_BORROW;
    ck_assert_uint_eq(printed(&v, x, 2, f), printed(&v, y, 2, f));
    f.rule = RULE_DOUBLE_DROP;
    x[1].role = y[1].role = EVIDENCE_DROPPED;
    ck_assert_uint_ne(printed(&v, x, 2, f), printed(&v, y, 2, f));
}
END_TEST

/* The view of one build: main -> outer -> inner of a program. */
static uint64_t built(const char *name, const char *outermost)
{
    static struct code_frame frames[3];
    static struct code_stack stacks[] = { { 0, 1, 1 }, { 1, 2, 2 }, { 2, 3, 3 } };
    char path[200];
    snprintf(path, sizeof path, "%s/%s", symbols_dir, name);
    struct code_module module = { .path = path };
    frames[0] = (struct code_frame){ 1, CODE_FRAME_EXACT, nm(name, outermost) };
    frames[1] = (struct code_frame){ 1, CODE_FRAME_EXACT, nm(name, "outer") + 1 };
    frames[2] = (struct code_frame){ 1, CODE_FRAME_EXACT, nm(name, "inner") + 1 };
    struct view v = { .modules = &module, .n_modules = 1, .frames = frames, .n_frames = 3, .stacks = stacks, .n_stacks = 3 };
    struct view_evidence e = { .role = EVIDENCE_USED, .stack = 3 };
    return printed(&v, &e, 1, (struct view_finding){ .rule = RULE_DOUBLE_DROP });
}

START_TEST(builds_differ_and_fingerprints_do_not)
{
    static const char plain[] = "#include <stdlib.h>\n__attribute__((noinline)) void inner(void *p) { free(p); }\n"
                                "__attribute__((noinline)) void outer(void *p) { inner(p); abort(); }\n"
                                "int main(void) { outer(malloc(8)); return 0; }\n";
    write_text("a.c", plain);
    char *longer = xasprintf("int more(int n) { return n * 3 + n / 7; }\n\n\n%sint even_more(int n) { return more(n) * more(n + 1); }\n", plain);
    write_text("b.c", longer);
    free(longer);
    shell("mkdir -p first second && gcc -g -O1 -o first/app a.c && gcc -O2 -o second/app b.c && gcc -g -O1 -o first/other a.c");
    uint64_t first = built("first/app", "main"), second = built("second/app", "main");
    ck_assert_uint_ne(nm("first/app", "inner"), nm("second/app", "inner"));
    ck_assert_uint_eq(first, second);
    ck_assert_uint_ne(first, built("first/other", "main"));     /* another module */
    ck_assert_uint_ne(first, built("first/app", "outer"));      /* another way to get there */
    ck_assert_uint_eq(first, built("first/app", "main"));
}
END_TEST

/* What compilers add to a name, recursion, and libc's start code do not count. */
START_TEST(parts_of_functions)
{
    write_text("p.s", ".text\n"
        ".irp f, work, work.part.0, work.constprop.0.isra.0, main, _start, __libc_start_main\n"
        ".globl \"\\f\"\n.type \"\\f\", @function\n\"\\f\": nop\n nop\n.size \"\\f\", 2\n.endr\n");
    shell("gcc -shared -nostdlib -o parts.so p.s");
    static struct code_frame frames[8];
    static struct code_stack stacks[8];
    static const char *const ways[][6] = { { "main", "work" }, { "main", "work", "work.part.0" }, { "_start", "main", "work.constprop.0.isra.0" },
                                           { "_start", "__libc_start_main", "main", "work", "work" }, { "main", "main", "work" } };
    uint64_t first = 0;
    char path[200];
    snprintf(path, sizeof path, "%s/parts.so", symbols_dir);
    struct code_module module = { .path = path };
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        uint32_t n = 0;
        for (; n < 6 && ways[w][n]; n++) {
            frames[n] = (struct code_frame){ 1, CODE_FRAME_EXACT, nm("parts.so", ways[w][n]) };
            stacks[n] = (struct code_stack){ n, n + 1, n + 1 };
        }
        struct view v = { .modules = &module, .n_modules = 1, .frames = frames, .n_frames = n, .stacks = stacks, .n_stacks = n };
        struct view_evidence e = { .role = EVIDENCE_USED, .stack = n };
        uint64_t print = printed(&v, &e, 1, (struct view_finding){ .rule = RULE_DOUBLE_DROP });
        first = first ? first : print;
        ck_assert_msg(print == first, "way %zu", w);
    }
}
END_TEST

START_TEST(schema)
{
    struct view v = rows_view(findings, evidence), nothing = { 0 };
    json_t *docs[] = { doc_findings(&v, &context, NULL), doc_findings(&nothing, &context, NULL) };
    char *command = xstrdup("python3 tests/unit/schema_check.py");
    for (size_t i = 0; i < 2; i++) {
        char *out = json_dumps(docs[i], 0), name[32];
        snprintf(name, sizeof name, "findings%zu.json", i);
        scratch_write(name, out, strlen(out));
        char *more = xasprintf("%s collector/export/schema/ownscope-findings.schema.json %s/%s", command, scratch_dir, name);
        free(command), free(out);
        command = more;
        json_decref(docs[i]);
    }
    int status = system(command);
    ck_assert(status == 0 || status == 77 << 8);
    free(command);
}
END_TEST

int main(void)
{
    scratch_begin("findings");
    Suite *suite = suite_create("doc_findings");
    TCase *tc = tcase_create("doc_findings");
    tcase_add_checked_fixture(tc, scratch_make, scratch_clean);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_rule_in_a_sentence);
    tcase_add_test(tc, numbers_that_lead_nowhere);
    tcase_add_test(tc, cycles_are_the_same_wherever_they_begin);
    tcase_add_test(tc, builds_differ_and_fingerprints_do_not);
    tcase_add_test(tc, parts_of_functions);
    tcase_add_test(tc, schema);
    suite_add_tcase(suite, tc);
    int status = suite_run(suite);
    scratch_end(status && getenv("KEEP"));
    return status;
}
