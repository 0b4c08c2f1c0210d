/* tests/unit/test_symbols_seek.c - from names of functions to addresses: patterns against
 * names, and in programs compiled here each address against what symbols.h says of it. */
#include "suite.h"
#include "symbols/module.h"
#include "symbols/seek.h"
#include "symbols_scratch.h"

START_TEST(test_patterns)
{
    static const struct { const char *pattern, *function, *linkage; bool yes; } cases[] = {
        {"main", "main", "main", true},
        {"mai", "main", "main", false},
        {"ma*", "main", "main", true},
        {"m[ab]in", "main", "main", true},
        {"zoo::box<int>::get", "zoo::box<int>::get(int) const", "_ZNK3zoo3boxIiE3getEi", true},
        {"zoo::box::get", "zoo::box<int>::get(int) const", "_ZNK3zoo3boxIiE3getEi", true},
        {"zoo::box<int>::get(int) const", "zoo::box<int>::get(int) const", "_ZNK3zoo3boxIiE3getEi", true},
        {"_ZNK3zoo3boxIiE3getEi", "zoo::box<int>::get(int) const", "_ZNK3zoo3boxIiE3getEi", true},
        {"zoo::box<double>::get", "zoo::box<int>::get(int) const", "_ZNK3zoo3boxIiE3getEi", false},
        {"get", "zoo::box<int>::get(int) const", "_ZNK3zoo3boxIiE3getEi", false},
        {"*::get", "zoo::box<int>::get(int) const", "_ZNK3zoo3boxIiE3getEi", true},
        {"twice", "int twice<int>(int)", "_Z5twiceIiEiT_", true},
        {"twice<int>", "int twice<int>(int)", "_Z5twiceIiEiT_", true},
        {"int", "int twice<int>(int)", "_Z5twiceIiEiT_", false},
        {"ns::pair<ns::a<int>, b>::f", "ns::pair<ns::a<int>, b>::f(c<d>)", "x", true},
        {"ns::pair::f", "ns::pair<ns::a<int>, b>::f(c<d>)", "x", true},
        {"(anonymous namespace)::hidden", "(anonymous namespace)::hidden(int)", "x", true},
        {"f(int)::{lambda()#1}::operator()", "f(int)::{lambda()#1}::operator()() const", "x", true},
        {"operator new", "operator new(unsigned long)", "_Znwm", true},
        {"_Znwm", "operator new(unsigned long)", "_Znwm", true},
        {"a::operator<", "a::operator<(a const&) const", "x", true},
        {"a::operator->", "a::operator->()", "x", true},
        {"a::operator()", "a::operator()(int)", "x", true},
        {"std::sort", "void std::sort<int*, bool (*)(int)>(int*, int*, bool (*)(int))", "x", true},
        {"parse", "parse.cold", "parse.cold", true},
        {"parse", "parse.part.0", "parse.part.0", true},
        {"parse.part.0", "parse.part.0", "parse.part.0", true},
        {"memcpy", "memcpy", "memcpy@@GLIBC_2.14", true},
        {"f", "f() [clone .cold]", "_Z1fv.cold", true},
        {"core::ptr::drop_in_place", "core::ptr::drop_in_place<alloc::vec::Vec<u8>>", "_RX", true},
        {"a", "a(", NULL, true},          /* hostile names end */
        {"x", "<<<(((", NULL, false},
        {"x", "", NULL, false},
        {"*", "", NULL, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(symbols_name_matches(cases[i].pattern, cases[i].function, cases[i].linkage) == cases[i].yes,
                      "%s against %s", cases[i].pattern, cases[i].function);
}
END_TEST

/* ---- programs ---- */

enum { NAMES = 5, FOUND_MAX = 1 << 16 };
struct asked {
    const char *const *names;
    struct { uint64_t which, begin, end; } found[FOUND_MAX];
    size_t n;
};

static uint64_t which(void *context, const char *function, const char *linkage)
{
    const struct asked *a = context;
    uint64_t bits = 0;
    for (size_t i = 0; i < NAMES; i++)
        bits |= (uint64_t)symbols_name_matches(a->names[i], function, linkage) << i;
    return bits;
}

static void found(void *context, uint64_t bits, uint64_t begin, uint64_t end)
{
    struct asked *a = context;
    ck_assert_uint_lt(a->n, FOUND_MAX);
    ck_assert_uint_lt(begin, end);
    a->found[a->n].which = bits;
    a->found[a->n].begin = begin;
    a->found[a->n++].end = end;
}

static enum symbols_state seek(struct asked *a, const char *program, const char *const *names, bool inlined, const atomic_u32 *stop)
{
    struct symbols_seek s = {.which = which, .found = found, .context = a, .inlined = inlined, .stop = stop};
    a->names = names;
    a->n = 0;
    return symbols_seek(in_scratch(program), NULL, 0, &s);
}

static uint64_t at(const struct asked *a, uint64_t address)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < a->n; i++)
        bits |= address >= a->found[i].begin && address < a->found[i].end ? a->found[i].which : 0;
    return bits;
}

