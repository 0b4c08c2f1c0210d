/*
 * tests/unit/test_symbols_oracle.c - functions, files, lines and inline
 * chains against binutils' addr2line and, where it is installed,
 * llvm-symbolizer, for every instruction of programs that are compiled here
 * in many ways.
 *
 * An answer is right when it is the same as one of theirs: addr2line reports
 * less for ranges in pieces and DWARF 5's first file (a third of clang's
 * inlined code), so without llvm-symbolizer up to half of the answers may
 * differ. Both know little of split DWARF: there they are asked about a twin
 * with the same code and plain DWARF. They print a function's plain name where
 * the symbol table knows a fuller one, so such names are compared by their
 * last part.
 */
#include <ctype.h>

#include "suite.h"
#include "symbols/symbols.h"
#include "symbols_scratch.h"

struct way {
    const char *compiler;   /* and what it needs on the line */
    const char *flags;
    const char *sources;
    const char *twin;       /* flags of the program that the oracles are asked about; NULL: the same */
};

static const char c_sources[] = "one.c two.c", cc_sources[] = "plus.cc";

static const struct way ways[] = {
    { "gcc", "-O0 -gdwarf-4", c_sources, NULL },
    { "gcc", "-O0 -gdwarf-5", c_sources, NULL },
    { "gcc", "-O2 -gdwarf-4", c_sources, NULL },
    { "gcc", "-O2 -gdwarf-5", c_sources, NULL },
    { "gcc", "-O2 -gdwarf-5 -no-pie -gz", c_sources, NULL },
    { "gcc", "-O2 -g -gsplit-dwarf", c_sources, "-O2 -g" },
    { "gcc", "-O2 -gdwarf-4 -gsplit-dwarf", c_sources, "-O2 -gdwarf-4" },
    { "gcc", "-O2 -g -flto", c_sources, NULL },
    { "gcc", "-O2 -g -ffunction-sections -Wl,--gc-sections", c_sources, NULL },
    { "gcc", "-O1 -g1", c_sources, NULL },
    { "clang", "-O0 -gdwarf-4", c_sources, NULL },
    { "clang", "-O2 -gdwarf-4", c_sources, NULL },
    { "clang", "-O2 -gdwarf-5", c_sources, NULL },
    { "clang", "-O2 -gline-tables-only", c_sources, NULL },
    { "clang", "-O2 -g -gsplit-dwarf", c_sources, "-O2 -g" },
    { "clang", "-O2 -g -ffunction-sections -Wl,--gc-sections", c_sources, NULL },
    { "g++", "-O0 -gdwarf-5", cc_sources, NULL },
    { "g++", "-O2 -gdwarf-4", cc_sources, NULL },
    { "g++", "-O2 -gdwarf-5", cc_sources, NULL },
    { "clang++", "-O0 -gdwarf-4", cc_sources, NULL },
    { "clang++", "-O2 -gdwarf-5", cc_sources, NULL },
};

enum { PLACES = 64, ADDRESSES = 40000 };

struct oracle_place {
    char *function, *file;
    unsigned line;
};

