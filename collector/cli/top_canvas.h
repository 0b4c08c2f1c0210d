/*
 * collector/cli/top_canvas.h - a picture of characters: what `ownscope top`
 * shows, before it goes to a terminal (top_terminal.h) or, as text, into a pipe.
 *
 * Text comes from programs and files: it is UTF-8 or not, and no byte of it gets to a
 * terminal that could steer it. Writing past an edge is cut off. One thread.
 */
#ifndef OWNSCOPE_TOP_CANVAS_H
#define OWNSCOPE_TOP_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum top_look { TOP_PLAIN, TOP_BOLD, TOP_DIM, TOP_NUMBER, TOP_GOOD, TOP_WARN, TOP_BAD, TOP_HEAD, TOP_TAB, TOP_SELECTED, TOP_KEY, TOP_LOOKS };

/* code 0: nothing; CANVAS_REST: the right half of the wide one before it. */
struct canvas_cell { uint32_t code; uint8_t look; };
#define CANVAS_REST UINT32_MAX
struct canvas {
    unsigned width, height;
    struct canvas_cell *cells;
    bool utf8;              /* else only ASCII, others as `?` */
};

/* All zero: 0 by 0. Clears it too. */
void canvas_size(struct canvas *c, unsigned width, unsigned height, bool utf8);
void canvas_free(struct canvas *c);
/* The columns of text, as many as `most`; the text is cut with an ellipsis. Returns how many it took. */
unsigned canvas_text(struct canvas *c, unsigned x, unsigned y, unsigned most, enum top_look look, const char *text);
/* To the right end of `width` columns. */
void canvas_right(struct canvas *c, unsigned x, unsigned y, unsigned width, enum top_look look, const char *text);
/* The whole line, or from x on, gets this look. */
void canvas_look(struct canvas *c, unsigned x, unsigned y, unsigned width, enum top_look look);
/* Columns that text takes. */
unsigned canvas_columns(const struct canvas *c, const char *text);
/* A line as UTF-8 (or ASCII), without blanks at its end; malloc'ed. */
char *canvas_line(const struct canvas *c, unsigned y);

#endif
