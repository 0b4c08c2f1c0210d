/*
 * tests/unit/test_symbols_parts.c - what collector/symbols is made of and
 * needs no file: the interval map and the names.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "symbols/names.h"
#include "symbols/spans.h"

/* ---- spans ---- */

START_TEST(spans_against_plain_search)
{
    srandom(42);
    for (int round = 0; round < 300; round++) {
        struct spans map = { 0 }, plain = { 0 };
        int n = (int)(random() % 30), width = 1 + (int)(random() % 60);
        for (int i = 0; i < n; i++) {
            uint64_t low = (uint64_t)(random() % 200), high = low + (uint64_t)(random() % width);
            uint64_t rank = (uint64_t)(random() % 5);
            spans_add(&map, low, high, rank, (uint32_t)i);
            spans_add(&plain, low, high, rank, (uint32_t)i);
        }
        spans_flatten(&map);
        for (size_t i = 0; i < map.n; i++)
            ck_assert(map.at[i].low < map.at[i].high && (!i || map.at[i - 1].high <= map.at[i].low));
        for (uint64_t a = 0; a < 300; a++) {
            const struct span *best = NULL;
            for (size_t i = 0; i < plain.n; i++) {
                const struct span *p = &plain.at[i];
                if (a >= p->low && a < p->high && (!best || p->rank < best->rank))
                    best = p;
            }
            ck_assert_uint_eq(spans_find(&map, a), best ? best->value : (uint32_t)SPANS_NONE);
        }
        spans_free(&map);
        spans_free(&plain);
    }
}
END_TEST

START_TEST(spans_at_the_ends)
{
    struct spans map = { 0 };
    spans_flatten(&map);
    ck_assert_uint_eq(spans_find(&map, 0), SPANS_NONE);
    spans_add(&map, 5, 5, 0, 1);
    spans_add(&map, 9, 3, 0, 2);
    spans_add(&map, UINT64_MAX - 1, UINT64_MAX, 0, 3);
    spans_add(&map, 0, 1, 0, 4);
    spans_flatten(&map);
    ck_assert_uint_eq(map.n, 2);
    ck_assert_uint_eq(spans_find(&map, 0), 4);
    ck_assert_uint_eq(spans_find(&map, 1), SPANS_NONE);
    ck_assert_uint_eq(spans_find(&map, UINT64_MAX - 1), 3);
    ck_assert_uint_eq(spans_find(&map, UINT64_MAX), SPANS_NONE);
    spans_free(&map);
}
END_TEST

/* ---- names ---- */

START_TEST(names)
{
    static const struct { const char *linkage, *plain; } pairs[] = {
        { "malloc", "malloc" },
        { "memcpy@GLIBC_2.2.5", "memcpy" },
        { "_ZN3zoo3boxIiE3getEi@@V1", "zoo::box<int>::get(int)" },
        { "_ZNK3zoo3boxIdE3getEi", "zoo::box<double>::get(int) const" },
        { "_ZN3zoo12_GLOBAL__N_16hiddenEi", "zoo::(anonymous namespace)::hidden(int)" },
        { "_ZN3foo3barEv.constprop.0", "foo::bar() [clone .constprop.0]" },
        { "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad" },
        { "_RNvC6_123foo3bar", "123foo::bar" },
        { "_Zbroken", "_Zbroken" },
        { "@", "@" },
        { "_", "_" },
    };
    struct names *n = names_new();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *plain = names_demangle(n, pairs[i].linkage);
        ck_assert_str_eq(plain, pairs[i].plain);
        ck_assert_ptr_eq(names_demangle(n, pairs[i].linkage), plain);
    }
    ck_assert_str_eq(names_plt(n, "_ZN1a1bEv"), "a::b()@plt");
    ck_assert_str_eq(names_path(n, "/src", "a.c"), "/src/a.c");
    ck_assert_str_eq(names_path(n, "/src", "/b/a.c"), "/b/a.c");
    ck_assert_str_eq(names_path(n, "./src", "./src/a.c"), "./src/a.c");
    ck_assert_str_eq(names_path(n, NULL, "a.c"), "a.c");
    ck_assert_str_eq(names_path(n, "", "a.c"), "a.c");
    names_free(n);
}
END_TEST

START_TEST(many_names)
{
    struct names *n = names_new();
    const char *first = names_demangle(n, "_Z2f0v");
    for (int i = 0; i < 5000; i++) {
        char linkage[64], plain[32];
        snprintf(plain, sizeof plain, "f%d", i);
        snprintf(linkage, sizeof linkage, "_Z%zu%sv", strlen(plain), plain);
        strcat(plain, "()");
        ck_assert_str_eq(names_demangle(n, linkage), plain);
    }
    ck_assert_ptr_eq(names_demangle(n, "_Z2f0v"), first);
    names_free(n);
}
END_TEST

/* f(a<int, int>, a<that, that>, …): every argument is twice as long as the one
 * before it, 2^32 characters and more in all. */
START_TEST(a_name_that_explodes)
{
    char linkage[1024] = "_Z1f1aIiiE", plain[1024];
    struct names *n = names_new();
    for (int i = 0; i < 30; i++) {
        char digit = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i];
        sprintf(linkage + strlen(linkage), "S_IS%c_S%c_E", digit, digit);
        snprintf(plain, sizeof plain, "%s", names_demangle(n, linkage));
        if (i < 5)
            ck_assert_msg(!strncmp(plain, "f(a<int, int>, a<a<int, int>, a<int, int> >", 40), "%s", plain);
        ck_assert_uint_lt(strlen(names_demangle(n, linkage)), 70000);
    }
    ck_assert_str_eq(names_demangle(n, linkage), linkage);
    names_free(n);
}
END_TEST

START_TEST(long_names)
{
    struct names *n = names_new();
    char linkage[12000] = "_Z";
    for (int i = 0; i < 600; i++)   /* P: a pointer to … */
        strcat(linkage, i ? "" : "1f");
    for (int i = 0; i < 900; i++)
        strcat(linkage, "Pi");
    ck_assert_msg(!strncmp(names_demangle(n, linkage), "f(int*, int*", 12), "%s", linkage);
    char *deep = malloc(100000);
    memset(deep, 'P', 99999);
    memcpy(deep, "_Z1f", 4);
    deep[99998] = 'i';
    deep[99999] = 0;
    ck_assert_str_eq(names_demangle(n, deep), deep);
    free(deep);
    names_free(n);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("symbols_parts");
    TCase *parts = tcase_create("parts");
    tcase_add_test(parts, spans_against_plain_search);
    tcase_add_test(parts, spans_at_the_ends);
    tcase_add_test(parts, names);
    tcase_add_test(parts, many_names);
    tcase_add_test(parts, a_name_that_explodes);
    tcase_add_test(parts, long_names);
    suite_add_tcase(suite, parts);

    return suite_run(suite);
}
