/*
 * collector/serve/series.c - see series.h.
 */
#include "serve/series.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"

static const char ending[] = ".own";

/* Bytes of the path before its ending. */
static size_t stem_bytes(const char *path)
{
    size_t n = strlen(path), e = sizeof ending - 1;
    return n > e && !strcmp(path + n - e, ending) ? n - e : n;
}

char *series_path(const char *path, uint64_t number)
{
    size_t stem = stem_bytes(path);
    return xasprintf("%.*s.%" PRIu64 "%s", (int)stem, path, number, path + stem);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? xasprintf("%.*s", (int)(slash - path + 1), path) : xstrdup(".");
}

int series_check(const char *path)
{
    struct stat st;
    int e = 0;
    if (!stat(path, &st) && !S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
    char *folder = folder_of(path);
    if (stat(folder, &st))
        e = -errno;
    else if (!S_ISDIR(st.st_mode))
        e = -ENOTDIR;
    else if (access(folder, W_OK | X_OK))
        e = -errno;
    free(folder);
    return e;
}

/* The number in a file's name, 0: it is none of these. `stem`, `end`: of the names. */
static uint64_t number_in(const char *name, const char *stem, size_t stem_n, const char *end)
{
    char *rest;
    const char *digits = name + stem_n + 1;
    if (strncmp(name, stem, stem_n) || name[stem_n] != '.' || *digits < '1' || *digits > '9')
        return 0;
    errno = 0;
    uint64_t n = strtoull(digits, &rest, 10);
    return errno || strcmp(rest, end) ? 0 : n;
}

/* The lowest and highest number, and how many there are. */
struct span { uint64_t low, high, n; };

static struct span span_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    char *folder = folder_of(path);
    size_t stem = stem_bytes(base);
    struct span s = { 0 };
    struct dirent *entry;
    DIR *d = opendir(folder);
    free(folder);
    while (d && (entry = readdir(d))) {
        uint64_t n = number_in(entry->d_name, base, stem, base + stem);
        if (!n)
            continue;
        s.low = !s.n || n < s.low ? n : s.low;
        s.high = n > s.high ? n : s.high;
        s.n++;
    }
    if (d)
        closedir(d);
    return s;
}

uint64_t series_last(const char *path) { return span_of(path).high; }

int series_shift(const char *path)
{
    char *older = series_path(path, series_last(path) + 1);
    int e = rename(path, older) && errno != ENOENT ? -errno : 0;
    free(older);
    return e;
}

/* Where files cannot be exchanged there is a moment without one. */
static int swap_by_steps(const char *path, const char *newest)
{
    char *between = xasprintf("%s.old", path);
    int e = rename(path, between) || rename(newest, path) || rename(between, newest) ? -errno : 0;
    free(between);
    return e;
}

int series_swap(const char *path, uint64_t number)
{
    char *newest = series_path(path, number);
    int e = renameat2(AT_FDCWD, newest, AT_FDCWD, path, RENAME_EXCHANGE) ? -errno : 0;
    if (e == -EINVAL || e == -ENOSYS)
        e = swap_by_steps(path, newest);
    free(newest);
    return e;
}

int series_trim(const char *path, unsigned keep)
{
    struct span s = span_of(path);
    int error = 0;
    while (s.n && s.n + 1 > keep && !error) {
        char *oldest = series_path(path, s.low);
        if (unlink(oldest))
            error = -errno;
        free(oldest);
        s = span_of(path);
    }
    return error;
}
