/*
 * tests/unit/symbols_scratch.h - for the tests of collector/symbols: a
 * scratch folder with programs that the test compiles while it runs.
 *
 * main() calls scratch_begin before the tests and scratch_end after them; the
 * tests run in children of it.
 */
#ifndef OWNSCOPE_SYMBOLS_SCRATCH_H
#define OWNSCOPE_SYMBOLS_SCRATCH_H

#include <check.h>
#include <dlfcn.h>
#include <gelf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[64];

static inline bool shell_ok(const char *format, ...)
{
    char *command, *line;
    va_list args;
    va_start(args, format);
    ck_assert_int_gt(vasprintf(&command, format, args), 0);
    va_end(args);
    /* A sanitizer of this test is not for the tools that it starts. */
    ck_assert_int_gt(asprintf(&line, "cd %s && unset LD_PRELOAD && { %s ; } >log 2>&1", scratch, command), 0);
    bool ok = system(line) == 0;
    free(line);
    free(command);
    return ok;
}

#define shell(...) ck_assert_msg(shell_ok(__VA_ARGS__), "failed (see log): %s", #__VA_ARGS__)

static inline bool have_tool(const char *name)
{
    return shell_ok("command -v %s", name);
}

static inline void write_file(const char *name, const void *bytes, size_t n)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

static inline void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static inline uint8_t *read_file(const char *name, size_t *bytes)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    fseek(f, 0, SEEK_END);
    *bytes = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = malloc(*bytes + 1);
    ck_assert_uint_eq(fread(data, 1, *bytes, f), *bytes);
    fclose(f);
    return data;
}

/* The path of a scratch file; good until the fourth call after it. */
static inline const char *in_scratch(const char *name)
{
    static char paths[4][160];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

/* A symbol's address in a scratch program, by nm. */
static inline uint64_t nm(const char *program, const char *symbol)
{
    char *line, text[32] = "";
    ck_assert_int_gt(asprintf(&line, "cd %s && nm %s | awk '$3 == \"%s\" { print $1 }'",
                              scratch, program, symbol), 0);
    FILE *f = popen(line, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_msg(fgets(text, sizeof text, f) != NULL, "no symbol %s in %s", symbol, program);
    pclose(f);
    free(line);
    return strtoull(text, NULL, 16);
}

/* Two C sources with inlining over several levels, a header in a folder of
 * its own, and a C++ one with templates, lambdas and cold code. */
static inline void write_sources(void)
{
    shell("mkdir -p inc");
    write_text("inc/deep.h",
        "static inline __attribute__((always_inline)) int deep3(volatile int *p)\n{\n"
        "    int n = *p;\n    *p = n * 3;\n    return n + *p;\n}\n"
        "static inline __attribute__((always_inline)) int deep2(volatile int *p)\n{\n"
        "    *p += 2;\n    return deep3(p) + deep3(p);\n}\n"
        "static inline __attribute__((always_inline)) int deep1(volatile int *p)\n{\n"
        "    for (int i = 0; i < 3; i++)\n        *p += deep2(p);\n    return *p;\n}\n");
    write_text("one.c",
        "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include \"inc/deep.h\"\n"
        "int two(volatile int *p, int n);\n"
        "static int helper(volatile int *p)\n{\n    return deep1(p) + deep2(p);\n}\n"
        "__attribute__((noinline)) int outer(volatile int *p)\n{\n    int n = helper(p);\n"
        "    if (n == 12345)\n        abort();\n    return n + deep3(p);\n}\n"
        "__attribute__((noinline)) static int recursive(int n)\n{\n"
        "    return n < 2 ? 1 : recursive(n - 1) + recursive(n - 2) * n;\n}\n"
        "int main(int argc, char **argv)\n{\n    volatile int v = argc;\n"
        "    char *copy = malloc(strlen(argv[0]) + 1);\n    strcpy(copy, argv[0]);\n"
        "    int sum = outer(&v) + two(&v, argc) + recursive(argc);\n"
        "    printf(\"%s %d\\n\", copy, sum);\n    free(copy);\n    return 0;\n}\n");
    write_text("two.c",
        "#include \"inc/deep.h\"\n"
        "__attribute__((noinline)) static int unused_or_not(volatile int *p)\n{\n"
        "    return deep2(p) * 7;\n}\n"
        "int never_called(volatile int *p)\n{\n    return unused_or_not(p) + 1;\n}\n"
        "int two(volatile int *p, int n)\n{\n    switch (n) {\n"
        "    case 1: return deep3(p);\n    case 2: return unused_or_not(p);\n"
        "    default: *p = n;\n    }\n    return deep1(p);\n}\n");
    write_text("plus.cc",
        "#include <cstdio>\n#include <map>\n#include <stdexcept>\n#include <string>\n#include <vector>\n"
        "namespace zoo {\ntemplate <typename T> struct box {\n    T value;\n"
        "    explicit box(T v) : value(v) {}\n    T get(int n) const;\n};\n"
        "template <typename T> __attribute__((noinline)) T box<T>::get(int n) const\n{\n"
        "    if (n > 1000)\n        throw std::runtime_error(\"big\");\n    return value * n;\n}\n"
        "namespace {\n__attribute__((noinline)) int hidden(int n) { return n * 3 + 1; }\n}\n"
        "struct animal {\n    virtual ~animal() {}\n    virtual int legs() const = 0;\n};\n"
        "struct cat : animal {\n    int legs() const override { return hidden(4); }\n};\n}\n"
        "static int with_lambda(std::vector<int> &v)\n{\n    int sum = 0;\n"
        "    auto add = [&](int n) { sum += n; v.push_back(sum); };\n"
        "    for (int i = 0; i < 10; i++)\n        add(i);\n    struct local {\n"
        "        __attribute__((noinline)) int twice(int n) { return n + n; }\n    } l;\n"
        "    return l.twice(sum);\n}\n"
        "int main(int argc, char **argv)\n{\n    std::vector<int> v;\n"
        "    std::map<std::string, int> m;\n    zoo::cat c;\n    zoo::animal *a = &c;\n"
        "    try {\n        m[argv[0]] = with_lambda(v) + a->legs();\n"
        "        m[\"x\"] = zoo::box<int>(argc).get(argc) + (int)zoo::box<double>(2).get(argc);\n"
        "    } catch (const std::exception &e) {\n        std::puts(e.what());\n    }\n"
        "    std::printf(\"%zu %zu\\n\", m.size(), v.size());\n}\n");
}

static inline void scratch_begin(const char *name)
{
    snprintf(scratch, sizeof scratch, "/tmp/ownscope-%s-XXXXXX", name);
    if (!mkdtemp(scratch))
        exit(99);
}

static inline void scratch_end(bool keep)
{
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", scratch);
    if (keep)
        fprintf(stderr, "left for you: %s\n", scratch);
    else if (system(line))
        fprintf(stderr, "could not remove %s\n", scratch);
}

#endif
