/*
 * tests/unit/test_options.c - units, words, the configuration file, and which
 * of file, variable and command line wins. Commands that end the program are
 * checked by their exit status (check forks).
 */
#include <check.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/record.h"
#include "suite.h"

/* Merged options live as long as the program: that is no leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

static char dir[] = "/tmp/ownscope-options-XXXXXX";

static void setup(void)
{
    char path[256];
    strcpy(dir, "/tmp/ownscope-options-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/ownscope", dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    setenv("XDG_CONFIG_HOME", dir, 1);
    unsetenv("OWNSCOPE_OPTIONS");
    unsetenv("POSIXLY_CORRECT");
}

static void teardown(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/ownscope/config", dir);
    unlink(path);
    *strrchr(path, '/') = 0;
    rmdir(path);
    rmdir(dir);
}

static void write_file(const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/ownscope/config", dir);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

/* The merged options as "key=argument " text, and the words behind. */
static const char *walk(const struct usage *u, char **argv)
{
    static char out[1024];
    struct options o;
    char **words;
    int argc = 0, n;
    while (argv[argc])
        argc++;
    options_start(&o, u, argc, argv);
    *out = 0;
    for (int key; (key = options_next(&o)) >= 0;)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s%s ", o.name, o.argument ? "=" : "", o.argument ? o.argument : "");
    options_words(&o, &words, &n);
    for (int i = 0; i < n; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "[%s]", words[i]);
    return out;
}
#define WALK(u, ...) walk(&(u), (char *[]){ __VA_ARGS__, NULL })

START_TEST(units_of_bytes)
{
    static const struct { const char *text; int error; uint64_t bytes; } t[] = {
        { "0", 0, 0 }, { "64", 0, 64 }, { "4k", 0, 4096 }, { "1.5M", 0, 1572864 }, { "2GiB", 0, 2147483648u },
        { "3B", 0, 3 }, { "1KB", 0, 1024 }, { "16777216T", -ERANGE, 0 }, { "", -EINVAL, 0 }, { "k", -EINVAL, 0 },
        { "-1", -EINVAL, 0 }, { "1Q", -EINVAL, 0 }, { "1.2.3", -EINVAL, 0 }, { "5iB", -EINVAL, 0 }, { "1 k", -EINVAL, 0 },
        { "99999999999999999999999999", -ERANGE, 0 }, { ".", -EINVAL, 0 } };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        uint64_t bytes = 0;
        ck_assert_msg(parse_bytes(t[i].text, &bytes) == t[i].error, "%s", t[i].text);
        ck_assert_msg(bytes == t[i].bytes, "%s", t[i].text);
    }
}
END_TEST

START_TEST(units_of_time)
{
    static const struct { const char *text; int error; uint64_t ns; } t[] = {
        { "12.5s", 0, 12500000000u }, { "350ms", 0, 350000000 }, { "7us", 0, 7000 }, { "9ns", 0, 9 }, { "2m", 0, 120000000000u },
        { "0s", 0, 0 }, { "1h", 0, 3600000000000u }, { "12", -EINVAL, 0 }, { "s", -EINVAL, 0 }, { "-1s", -EINVAL, 0 },
        { "1sec", -EINVAL, 0 }, { "1e3s", -EINVAL, 0 }, { "999999999999h", -ERANGE, 0 } };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        uint64_t ns = 0;
        ck_assert_msg(parse_time_ns(t[i].text, &ns) == t[i].error, "%s", t[i].text);
        ck_assert_msg(ns == t[i].ns, "%s", t[i].text);
    }
}
END_TEST

START_TEST(counts)
{
    uint64_t n = 7;
    ck_assert_int_eq(parse_count("18446744073709551615", &n), 0);
    ck_assert(n == UINT64_MAX);
    ck_assert_int_eq(parse_count("18446744073709551616", &n), -ERANGE);
    ck_assert_int_eq(parse_count(" 1", &n), -EINVAL);
    ck_assert_int_eq(parse_count("+1", &n), -EINVAL);
    ck_assert_int_eq(parse_count("1x", &n), -EINVAL);
    ck_assert_int_eq(parse_count("", &n), -EINVAL);
}
END_TEST

