/*
 * collector/cli/table.h - documents as tables for people.
 *
 * Each table_X prints one JSON document of collector/export/doc.h; it reads
 * nothing else, so a live process (document over the socket) and a file look
 * the same. What a document lacks is printed as `-` or left out. Lines fit
 * style->width, but in a file (style->whole), where nothing is cut; they have no trailing blanks, and no byte that could steer a terminal.
 */
#ifndef OWNSCOPE_TABLE_H
#define OWNSCOPE_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "export/frames.h"
#include "graph/graph.h"

/* Whether a finding's suppression is wanted. */
typedef bool (*table_ask)(void);

struct table_style {
    unsigned width;     /* columns; 0: 80 */
    bool whole;         /* no terminal: the last column is not cut at the width */
    bool colour;
    bool utf8;          /* else text is ASCII, others as `?` */
    bool brief;         /* report: the summary that `run` prints at the end */
    bool verbose;       /* findings: which suppressions were used */
    table_ask ask;      /* findings: before a suppression; NULL: it is printed unasked */
};

/* What the terminal behind `out` can show: its width (COLUMNS, else asked; 80
 * to 200; neither: 80, and text is whole), UTF-8 by locale, colour as given. */
void table_style_init(struct table_style *s, FILE *out, bool colour);

/* Says of a document with since_ns what it tells. */
void table_since(FILE *out, const json_t *doc, const struct table_style *s);
void table_report(FILE *out, const json_t *doc, const struct table_style *s);
/* `control` of a report; NULL: nothing. */
void table_control(FILE *out, const json_t *control, const struct table_style *s);
void table_threads(FILE *out, const json_t *doc, const struct table_style *s);
void table_states(FILE *out, const json_t *doc, const struct table_style *s);
void table_locks(FILE *out, const json_t *doc, const struct table_style *s);
void table_graph(FILE *out, const json_t *doc, const struct table_style *s);
void table_copies(FILE *out, const json_t *doc, const struct table_style *s);
void table_leaks(FILE *out, const json_t *doc, const struct table_style *s);
void table_diff(FILE *out, const json_t *doc, const struct table_style *s);
/* Which suppressions silenced how much, of a document that lists them. */
void table_suppressions(FILE *out, const json_t *doc, const struct table_style *s);
void table_findings(FILE *out, const json_t *doc, const struct table_style *s);
void table_history(FILE *out, const json_t *doc, const struct table_style *s);
/* Events come one by one: a head, then each line of `events --json`, or each fact of a file with its stack, a number
 * of `frames` (the same for all). */
struct event_table;
struct event_table *table_events_new(FILE *out, const struct table_style *s);
void table_events_head(struct event_table *t);
void table_events_free(struct event_table *t);
void table_event(struct event_table *t, const json_t *event);
void table_event_fact(struct event_table *t, const struct fact *f, struct frames *frames, uint32_t stack);

#endif
