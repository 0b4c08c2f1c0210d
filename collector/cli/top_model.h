/*
 * collector/cli/top_model.h - what `ownscope top` knows: rows made of the
 * collector's documents, their order, what of them is shown, what grew since when.
 *
 * No terminal, no socket, no clock: documents are handed in and tell their own time.
 * They are input: what they lack is 0 or "". One thread.
 */
#ifndef OWNSCOPE_TOP_MODEL_H
#define OWNSCOPE_TOP_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/top_canvas.h"
#include "graph/dict.h"

enum top_screen { TOP_THREADS, TOP_SITES, TOP_LOCKS, TOP_PROCESSES, TOP_FINDINGS, TOP_SCREENS };

enum { TOP_COLUMNS_MAX = 12, TOP_HISTORY = 120, TOP_ROWS_MAX = 5000 };

struct top_column {
    const char *title;
    unsigned width;         /* 0: what is left; the last one */
    bool text;              /* else a number, to the right, the largest first */
    unsigned rank;          /* narrow screens leave out the highest first */
};
struct top_layout {
    const char *name, *brief;   /* "Threads"; on narrow screens */
    const char *document;       /* that only this screen needs; NULL: those that all have are enough */
    unsigned every;             /* asked for at each so many-th look */
    const struct top_column *columns; size_t n;
    size_t sort;                /* column to begin with */
};
extern const struct top_layout top_layouts[TOP_SCREENS];
/* By its name, in any case; TOP_SCREENS: none. */
enum top_screen top_screen_find(const char *name);

struct top_cell { char *text; double number; enum top_look look; };
struct top_row {
    char *key;              /* what it is of, over time */
    struct top_cell cells[TOP_COLUMNS_MAX];
    json_t *doc;            /* its own part of the document */
    double live;            /* of a site, for its own sparkline */
};
struct top_rows { struct top_row *rows; size_t n; };

/* ---- numbers over time ---- */
struct top_history { double values[TOP_HISTORY]; size_t n; };
void top_history_add(struct top_history *h, double value);
/* The newest `columns` of them, as a line of blocks (or ASCII); from the least to the most of them, or
 * 5% of that where they hardly change. malloc'ed. */
char *top_sparkline(const struct top_history *h, unsigned columns, bool utf8);

/* Of one site: when it was first seen, and at the last two looks. */
struct top_grown { double first_live, last_live, now_live, last_allocations, now_allocations; struct top_history history; uint64_t seen; bool begins; };
struct top_growth {
    struct dict places;     /* hash of the stack -> index + 1 */
    struct top_grown *list; size_t n, capacity;
    uint64_t look;          /* documents so far */
    double now_s, last_s;
    bool whole;             /* the first document had all sites: who comes later began with nothing */
};
/* Takes a document of sites; one that was had before changes nothing. */
void top_growth_add(struct top_growth *g, const json_t *sites);
/* Growth is counted from now on. */
void top_growth_reset(struct top_growth *g);
const struct top_grown *top_growth_of(const struct top_growth *g, const json_t *stack);
void top_growth_end(struct top_growth *g);

/* ---- rows ---- */
/* Of the screen's document (`states` for threads and processes). */
void top_rows_make(struct top_rows *r, enum top_screen screen, const json_t *doc, const struct top_growth *g);
/* By a column; equal ones by key, so that they do not jump about. */
void top_rows_sort(struct top_rows *r, enum top_screen screen, size_t column, bool reversed);
/* Leaves those of which some text (a function anywhere in its stacks too) has `filter` in it, in any case. */
void top_rows_filter(struct top_rows *r, const char *filter);
/* The index of a key, SIZE_MAX: none. */
size_t top_rows_find(const struct top_rows *r, const char *key);
void top_row_end(struct top_row *r);
void top_rows_end(struct top_rows *r);

/* The frame of a stack that tells most, "function (file:line)", and as many of its callers as fit; malloc'ed. */
char *top_where(const json_t *stack, unsigned columns);
/* The function of that frame, without its arguments; malloc'ed; NULL: none has a name. */
char *top_function(const json_t *stack);
/* A number as people read it: 226 k, 1.2 M. The text lives in the struct. */
struct top_number { char text[32]; };
struct top_number top_short(double n);
struct top_number top_count(double n);      /* the same without parts of one */
struct top_number top_bytes(double n);      /* 12.5 MiB, -3.0 KiB */
struct top_number top_growth_text(double n);/* +1.2 MiB, -4 B, 0 */

#endif
