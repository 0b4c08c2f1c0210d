/*
 * collector/cli/origin.h - SOURCE of a reading command: a trace file, `-p PID`
 * (the collector of a live process), or nothing: the newest trace here.
 */
#ifndef OWNSCOPE_ORIGIN_H
#define OWNSCOPE_ORIGIN_H

#include <stdbool.h>

struct origin {
    char *path;         /* trace file; NULL: ask the socket */
    char *socket_path;  /* of the collector */
    unsigned pid;       /* that was asked for */
};

/* `pid` is -p's number or 0, `word` the file named or NULL. Ends the program
 * with EXIT_SOURCE and one line when there is no such source. */
void origin_find(struct origin *o, unsigned pid, const char *word);
/* The session that a process, or a collector's process, is of. False: none. Its texts are the caller's to free. Ends the
 * program when sessions cannot be looked at. */
struct origin_session { char *name, *trace, *segment; bool alive; /* it has a collector */ unsigned collector; const char *recording; /* of the listing */ };
bool origin_session(unsigned pid, struct origin_session *s);
/* Ends the program: sessions could not be listed, -errno. */
void origin_list_fail(int error) __attribute__((noreturn));

#endif
