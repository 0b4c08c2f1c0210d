/*
 * tests/unit/test_rules.c - rules and lines of rules files: what they are read as, how they are printed, that what is
 * printed is read as the same, and what makes no sense is refused with the word that is wrong.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"
#include "session/rules.h"
#include "suite.h"

enum { MEMORY = WIRE_RULE_HEAP | WIRE_RULE_MAP };

static struct rule rule;

static void read_rule(const char *text)
{
    char *error;
    int e = rule_parse(&rule, text, &error);
    ck_assert_msg(!e, "%s: %s", text, error ? error : "");
    ck_assert_ptr_null(error);
}

START_TEST(keys)
{
    read_rule("function=foo*,'operator new*' stack=main module=libc.so* thread=t3,worker process=p1 size=4K..1M events=heap,copy "
              "family=malloc,new[] sample=512K,1/100 rate=1.5k/s limit=10k");
    ck_assert_uint_eq(rule.functions.n, 2);
    ck_assert_str_eq(rule.functions.list[0], "foo*");
    ck_assert_str_eq(rule.functions.list[1], "operator new*");
    ck_assert_uint_eq(rule.stacks.n, 1);
    ck_assert_str_eq(rule.stacks.list[0], "main");
    ck_assert_str_eq(rule.modules.list[0], "libc.so*");
    ck_assert_uint_eq(rule.threads.n, 2);
    ck_assert_str_eq(rule.threads.list[1], "worker");
    ck_assert_str_eq(rule.processes.list[0], "p1");
    ck_assert_uint_eq(rule.size_min, 4096);
    ck_assert_uint_eq(rule.size_max, 1 << 20);
    ck_assert_uint_eq(rule.events, WIRE_RULE_HEAP | WIRE_RULE_COPY);
    ck_assert_uint_eq(rule.families, 1u << WIRE_MALLOC | 1u << WIRE_NEW_ARRAY);
    ck_assert_uint_eq(rule.sample_bytes, 512 << 10);
    ck_assert_uint_eq(rule.every, 100);
    ck_assert(rule.per_second == 1500);
    ck_assert_uint_eq(rule.limit, 10000);
    ck_assert_uint_eq(rule.number, 0);
    ck_assert(!rule.exclude);
    rule_clear(&rule);
}
END_TEST

/* What is left out is all that the other keys can be said of. */
START_TEST(what_is_left_out)
{
    static const struct { const char *text; uint32_t events; } t[] = {
        { "function=f", WIRE_RULE_EVENTS }, { "family=mmap", MEMORY }, { "size=1K", MEMORY | WIRE_RULE_COPY },
        { "size=1K family=new", MEMORY }, { "sample=1M", WIRE_RULE_EVENTS }, { "sample=1/7", WIRE_RULE_EVENTS },
        { "events=memory", MEMORY }, { "events=heap,map,lock,copy", WIRE_RULE_EVENTS }, { "exclude thread=x", WIRE_RULE_EVENTS },
        { "include events=lock", WIRE_RULE_LOCK } };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        read_rule(t[i].text);
        ck_assert_msg(rule.events == t[i].events, "%s", t[i].text);
        ck_assert(rule.exclude == !strncmp(t[i].text, "exclude", 7));
        rule_clear(&rule);
    }
    read_rule("function=f");
    ck_assert_uint_eq(rule.size_min, 0);
    ck_assert_uint_eq(rule.size_max, UINT64_MAX);
    ck_assert_uint_eq(rule.families, UINT32_MAX);
    rule_clear(&rule);
}
END_TEST

