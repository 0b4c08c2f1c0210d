/*
 * collector/cli/reading.h - what all reading commands do alike: their common
 * options, the source, a document from a file or from a live collector, the
 * lines about damage, progress on a terminal.
 *
 *     struct reading r;
 *     reading_start(&r, &usage_threads, argc, argv);
 *     reading_one_source(&r);
 *     return reading_show(&r, reading_document(&r, "threads", doc_threads), table_threads);
 *
 * Failures end the program with one line and the status of ownscope(1).
 */
#ifndef OWNSCOPE_READING_H
#define OWNSCOPE_READING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "cli/origin.h"
#include "cli/table.h"
#include "cli/verdict.h"
#include "serve/query.h"

struct reading {
    struct options options;
    struct query query;
    struct origin origin;
    char **words;           /* behind the options */
    int word_count;
    unsigned pid;
    bool json, no_colour;
    bool grown_asked; uint64_t grown_bytes;     /* --fail-if-grown */
    const char *output;
    const char *told_torn;  /* the file of which it was said, or would have been */
    const char *input;      /* sql: a file of questions */
    int rows_as;            /* sql: enum sql_format */
    bool stats;             /* sql: what reading cost */
    uint64_t steps;         /* bisect */
    enum query_need need;   /* of reading_document: QUERY_VIEW, or more once reading_start is done */
    struct verdict verdict;
};

/* Options and words; then call one of the next two. */
void reading_start(struct reading *r, const struct usage *u, int argc, char **argv);
/* Finds the source; `word` is the file named or NULL. */
void reading_source(struct reading *r, const char *word);
/* At most one word, a trace file: reading_source with it. */
void reading_one_source(struct reading *r);

/* Opens the file as the query needs it; says what is torn or damaged. */
void reading_open(struct reading *r, struct source *s, enum query_need need);
/* Ends the program for what query_* returned, unless 0. */
void reading_check(struct reading *r, struct source *s, int error);

/* The document NAME of either source: made by `make` from a file, or asked of
 * the collector. NULL: nothing found, and it was said. */
typedef json_t *(*reading_make)(const struct view *v, const struct doc_context *c, const struct doc_options *o);
json_t *reading_document(struct reading *r, const char *name, reading_make make);
/* Asks the collector for document NAME; NULL: nothing found, and it was said. */
json_t *reading_ask(const struct reading *r, const char *name);
/* POSTs to /v1/NAME with the query's words; the answer, or the end of the program. */
json_t *reading_tell(const struct reading *r, const char *name);
/* The same, streamed to `out` as it comes; when `out` fails that is left to
 * message_finish_output. */
void reading_ask_stream(const struct reading *r, const char *name, FILE *out);

/* Prints a document (its reference is taken; NULL is EXIT_NOTHING) as JSON or
 * as a table, and returns the exit status. */
typedef void (*reading_table)(FILE *out, const json_t *doc, const struct table_style *s);
int reading_show(const struct reading *r, json_t *doc, reading_table table);
/* The same with a status of its own: EXIT_NOTHING for a document that has nothing to tell. */
int reading_show_status(const struct reading *r, json_t *doc, reading_table table, int status);

#endif
