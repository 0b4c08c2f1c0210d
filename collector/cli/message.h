/*
 * collector/cli/message.h - what ownscope says to people: one line on standard
 * error that begins `ownscope: `, in one write(2), so that lines of several
 * processes never mix. Bytes that would steer a terminal are shown as `?`.
 */
#ifndef OWNSCOPE_MESSAGE_H
#define OWNSCOPE_MESSAGE_H

#include <stdbool.h>
#include <stdio.h>

/* Exit statuses, ownscope(1). */
enum { EXIT_FOUND = 0, EXIT_NOTHING = 1, EXIT_USAGE = 2, EXIT_SOURCE = 125,
       EXIT_CANNOT_RUN = 126, EXIT_NO_PROGRAM = 127 };

/* errno comes out as it went in. */
void message(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* Flushes and closes standard output at the end of a reading command. Returns
 * `status`, or EXIT_SOURCE with a message when something could not be written.
 * A reader that went away (EPIPE) ends the process by SIGPIPE, as of cat(1). */
int message_finish_output(FILE *out, const char *name, int status);

/* True when colour is wanted on `out`: a terminal, no NO_COLOR, not TERM=dumb,
 * and not switched off by `off`. */
bool message_colour(FILE *out, bool off);

/* The line about a trace that is damaged in the middle; `why` of the trace's reader. */
void message_damaged(const char *path, const char *why);

#endif