START_TEST(words_like_a_shell)
{
    char **w;
    size_t n;
    ck_assert_int_eq(words_split("  a 'b c'  \"d \\\" \\x\"e\\ f ''", &w, &n), 0);
    ck_assert_uint_eq(n, 4);
    ck_assert_str_eq(w[0], "a");
    ck_assert_str_eq(w[1], "b c");
    ck_assert_str_eq(w[2], "d \" \\xe f");
    ck_assert_str_eq(w[3], "");
    ck_assert_ptr_null(w[4]);
    ck_assert_int_eq(words_split("", &w, &n), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(words_split("a 'b", &w, &n), -EINVAL);
    ck_assert_int_eq(words_split("a\\", &w, &n), -EINVAL);
}
END_TEST

START_TEST(command_line_over_variable_over_file)
{
    write_file("# mine\nstacks = none\n[run]\non-full = drop ; why not\nquiet\n[report]\ntop = 5\n");
    ck_assert_str_eq(WALK(usage_run, "run", "p"), "stacks=none on-full=drop quiet [p]");
    setenv("OWNSCOPE_OPTIONS", "--stacks caller --wait-ms=7", 1);
    ck_assert_str_eq(WALK(usage_run, "run", "--stacks=full", "p", "-q"),
                     "stacks=none on-full=drop quiet stacks=caller wait-ms=7 stacks=full [p][-q]");
    ck_assert_str_eq(WALK(usage_report, "report", "f.own", "--json"), "top=5 json [f.own]");
}
END_TEST

START_TEST(file_details)
{
    write_file("[run]\r\n\tquiet = true\n  quiet = false\n output = \"a # \\\"b\\\" \"  # c\n[other]\nnonsense = 1\n[run]\nunknown = 3\n");
    ck_assert_str_eq(WALK(usage_run, "run", "--", "-x"), "output=a # \"b\"  [-x]");
}
END_TEST

START_TEST(no_file_no_variable)
{
    ck_assert_str_eq(WALK(usage_history, "history", "b7", "--json", "t.own", "-p", "12"), "json pid=12 [b7][t.own]");
}
END_TEST

START_TEST(letters_of_the_variable)
{
    setenv("OWNSCOPE_OPTIONS", "-n3 -q -o 'x y' --json", 1);
    ck_assert_str_eq(WALK(usage_report, "report"), "top=3 json ");
}
END_TEST

static int merge_fails(const struct usage *u)
{
    struct options o;
    char *argv[] = { (char *)(uintptr_t)u->command, NULL };
    int error = options_merge(&o, u, 1, argv);
    ck_assert((o.error != NULL) == (error != 0));
    return error;
}

START_TEST(wrong_files_are_named)
{
    static const char *const wrong[] = { "[run\n", "[]\n", "[run] x\n", "= 3\n", "stacks 3\n", "stacks = \"x\n", "stacks = \\q\n",
                                         "stacks\n", "quiet = maybe\n", "[ru n]\n" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_file(wrong[i]);
        ck_assert_msg(merge_fails(&usage_run) == -EINVAL, "%s", wrong[i]);
    }
    write_file("[report]\ntop = 5\n");
    ck_assert_int_eq(merge_fails(&usage_run), 0);
}
END_TEST

START_TEST(wrong_variables_are_named)
{
    static const char *const wrong[] = { "--stcks full", "word", "--", "-", "'", "--stacks", "-Z" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setenv("OWNSCOPE_OPTIONS", wrong[i], 1);
        ck_assert_msg(merge_fails(&usage_report) == -EINVAL, "%s", wrong[i]);
    }
}
END_TEST

static int no_entry(void *context, const char *section, const char *name, const char *value) { return 0; }

START_TEST(any_bytes_in_a_file)
{
    unsigned seed = 12345, line;
    for (int round = 0; round < 20000; round++) {
        static const char alphabet[] = "[]=\"\\#; \t\r\nab-\0\xff";
        char text[40];
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = alphabet[(seed = seed * 1103515245u + 12345) / 65536 % (sizeof alphabet - 1)];
        int r = config_parse(text, sizeof text, no_entry, NULL, &line);
        ck_assert(r == 0 || r == -EINVAL);
    }
}
END_TEST

START_TEST(run_usage_ends_with_125) { WALK(usage_run, "run", "--bogus"); }
END_TEST
START_TEST(report_usage_ends_with_2) { WALK(usage_report, "report", "-n"); }
END_TEST
START_TEST(no_argument_for_a_flag) { WALK(usage_report, "report", "--json=3"); }
END_TEST

START_TEST(wrong_number_ends_with_2)
{
    struct options o;
    char *argv[] = { "report", "-n", "12x", NULL };
    options_start(&o, &usage_report, 3, argv);
    ck_assert_int_eq(options_next(&o), 'n');
    options_count(&o, 0, 100);
}
END_TEST

START_TEST(choices)
{
    struct options o;
    char *argv[] = { "run", "--stacks", "caller", "--stacks", "half", NULL };
    static const char *const list[] = { "none", "caller", "full", NULL };
    options_start(&o, &usage_run, 5, argv);
    ck_assert_int_eq(options_next(&o), OPTION_STACKS);
    ck_assert_int_eq(options_choice(&o, list), 1);
    ck_assert_int_eq(options_next(&o), OPTION_STACKS);
    options_choice(&o, list);
}
END_TEST

/* What `run` makes of its recording options. */
static struct record_options recorded(char **argv)
{
    struct options o;
    struct record_options r;
    int argc = 0;
    while (argv[argc])
        argc++;
    record_options_init(&r);
    options_start(&o, &usage_run, argc, argv);
    for (int key; (key = options_next(&o)) >= 0;)
        ck_assert(record_option(&r, &o, key));
    return r;
}
#define RECORDED(...) recorded((char *[]){ "run", __VA_ARGS__, NULL })

START_TEST(locks_and_copies)
{
    struct record_options r = RECORDED("p");
    ck_assert(r.session.locks);
    ck_assert_uint_eq(r.session.copies_min_bytes, RECORD_COPIES_MIN_BYTES);
    optind = 0;
    r = RECORDED("--locks", "off", "--copies=off", "p");
    ck_assert(!r.session.locks);
    ck_assert(r.session.copies_min_bytes == UINT64_MAX);
    optind = 0;
    r = RECORDED("--locks=on", "--copies", "4K", "p");
    ck_assert(r.session.locks);
    ck_assert_uint_eq(r.session.copies_min_bytes, 4096);
}
END_TEST
START_TEST(no_copies_of_nothing) { RECORDED("--copies", "0", "p"); }
END_TEST
START_TEST(no_copies_of_words) { RECORDED("--copies", "big", "p"); }
END_TEST
START_TEST(no_other_locks) { RECORDED("--locks", "some", "p"); }
END_TEST

int main(void)
{
    Suite *s = suite_create("options");
    TCase *c = tcase_create("options");
    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, units_of_bytes);
    tcase_add_test(c, units_of_time);
    tcase_add_test(c, counts);
    tcase_add_test(c, words_like_a_shell);
    tcase_add_test(c, command_line_over_variable_over_file);
    tcase_add_test(c, file_details);
    tcase_add_test(c, no_file_no_variable);
    tcase_add_test(c, letters_of_the_variable);
    tcase_add_test(c, wrong_files_are_named);
    tcase_add_test(c, wrong_variables_are_named);
    tcase_add_test(c, any_bytes_in_a_file);
    tcase_add_exit_test(c, run_usage_ends_with_125, 125);
    tcase_add_exit_test(c, report_usage_ends_with_2, 2);
    tcase_add_exit_test(c, no_argument_for_a_flag, 2);
    tcase_add_exit_test(c, wrong_number_ends_with_2, 2);
    tcase_add_exit_test(c, choices, 125);
    tcase_add_test(c, locks_and_copies);
    tcase_add_exit_test(c, no_copies_of_nothing, 125);
    tcase_add_exit_test(c, no_copies_of_words, 125);
    tcase_add_exit_test(c, no_other_locks, 125);
    return suite_run(s);
}
