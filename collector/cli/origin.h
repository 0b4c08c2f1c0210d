/*
 * collector/cli/origin.h - SOURCE of a reading command: a trace file, `-p PID`
 * (the collector of a live process), or nothing: the newest trace here.
 */
#ifndef OWNSCOPE_ORIGIN_H
#define OWNSCOPE_ORIGIN_H

struct origin {
    char *path;         /* trace file; NULL: ask the socket */
    char *socket_path;  /* of the collector */
    unsigned pid;       /* that was asked for */
};

/* `pid` is -p's number or 0, `word` the file named or NULL. Ends the program
 * with EXIT_SOURCE and one line when there is no such source. */
void origin_find(struct origin *o, unsigned pid, const char *word);
/* The newest *.own in a folder, malloc'ed; NULL: none. */
char *origin_newest(const char *folder);

#endif
