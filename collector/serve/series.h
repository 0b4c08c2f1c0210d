/*
 * collector/serve/series.h - trace files that are kept side by side: NAME.own is
 * the newest, NAME.1.own, NAME.2.own … are older ones, of which the lowest number is the
 * oldest. Numbers rise, and go on where an earlier run under that name stopped.
 *
 * Functions return 0 or -errno. Ingest thread.
 */
#ifndef OWNSCOPE_SERIES_H
#define OWNSCOPE_SERIES_H

#include <stdint.h>

enum { SERIES_KEEP = 8 };   /* files, where nothing else was asked for */

/* Before anything is written: whether files can come to lie there and beside. -ENOTSUP: what lies there is no regular
 * file (a device would be moved away); -EACCES, -ENOENT, -ENOTDIR, -EISDIR. */
int series_check(const char *path);
/* NAME.<number>.own; malloc'ed. */
char *series_path(const char *path, uint64_t number);
/* The highest number that there is; 0: none. */
uint64_t series_last(const char *path);
/* The file that lies at `path`, if there is one, gets the next number. */
int series_shift(const char *path);
/* The newest comes to lie at `path`, and what lay there under its number: at no moment is there none. */
int series_swap(const char *path, uint64_t number);
/* Deletes the oldest, until there are `keep` with the one at `path`. The first error. */
int series_trim(const char *path, unsigned keep);

#endif
