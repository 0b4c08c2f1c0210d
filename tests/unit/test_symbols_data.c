/*
 * tests/unit/test_symbols_data.c - names of variables by link-time address.
 */
#include <dlfcn.h>

#include "symbols_ask.h"
#include "suite.h"

static const char source[] =
    "struct pair { long a, b[4]; };\n"
    "struct pair shared_pair = { 1, { 2 } };\n"
    "static volatile struct pair hidden_pair = { 3, { 4 } };\n"
    "long zeroed[100];\n"
    "static volatile long own_zeroed;\n"
    "extern struct pair shared_alias __attribute__((alias(\"shared_pair\")));\n"
    "extern long z __attribute__((weak, alias(\"zeroed\")));\n"
    "const long constant = 7;\n"
    "__thread long per_thread = 5;\n"
    "long sum(void) { return shared_pair.a + hidden_pair.b[1] + zeroed[3] + own_zeroed++ + per_thread; }\n";

static void sources(void)
{
    write_text("data.c", source);
    write_text("data.cc", "#include <mutex>\nnamespace zoo { std::mutex door; namespace { std::mutex back; }\n"
                          "struct cage { static std::mutex lock; }; std::mutex cage::lock;\n"
                          "void go() { door.lock(); back.lock(); cage::lock.lock(); } }\n");
}

/* "NAME+OFFSET" at an address of a scratch file; "" for none. */
static const char *variable(const char *file, uint64_t address)
{
    static char text[4][200];
    static unsigned turn;
    char path[160];
    snprintf(path, sizeof path, "%s/%s", scratch, file);
    struct code_module m = { .path = path };
    uint64_t into = 0;
    const char *name = symbols_variable(s, &m, address, &into, NULL);
    char *to = text[turn++ % 4];
    snprintf(to, sizeof text[0], name ? "%s+%llu" : "", name, (unsigned long long)into);
    return to;
}

START_TEST(variables)
{
    shell("gcc -O1 -fPIC -shared -o libdata.so data.c");
    uint64_t pair = nm("libdata.so", "shared_pair"), hidden = nm("libdata.so", "hidden_pair");
    ck_assert_str_eq(variable("libdata.so", pair), "shared_pair+0");      /* not its longer alias */
    ck_assert_str_eq(variable("libdata.so", pair + 39), "shared_pair+39");
    ck_assert_str_ne(variable("libdata.so", pair + 40), "shared_pair+40");
    ck_assert_str_eq(variable("libdata.so", hidden + 8), "hidden_pair+8");
    ck_assert_str_eq(variable("libdata.so", nm("libdata.so", "zeroed") + 16), "z+16");  /* in .bss */
    ck_assert_str_eq(variable("libdata.so", nm("libdata.so", "own_zeroed")), "own_zeroed+0");
    ck_assert_str_eq(variable("libdata.so", nm("libdata.so", "constant")), "constant+0");
    ck_assert_str_eq(variable("libdata.so", nm("libdata.so", "sum")), "");              /* code */
    ck_assert_str_eq(variable("libdata.so", 0xffffffffff), "");
    ck_assert_str_eq(variable("no such file", pair), "");
    /* An offset into the thread's storage is no address. */
    ck_assert_str_ne(variable("libdata.so", nm("libdata.so", "per_thread")), "per_thread+0");
}
END_TEST

START_TEST(a_local_name_is_second)
{
    write_text("two.s", ".data\n.type a,@object\n.size a,8\na:\n.globl longer\n.type longer,@object\n.size longer,8\nlonger: .quad 1\n");
    shell("gcc -shared -nostdlib -o two.so two.s");
    ck_assert_str_eq(variable("two.so", nm("two.so", "a")), "longer+0");
}
END_TEST

START_TEST(stripped)
{
    shell("gcc -O1 -fPIC -shared -o whole.so data.c && cp whole.so bare.so && strip bare.so");
    ck_assert_str_eq(variable("bare.so", nm("whole.so", "shared_pair")), "shared_pair+0");
    ck_assert_str_eq(variable("bare.so", nm("whole.so", "hidden_pair")), "");
}
END_TEST

START_TEST(debug_file)
{
    shell("gcc -g -O1 -fPIC -shared -Wl,--build-id=0xfeedc0dd -o apart.so data.c && cp apart.so apart.full && "
          "objcopy --only-keep-debug apart.so apart.debug && strip apart.so && "
          "mkdir -p debug/.build-id/fe && mv apart.debug debug/.build-id/fe/edc0dd.debug");
    ck_assert_str_eq(variable("apart.so", nm("apart.full", "hidden_pair") + 1), "hidden_pair+1");
    ck_assert_str_eq(variable("apart.so", nm("apart.full", "own_zeroed")), "own_zeroed+0");
}
END_TEST

START_TEST(demangled)
{
    shell("g++ -O1 -fPIC -shared -o libzoo.so data.cc");
    ck_assert_str_eq(variable("libzoo.so", nm("libzoo.so", "_ZN3zoo4doorE")), "zoo::door+0");
    ck_assert_str_eq(variable("libzoo.so", nm("libzoo.so", "_ZN3zoo12_GLOBAL__N_14backE") + 8), "zoo::(anonymous namespace)::back+8");
    ck_assert_str_eq(variable("libzoo.so", nm("libzoo.so", "_ZN3zoo4cage4lockE")), "zoo::cage::lock+0");
}
END_TEST

/* Of libc as it is installed: no symbol table but the dynamic one. */
START_TEST(libc_variable)
{
    Dl_info where;
    void *address = dlsym(RTLD_DEFAULT, "stdout");
    ck_assert_ptr_nonnull(address);
    ck_assert(dladdr(address, &where));
    if (!strstr(where.dli_fname, "libc.so"))
        return;             /* copied into this program */
    struct code_module m = { .path = (char *)where.dli_fname };
    uint64_t into;
    const char *name = symbols_variable(s, &m, (uint64_t)address - (uint64_t)where.dli_fbase, &into, NULL);
    ck_assert_ptr_nonnull(name);
    ck_assert_str_eq(name, "stdout");
    ck_assert_uint_eq(into, 0);
}
END_TEST

START_TEST(damaged)
{
    size_t bytes;
    shell("gcc -O1 -fPIC -shared -o sound.so data.c");
    uint64_t pair = nm("sound.so", "shared_pair");
    uint8_t *sound = read_file("sound.so", &bytes), *torn = malloc(bytes);
    srandom(11);
    for (int round = 0; round < 500; round++) {
        memcpy(torn, sound, bytes);
        for (int k = 0; k < 40; k++)
            torn[(size_t)random() % bytes] = (uint8_t)random();
        write_file("damaged.so", torn, round % 5 ? bytes : (size_t)random() % bytes);
        symbols_free(s);
        s = symbols_new();
        for (uint64_t a = pair - 64; a < pair + 64; a += 8)
            variable("damaged.so", a);
    }
    free(sound);
    free(torn);
}
END_TEST

int main(void)
{
    scratch_begin("data");
    Suite *suite = suite_create("symbols_data");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 120);
    tcase_add_unchecked_fixture(files, sources, NULL);
    tcase_add_checked_fixture(files, setup, teardown);
    tcase_add_test(files, variables);
    tcase_add_test(files, a_local_name_is_second);
    tcase_add_test(files, stripped);
    tcase_add_test(files, debug_file);
    tcase_add_test(files, demangled);
    tcase_add_test(files, libc_variable);
    tcase_add_test(files, damaged);
    suite_add_tcase(suite, files);

    int status = suite_run(suite);
    scratch_end(status && getenv("KEEP"));
    return status;
}