/* Addresses of the instructions that do something (padding belongs to nobody). */
static size_t instructions(const char *program, uint64_t *addresses)
{
    char command[256], line[1024];
    snprintf(command, sizeof command, "cd %s && objdump -d --no-show-raw-insn -j .text %s", scratch, program);
    FILE *f = popen(command, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = 0;
    while (fgets(line, sizeof line, f) && n < ADDRESSES) {
        char *end;
        uint64_t address = strtoull(line, &end, 16);
        if (line[0] != ' ' || *end != ':' || strstr(end, "nop") || strstr(end, "xchg   %ax,%ax") ||
            strstr(end, "data16"))
            continue;
        addresses[n++] = address;
    }
    pclose(f);
    return n;
}

static void split_place(struct oracle_place *p, const char *function, char *place)
{
    char *cut = strstr(place, " (discriminator");
    if (cut)
        *cut = 0;
    cut = strrchr(place, ':');
    ck_assert_ptr_nonnull(cut);
    *cut = 0;
    *p = (struct oracle_place){ strdup(function), strdup(place), (unsigned)strtoul(cut + 1, NULL, 10) };
}

/* Without "/./", which one of the two may keep. */
static bool same_path(const char *a, const char *b)
{
    for (;;) {
        while (!strncmp(a, "/./", 3))
            a += 2;
        while (!strncmp(b, "/./", 3))
            b += 2;
        if (*a != *b)
            return false;
        if (!*a)
            return true;
        a++, b++;
    }
}

/* Like strcmp == 0, but for spaces: "operator< <char>" is "operator<<char>". */
static bool same_text(const char *a, const char *b)
{
    for (;; a++, b++) {
        a += strspn(a, " ");
        b += strspn(b, " ");
        if (*a != *b)
            return false;
        if (!*a)
            return true;
    }
}

/* "zoo::box<int>::get(int) const" ends, before its arguments, in "get". */
static bool same_function(const char *ours, const char *theirs)
{
    if (same_text(ours, theirs))
        return true;
    size_t n = strlen(theirs);
    for (const char *at = ours; (at = strstr(at, theirs)); at++) {
        bool starts = at == ours || (!isalnum((unsigned char)at[-1]) && at[-1] != '_');
        bool ends = !at[n] || at[n] == '(' || at[n] == '<' || at[n] == '[';
        if (starts && ends)
            return true;
    }
    /* The other way round: a clone ("name.part.0") is still the function. */
    n = strlen(ours);
    return !strncmp(ours, theirs, n) && (theirs[n] == '.' || theirs[n] == '(');
}

/* What an oracle says about one address. */
struct oracle_answer {
    struct oracle_place at[PLACES];
    size_t n;
};

static bool same(const struct symbol_place *ours, size_t n, const struct oracle_answer *theirs)
{
    const struct oracle_place *first = &theirs->at[0];
    if (!strcmp(first->file, "??") || !strchr(first->file, '/')) {
        /* No debug information there: start files. Gaps go to the function
         * before them there; here they are unknown. */
        return n == 1 && !ours[0].file &&
               (!ours[0].function || same_function(ours[0].function, first->function));
    }
    if (n != theirs->n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!ours[i].function || !same_function(ours[i].function, theirs->at[i].function) ||
            !ours[i].file || !same_path(ours[i].file, theirs->at[i].file) ||
            ours[i].line != theirs->at[i].line || ours[i].inlined != (i + 1 < n))
            return false;
    return true;
}

static void show(const struct symbol_place *ours, size_t n, const struct oracle_answer *theirs)
{
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "  ours   %s %s:%u\n", ours[i].function, ours[i].file, ours[i].line);
    for (size_t i = 0; i < theirs->n; i++)
        fprintf(stderr, "  theirs %s %s:%u\n", theirs->at[i].function, theirs->at[i].file, theirs->at[i].line);
}

/* Reads what addr2line printed into `name`: "0xADDRESS", then two lines a place. */
static void read_answers(const char *name, struct oracle_answer *answers, size_t n)
{
    char *function = NULL, *place = NULL;
    size_t function_bytes = 0, place_bytes = 0, i = 0;
    FILE *f = fopen(in_scratch(name), "r");
    ck_assert_ptr_nonnull(f);
    while (getline(&function, &function_bytes, f) > 0) {
        function[strcspn(function, "\n")] = 0;
        if (!function[0])
            continue;
        if (!strncmp(function, "0x", 2)) {
            ck_assert_uint_lt(i, n);
            answers[i++].n = 0;
            continue;
        }
        struct oracle_answer *a = &answers[i - 1];
        ck_assert_uint_lt(a->n, PLACES);
        ck_assert_int_gt(getline(&place, &place_bytes, f), 0);
        place[strcspn(place, "\n")] = 0;
        split_place(&a->at[a->n++], function, place);
    }
    ck_assert_uint_eq(i, n);
    fclose(f);
    free(function);
    free(place);
}

static void free_answers(struct oracle_answer *answers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < answers[i].n; k++) {
            free(answers[i].at[k].function);
            free(answers[i].at[k].file);
        }
    free(answers);
}

