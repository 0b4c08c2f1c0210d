/*
 * tests/unit/table_check.h - tables as text, held against the rules that all of
 * them keep: width, no blank at a line's end, nothing that steers a terminal.
 */
#ifndef TABLE_CHECK_H
#define TABLE_CHECK_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

typedef void (*table)(FILE *, const json_t *, const struct table_style *);

static inline char *rendered(table print, const json_t *doc, const struct table_style *s)
{
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    print(f, doc, s);
    fclose(f);
    return text;
}

/* Columns of a line, colour left out; fails on bytes that no table may print. */
static inline unsigned columns_of(const char *line, size_t n, const struct table_style *s)
{
    unsigned columns = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c == 0x1b && s->colour) {
            while (i < n && line[i] != 'm')
                i++;
            continue;
        }
        ck_assert_msg(c >= 0x20 && c != 0x7f, "byte %02x in: %.*s", c, (int)n, line);
        ck_assert_msg(s->utf8 || c < 0x80, "no ASCII: %.*s", (int)n, line);
        columns += (c & 0xc0) != 0x80;
    }
    return columns;
}

static inline void check_rules(const char *text, const struct table_style *s)
{
    for (const char *line = text; *line;) {
        const char *end = strchr(line, '\n');
        ck_assert_msg(end != NULL, "a line does not end: %s", line);
        size_t n = (size_t)(end - line);
        ck_assert_msg(columns_of(line, n, s) <= s->width, "wider than %u: %.*s", s->width, (int)n, line);
        ck_assert_msg(!n || line[n - 1] != ' ', "blank at the end: '%.*s'", (int)n, line);
        line = end + 1;
    }
    ck_assert_msg(!strstr(text, "nan") && !strstr(text, "inf%") && !strstr(text, "(null)"), "%s", text);
}

static const struct table_style styles[] = {
    { .width = 80 }, { .width = 80, .brief = true }, { .width = 132, .utf8 = true }, { .width = 80, .colour = true, .utf8 = true },
    { .width = 200, .brief = true } };

/* One event's row. */
static inline void table_one_event(FILE *out, const json_t *event, const struct table_style *s)
{
    struct event_table *t = table_events_new(out, s);
    table_event(t, event);
    table_events_free(t);
}

/* Every style keeps the rules; returns the plain table of 80 columns. */
static inline char *checked(table print, const json_t *doc)
{
    char *first = NULL;
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        char *text = rendered(print, doc, &styles[i]);
        check_rules(text, &styles[i]);
        if (i)
            free(text);
        else
            first = text;
    }
    return first;
}

static inline void says(const char *text, const char *what)
{
    ck_assert_msg(strstr(text, what) != NULL, "'%s' is missing in:\n%s", what, text);
}

#endif
