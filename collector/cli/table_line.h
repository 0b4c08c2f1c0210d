/*
 * collector/cli/table_line.h - one line at a time: columns, cutting, colour,
 * and numbers as people read them.
 *
 * Text goes through here alone, so that no line is wider than the style says
 * (unless text is to be whole), ends in blanks, or carries a byte that could steer a terminal.
 */
#ifndef OWNSCOPE_TABLE_LINE_H
#define OWNSCOPE_TABLE_LINE_H

#include "cli/table.h"

enum line_look { LOOK_PLAIN, LOOK_HEAD, LOOK_NUMBER, LOOK_DIM, LOOK_WARN };

struct line {
    FILE *out;
    const struct table_style *style;
    unsigned width;
    unsigned column;        /* columns used, blanks included */
    unsigned blanks;        /* wanted, not yet written: a line never ends in them */
    enum line_look look;
};

void line_begin(struct line *l, FILE *out, const struct table_style *s);
void line_look(struct line *l, enum line_look look);
/* Blanks up to a column; at least one when text stands there already. */
void line_to(struct line *l, unsigned column);
/* Text, cut with an ellipsis at the line's width unless it is to be whole. */
void line_text(struct line *l, const char *text);
void line_format(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text in a column of `width`, to its right or left end; longer text is cut, as above. */
void line_right(struct line *l, unsigned width, const char *text);
void line_left(struct line *l, unsigned width, const char *text);
unsigned line_room(const struct line *l);
void line_end(struct line *l);

/* A heading, with an empty line before it. */
void line_heading(FILE *out, const struct table_style *s, const char *text);
/* Text broken at blanks, the lines after the first indented. */
void line_wrapped(FILE *out, const struct table_style *s, enum line_look look,
                  unsigned first_indent, unsigned indent, const char *text);
/* Columns that text takes. */
unsigned line_columns(const char *text);

/* Numbers; the text lives in the struct. */
struct number { char text[40]; };
struct number number_count(uint64_t n);            /* 12,400,312 */
struct number number_short(uint64_t n);            /* 9,999,999, then 12.4 M */
struct number number_plain(uint64_t n);            /* 12400312 */
struct number number_bytes(uint64_t bytes);        /* 812 B, 34.1 MiB */
struct number number_time(uint64_t ns);            /* 850 ns, 12.3 us, 1.203 s, 2 min 05 s */
struct number number_about(bool estimated, struct number n); /* ~812 B of an estimate */
struct number number_share(uint64_t part, uint64_t whole);  /* 35.2%; - of nothing */

/* Reading documents: 0, NULL or "" where there is nothing of the kind. */
uint64_t get_number(const json_t *object, const char *key);
const char *get_text(const json_t *object, const char *key);
const json_t *get(const json_t *object, const char *key);

/* A frame as text: `load (app.c:12)`, `load (libfoo.so)`, `0x1234 (libfoo.so)`,
 * for `columns`: a longer name loses its parameters and what its <> hold, and
 * unless `whole` is cut. malloc'ed. */
char *frame_text(const json_t *frame, unsigned columns, bool whole);
/* Which frames of a stack to show. */
struct shown {
    uint32_t index[16];
    size_t count;
    bool told;              /* what is left out is counted in a line where it belongs, */
    size_t end;             /* as far as here */
};
/* As the document says, or (NULL) those that tell most; at most `most`. */
struct shown shown_frames(const json_t *stack, const json_t *indexes, size_t most);
/* As they stand from the inside out, wrappers and libraries too, as far as main. */
struct shown shown_plain(const json_t *stack, size_t most);
/* The same; of one longer than `most` so many, the first that tells something among them, and where others stood how many. */
struct shown shown_long(const json_t *stack, size_t most);
/* Prints them: the first behind what the line holds, which ends the line, the
 * others below it, after `by`. */
void line_stack(struct line *l, const json_t *stack, const struct shown *shown);

/* Coverage of these kinds (ended by NULL), under a heading of its own; nothing where there is none. */
void table_not_covered(FILE *out, const json_t *doc, const struct table_style *s, const char *const *kinds);

/* One hand-off with `frames` frames of both stacks. */
void table_handoff(FILE *out, const json_t *handoff, const struct table_style *s, unsigned frames);

#endif