static void check_program(const char *program, const char *twin, const char *what, size_t least, bool inlines)
{
    static uint64_t addresses[ADDRESSES];
    size_t n = instructions(program, addresses), wrong = 0, inlined = 0;
    bool llvm = have_tool("llvm-symbolizer");
    FILE *f = fopen(in_scratch("addresses"), "w");
    for (size_t i = 0; i < n; i++)
        fprintf(f, "0x%lx\n", (unsigned long)addresses[i]);
    fclose(f);
    struct oracle_answer *a = calloc(n, sizeof *a), *b = calloc(n, sizeof *b);
    shell("addr2line -a -f -i -C -e %s <addresses >places", twin);
    read_answers("places", a, n);
    if (llvm) {
        shell("llvm-symbolizer --output-style=GNU -a -f -i -C --obj=%s <addresses >places", twin);
        read_answers("places", b, n);
    }

    struct symbols *s = symbols_new();
    ck_assert_int_eq(symbols_module_state(s, in_scratch(program), NULL, 0), SYMBOLS_DEBUG);
    for (size_t i = 0; i < n; i++) {
        const struct symbol_place *ours;
        size_t got = symbols_resolve(s, in_scratch(program), NULL, 0, addresses[i], &ours);
        inlined += got > 1;
        if (same(ours, got, &a[i]) || (llvm && same(ours, got, &b[i])))
            continue;
        wrong++;
        if (llvm && wrong < 4) {
            fprintf(stderr, "%s: %#lx\n", what, (unsigned long)addresses[i]);
            show(ours, got, &a[i]);
            show(ours, 0, &b[i]);
        }
    }
    symbols_free(s);
    free_answers(a, n);
    free_answers(b, n);
    ck_assert_msg(wrong <= (llvm ? 0 : n / 2), "%s: %zu of %zu answers wrong", what, wrong, n);
    ck_assert_msg(n >= least, "%s: only %zu addresses compared", what, n);
    ck_assert_msg(!inlines || inlined > 20, "%s: %zu inlined addresses", what, inlined);
}

START_TEST(same_as_addr2line)
{
    const struct way *w = &ways[_i];
    char what[200], program[32];
    snprintf(what, sizeof what, "%s %s", w->compiler, w->flags);
    snprintf(program, sizeof program, "way%d", _i);
    if (!have_tool(w->compiler))
        return;
    shell("%s %s -o %s %s", w->compiler, w->flags, program, w->sources);
    if (w->twin) {
        shell("%s %s -o twin %s", w->compiler, w->twin, w->sources);
        shell("objcopy -O binary -j .text %s a && objcopy -O binary -j .text twin b && cmp a b", program);
    }
    check_program(program, w->twin ? "twin" : program, what, 150, strstr(w->flags, "-O0") == NULL);
}
END_TEST

/* Sources given with absolute and with relative names, from another folder. */
START_TEST(folders)
{
    shell("mkdir -p sub && cd sub && gcc -O2 -g -I.. -o ../mixed ../one.c %s/two.c", scratch);
    check_program("mixed", "mixed", "folders", 100, true);
    shell("gcc -O2 -gdwarf-4 -fdebug-prefix-map=%s=. -o mapped one.c two.c", scratch);
    struct symbols *s = symbols_new();
    const struct symbol_place *p;
    symbols_resolve(s, in_scratch("mapped"), NULL, 0, nm("mapped", "outer"), &p);
    ck_assert_str_eq(p[0].function, "outer");
    ck_assert_msg(same_path(p[0].file, "./one.c"), "%s", p[0].file);
    symbols_free(s);
}
END_TEST

int main(void)
{
    scratch_begin("oracle");
    Suite *suite = suite_create("symbols_oracle");
    TCase *t = tcase_create("addr2line");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, write_sources, NULL);
    tcase_add_loop_test(t, same_as_addr2line, 0, (int)(sizeof ways / sizeof *ways));
    tcase_add_test(t, folders);
    suite_add_tcase(suite, t);
    int status = suite_run(suite);
    scratch_end(status && getenv("KEEP"));
    return status;
}