/* Which of the names the places of an address have: all, or (tables) that of the function itself. */
static uint64_t expected(struct symbols *s, const char *program, const char *const *names, uint64_t address, bool inlined)
{
    const struct symbol_place *places;
    size_t n = symbols_resolve(s, in_scratch(program), NULL, 0, address, &places);
    uint64_t bits = 0;
    for (size_t i = inlined ? 0 : n - 1; i < n; i++)
        for (size_t k = 0; k < NAMES && places[i].function; k++)
            if (places[i].linkage || inlined)
                bits |= (uint64_t)symbols_name_matches(names[k], places[i].function, places[i].linkage) << k;
    return bits;
}

/* Each byte of the program's code. */
static void compare(const char *program, const char *const *names, bool inlined, uint64_t all)
{
    static struct asked a;
    struct symbols *s = symbols_new();
    struct symfile *f = symfile_open(in_scratch(program), NULL);
    uint64_t seen = 0;
    ck_assert_int_eq(seek(&a, program, names, inlined, NULL), SYMBOLS_DEBUG);
    for (size_t i = 0; i < f->n_code; i++)
        for (uint64_t address = f->code[i].low; address < f->code[i].high; address++) {
            uint64_t want = expected(s, program, names, address, inlined);
            ck_assert_msg(at(&a, address) == want, "%s %#lx: %lx, not %lx", program, (unsigned long)address,
                          (unsigned long)at(&a, address), (unsigned long)want);
            seen |= want;
        }
    ck_assert_uint_eq(seen, all); /* the question was worth asking */
    symfile_close(f);
    symbols_free(s);
}

static const char *const c_names[NAMES] = {"outer", "deep3", "deep2", "helper", "rec*"};
static const char *const cc_names[NAMES] = {"zoo::box::get", "zoo::box<int>::get", "zoo::cat::legs", "*hidden", "with_lambda"};

START_TEST(test_program)
{
    shell("gcc -O2 -g -o one one.c two.c");
    compare("one", c_names, true, 0x1f);
    compare("one", c_names, false, 0x11);   /* what was inlined everywhere has no symbol */
}
END_TEST

START_TEST(test_program_cxx)
{
    shell("g++ -O2 -g -o plus plus.cc");
    compare("plus", cc_names, true, 0x1f);
}
END_TEST

START_TEST(test_separate)
{
    static struct asked whole, split;
    shell("gcc -O2 -g -o two_parts one.c two.c && cp two_parts parts_whole && objcopy --only-keep-debug two_parts two_parts.debug && "
          "objcopy -S --add-gnu-debuglink=two_parts.debug two_parts");
    for (int inlined = 0; inlined < 2; inlined++) {
        seek(&whole, "parts_whole", c_names, inlined, NULL);
        ck_assert_int_eq(seek(&split, "two_parts", c_names, inlined, NULL), SYMBOLS_DEBUG);
        ck_assert_uint_gt(whole.n, 0);
        ck_assert_uint_eq(whole.n, split.n);
        ck_assert_mem_eq(whole.found, split.found, whole.n * sizeof *whole.found);
    }
}
END_TEST

/* Names of one place, each of which counts; and none of another build. */
START_TEST(test_aliases)
{
    static struct asked a;
    static const char *const names[NAMES] = {"first", "second", "nobody", "nobody", "nobody"};
    struct symbols_seek s = {.which = which, .found = found, .context = &a};
    write_text("alias.c", "__attribute__((noinline)) int first(void) { return 1; }\n"
                          "int second(void) __attribute__((alias(\"first\")));\nint main(void) { return first(); }\n");
    shell("gcc -O1 -o alias alias.c");
    ck_assert_int_eq(seek(&a, "alias", names, false, NULL), SYMBOLS_TABLE);
    uint64_t first = nm("alias", "first");
    ck_assert_uint_eq(at(&a, first), 3);
    ck_assert_uint_eq(at(&a, first - 1), 0);
    a.n = 0;
    ck_assert_int_eq(symbols_seek(in_scratch("alias"), (const uint8_t *)"other", 5, &s), SYMBOLS_OTHER_BUILD);
    ck_assert_int_eq(symbols_seek("/nowhere/at/all", NULL, 0, &s), SYMBOLS_NO_FILE);
    ck_assert_uint_eq(a.n, 0);
}
END_TEST

START_TEST(test_stop)
{
    static struct asked a;
    atomic_u32 stop;
    store_relaxed(&stop, 1);
    shell("gcc -O2 -g -o stopped one.c two.c");
    seek(&a, "stopped", c_names, true, &stop);
    ck_assert_uint_eq(a.n, 0);
    seek(&a, "stopped", c_names, false, &stop);
    ck_assert_uint_eq(a.n, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("symbols_seek");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_patterns);
    tcase_add_test(t, test_program);
    tcase_add_test(t, test_program_cxx);
    tcase_add_test(t, test_separate);
    tcase_add_test(t, test_aliases);
    tcase_add_test(t, test_stop);
    tcase_add_unchecked_fixture(t, write_sources, NULL);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    scratch_begin("seek");
    int status = suite_run(s);
    scratch_end(false);
    return status;
}
