/*
 * collector/cli/top.h - the state of `ownscope top`: what is looked at, what is
 * selected, what is being typed. One thread, the one that draws.
 *
 *   top_feed     documents of the collector, orders to it (a thread of its own)
 *   top_model    rows, order, growth
 *   top_draw     the picture, on a canvas
 *   top_keys     what a key does
 *   top_terminal ncurses: the canvas on a terminal, keys from it
 */
#ifndef OWNSCOPE_TOP_H
#define OWNSCOPE_TOP_H

#include "cli/top_canvas.h"
#include "cli/top_feed.h"
#include "cli/top_model.h"

enum { TOP_WIDTH_LEAST = 40, TOP_HEIGHT_LEAST = 10, TOP_TEXT_MAX = 200 };

enum top_mode { TOP_LIST, TOP_DETAIL, TOP_HELP };
enum top_prompt { TOP_ASK_NOTHING, TOP_ASK_FILTER, TOP_ASK_RULE, TOP_ASK_UNTRACE, TOP_ASK_MARK, TOP_ASK_LIMITS, TOP_ASK_EMERGENCY };

/* Lines of text that are scrolled through: a detail, the help. */
struct top_line { char *text; enum top_look look; };
struct top_lines { struct top_line *lines; size_t n, capacity; };
void top_lines_add(struct top_lines *l, enum top_look look, const char *format, ...) __attribute__((format(printf, 3, 4)));
void top_lines_end(struct top_lines *l);

struct top {
    struct top_docs docs;
    struct top_rows rows;           /* of the screen, in order, as the filter leaves them */
    size_t rows_all;                /* before the filter */
    struct top_growth growth;
    struct top_history live;        /* live bytes */
    double live_first, first_s;     /* at the first look */
    enum top_screen screen;
    size_t sort[TOP_SCREENS];
    bool reversed[TOP_SCREENS];
    char filter[TOP_TEXT_MAX];
    char *selected;                 /* its key; NULL: the first */
    size_t at, first;               /* where it stands; the first row that is drawn */
    enum top_mode mode;
    struct top_lines lines;         /* of a detail, or the help */
    size_t lines_first;
    char *detail_key;               /* of the row that the detail is of … */
    json_t *detail_row;             /* … as it was last: it may be gone */
    json_t *native;                 /* thread: its stack from outside, NULL: not (yet) here */
    enum top_prompt prompt;
    char typed[TOP_TEXT_MAX];
    char status[TOP_TEXT_MAX * 2];  /* the last answer */
    enum top_look status_look;
    char *session, *segment_path;   /* for an emergency stop, past the collector if need be */
    bool utf8, quit;
    struct top_feed *feed;          /* NULL: one picture alone */
};

void top_begin(struct top *t, enum top_screen screen);
void top_end(struct top *t);
/* Documents have come: t->docs. */
void top_update(struct top *t);
/* Rows anew, of the documents that there are: another screen, order or filter. */
void top_again(struct top *t);
/* That the rows are of; NULL: it is not here yet. */
const json_t *top_document(const struct top *t);
void top_select(struct top *t, size_t at);
void top_say(struct top *t, enum top_look look, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- top_draw.c, top_head.c ---- */
/* The picture of now; without a terminal `whole`: all rows, no keys. */
void top_draw(struct top *t, struct canvas *c, bool whole);
/* The lines above the rows; returns how many. `most`: there is room for. */
unsigned top_head(const struct top *t, struct canvas *c, unsigned most);
/* Lines that the picture of so many rows (0: all) needs. */
unsigned top_height(const struct top *t, size_t rows);

/* ---- top_detail.c ---- */
/* Opens the detail of the selected row. */
void top_detail_open(struct top *t);
/* Its lines anew. */
void top_detail_make(struct top *t);
void top_help_make(struct top *t);

/* ---- top_keys.c ---- */
enum top_key { TOP_KEY_UP = 0x110000, TOP_KEY_DOWN, TOP_KEY_PAGE_UP, TOP_KEY_PAGE_DOWN, TOP_KEY_HOME, TOP_KEY_END, TOP_KEY_ENTER, TOP_KEY_ESCAPE,
               TOP_KEY_BACKSPACE, TOP_KEY_LEFT, TOP_KEY_RIGHT, TOP_KEY_TAB, TOP_KEY_BACKTAB, TOP_KEY_HELP, TOP_KEY_FILTER, TOP_KEY_SORT, TOP_KEY_QUIT };
/* A character (Unicode) or one of the above. `page`: rows that are seen. */
void top_key(struct top *t, uint32_t key, unsigned page);
/* An order was answered. */
void top_answered(struct top *t, const char *target, const json_t *doc, int status);

/* ---- top_orders.c ---- */
/* What a verb key asks for; it is sent, or something is asked first. */
void top_order(struct top *t, const char *verb, const char *words);
/* At once, without the feed. */
void top_emergency(struct top *t);
/* "recording", "paused" …; "" not known. */
const char *top_recording(const struct top *t);
/* The rule that `t` proposes for what is selected; malloc'ed. */
char *top_rule(const struct top *t);

#endif
