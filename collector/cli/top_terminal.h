/*
 * collector/cli/top_terminal.h - a canvas on a terminal, and its keys: ncurses.
 * One thread. A terminal that goes away ends the loop, and nothing else.
 */
#ifndef OWNSCOPE_TOP_TERMINAL_H
#define OWNSCOPE_TOP_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/top_canvas.h"

/* 0, or -ENOTSUP: the terminal's type is not known. */
int terminal_begin(bool colour);
void terminal_end(void);
void terminal_size(unsigned *width, unsigned *height);
void terminal_show(const struct canvas *c);
/* The next key that was pressed, as top_key takes it; 0: none now. */
uint32_t terminal_key(void);
/* Waits for a key, a signal or `event` (-1: none), at most so long. False: the terminal is gone, or a signal wants an end. */
bool terminal_wait(int event, int most_ms);
/* Text is UTF-8 here. */
bool terminal_utf8(void);

#endif