START_TEST(printed)
{
    static const struct { const char *text, *printed; } t[] = {
        { "function=foo", "function=foo" },
        { "  include\tfunction=foo  ", "function=foo" },
        { "exclude size=..64 function=a,b", "exclude function=a,b size=..64 events=memory,copy" },
        { "size=4096", "size=4K events=memory,copy" },
        { "size=4097..", "size=4097.. events=memory,copy" },
        { "size=0..", "events=memory,copy" },
        { "events=memory,lock,copy", "events=memory,lock,copy" },
        { "events=heap", "events=heap" }, { "events=map,copy", "events=map,copy" },
        { "family=new,malloc", "events=memory family=malloc,new" },
        { "sample=524288", "sample=512K" }, { "sample=1/3,1.5M", "sample=1536K,1/3" },
        { "rate=0.5/s", "rate=0.5/s" }, { "rate=1000/s limit=1500", "rate=1k/s limit=1.5k" }, { "limit=1234567", "limit=1234.567k" },
        { "function='operator new(unsigned long)'", "function='operator new(unsigned long)'" },
        { "function=\"it's\"", "function='it'\"'s\"" },
        { "function='a,b',c", "function='a,b',c" },
        { "function=a#b", "function='a#b'" },
        { "function=std::vector<int>::push_back", "function=std::vector<int>::push_back" },
        { "stack=main module=*", "stack=main module=*" },
        { "function=\xc3\xa4*", "function=\xc3\xa4*" } };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        read_rule(t[i].text);
        char *text = rule_text(&rule), *again;
        ck_assert_str_eq(text, t[i].printed);
        rule_clear(&rule);
        read_rule(text);
        again = rule_text(&rule);
        ck_assert_str_eq(again, text);
        rule_clear(&rule);
        free(text);
        free(again);
    }
}
END_TEST

START_TEST(refused)
{
    static const struct { const char *text, *says; } t[] = {
        { "", "KEY=VALUE" }, { "include", "KEY=VALUE" }, { "foo", "'foo'" }, { "function", "'function'" }, { "=x", "no key ''" },
        { "colour=red", "colour" }, { "function=", "empty" }, { "function=a,,b", "empty" }, { "function=a function=b", "twice" },
        { "function='a", "quote" }, { "function=a include", "'include'" },
        { "size=5..4", "5..4" }, { "size=..", ".." }, { "size=x", "size=x" }, { "size=-1", "-1" }, { "size=1..2..3", "1..2..3" },
        { "events=all", "events=all" }, { "events=", "empty" }, { "family=free", "free" }, { "family=?", "family=?" },
        { "sample=0", "sample=0" }, { "sample=1/0", "1/0" }, { "sample=1/4294967296", "1/4294967296" }, { "sample=1K,2K", "2K" }, { "sample=1/2,1/3", "1/3" },
        { "sample=x", "sample=x" }, { "rate=5", "rate=5" }, { "rate=/s", "rate=/s" }, { "rate=0/s", "rate=0/s" }, { "rate=1e9/s", "rate" },
        { "limit=0", "limit=0" }, { "limit=1.5", "limit=1.5" }, { "limit=2000000000M", "limit" },
        { "family=new events=lock", "memory" }, { "size=4K events=lock", "locks" }, { "sample=1M events=lock", "memory" },
        { "sample=1/10 events=heap", "locks" }, { "exclude function=f sample=1M", "exclude" }, { "exclude function=f rate=1/s", "exclude" },
        { "exclude function=f limit=1", "exclude" }, { "exclude events=memory,lock,copy", "stop" },
        { "function=a\nb", "plain" }, { "function=a\x7f", "plain" }, { "function=\xff", "UTF-8" }, { "function=\xc3", "UTF-8" },
        { "function=\xed\xa0\x80", "UTF-8" }, { "function=\xc0\xaf", "UTF-8" }, { "function=\xf4\x90\x80\x80", "UTF-8" } };
    char *error;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        int e = rule_parse(&rule, t[i].text, &error);
        ck_assert_msg(e == -EINVAL && error, "%s", t[i].text);
        ck_assert_msg(strstr(error, t[i].says) && !strchr(error, '\n'), "%s: %s", t[i].text, error);
        free(error);
        rule_clear(&rule);
    }
}
END_TEST

START_TEST(too_much)
{
    static char text[100000];
    char *error;
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "function=", 9);
    ck_assert_int_eq(rule_parse(&rule, text, &error), -EINVAL);
    free(error);
    rule_clear(&rule);
    text[2000] = 0;
    ck_assert_int_eq(rule_parse(&rule, text, &error), -EINVAL);
    free(error);
    rule_clear(&rule);
    text[9 + 1024] = 0;
    read_rule(text);
    rule_clear(&rule);
    for (int i = 9; i < 9 + 2 * 65; i += 2) /* 65 names */
        text[i + 1] = ',';
    text[9 + 2 * 65 - 1] = 0;
    ck_assert_int_eq(rule_parse(&rule, text, &error), -EINVAL);
    free(error);
    rule_clear(&rule);
    text[9 + 2 * 64 - 1] = 0;
    read_rule(text);
    ck_assert_uint_eq(rule.functions.n, 64);
    rule_clear(&rule);
}
END_TEST

START_TEST(copied)
{
    struct rule copy;
    read_rule("exclude function=a,b stack=s module=m thread=t process=p size=1..2 events=heap family=malloc");
    rule.number = 7;
    rule_copy(&copy, &rule);
    char *text = rule_text(&rule), *again;
    rule_clear(&rule);
    again = rule_text(&copy);
    ck_assert_str_eq(text, again);
    ck_assert_uint_eq(copy.number, 7);
    rule_clear(&copy);
    free(text);
    free(again);
}
END_TEST

START_TEST(lines)
{
    static const struct { const char *line, *verb, *words; int error; } t[] = {
        { "", NULL, NULL, 0 }, { "   \t ", NULL, NULL, 0 }, { "# a comment", NULL, NULL, 0 }, { "\r", NULL, NULL, 0 },
        { "trace function=foo", "trace", "function=foo", 0 }, { "\ttrace  function=foo \r", "trace", "function=foo", 0 },
        { "trace function=foo # why", "trace", "function=foo", 0 }, { "trace function=foo#bar", "trace", "function=foo#bar", 0 },
        { "trace function='a # b' # c", "trace", "function='a # b'", 0 }, { "trace", "trace", "", 0 }, { "trace# x", NULL, NULL, -EINVAL },
        { "limits cpu=3% events/s=100k", "limits", "cpu=3% events/s=100k", 0 }, { "promise cpu=2%", "promise", "cpu=2%", 0 },
        { "untrace 1", NULL, NULL, -EINVAL }, { "tracefunction=f", NULL, NULL, -EINVAL }, { "TRACE x=y", NULL, NULL, -EINVAL },
        { "\x1b[2J", NULL, NULL, -EINVAL } };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char *verb, *words, *error;
        ck_assert_msg(rules_line(t[i].line, &verb, &words, &error) == t[i].error, "%s", t[i].line);
        ck_assert_pstr_eq(verb, t[i].verb);
        ck_assert_pstr_eq(words, t[i].words);
        ck_assert((error != NULL) == (t[i].error != 0));
        ck_assert(!error || !strchr(error, 27));
        free(verb);
        free(words);
        free(error);
    }
}
END_TEST

START_TEST(amounts)
{
    static const struct { const char *text; double amount; int error; } t[] = {
        { "0", 0, 0 }, { "100", 100, 0 }, { "100k", 1e5, 0 }, { "1.5M", 1.5e6, 0 }, { "2G", 2e9, 0 }, { "0.001", 0.001, 0 }, { "1K", 1000, 0 },
        { "", 0, -EINVAL }, { "k", 0, -EINVAL }, { "1kk", 0, -EINVAL }, { "-1", 0, -EINVAL }, { "1e3", 0, -EINVAL }, { "1..2", 0, -EINVAL },
        { "1000000000000G", 0, -ERANGE } };
    char text[UNITS_TEXT];
    double amount;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        ck_assert_msg(parse_amount(t[i].text, &amount) == t[i].error, "%s", t[i].text);
        if (t[i].error)
            continue;
        ck_assert_msg(amount == t[i].amount, "%s", t[i].text);
        ck_assert_int_eq(parse_amount(print_amount(text, amount), &amount), 0);
        ck_assert_msg(amount == t[i].amount, "%s", t[i].text);
    }
    ck_assert_str_eq(print_bytes(text, 0), "0");
    ck_assert_str_eq(print_bytes(text, 3ull << 40), "3T");
    ck_assert_str_eq(print_bytes(text, UINT64_MAX), "18446744073709551615");
    ck_assert_str_eq(print_time_ns(text, 1500000000), "1500ms");
    ck_assert_str_eq(print_time_ns(text, 0), "0s");
    ck_assert_str_eq(print_time_ns(text, 7200000000000), "2h");
    ck_assert_str_eq(print_time_ns(text, 1), "1ns");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rules");
    TCase *c = tcase_create("rules");
    tcase_add_test(c, keys);
    tcase_add_test(c, what_is_left_out);
    tcase_add_test(c, printed);
    tcase_add_test(c, refused);
    tcase_add_test(c, too_much);
    tcase_add_test(c, copied);
    tcase_add_test(c, lines);
    tcase_add_test(c, amounts);
    suite_add_tcase(s, c);
    return suite_run(s);
}
