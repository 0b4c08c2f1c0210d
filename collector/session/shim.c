/*
 * collector/session/shim.c - see shim.h.
 */
#include "session/shim.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* This program's own file; where there is no /proc, as it was started. */
static bool self_path(char *out)
{
    const char *started = (const char *)getauxval(AT_EXECFN);
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (n > 0)
        out[n] = 0;
    return n > 0 || (started && realpath(started, out));
}

static bool readable(const char *path, char *out, size_t size)
{
    char whole[PATH_MAX];
    if (!realpath(path, whole) || access(whole, R_OK) || strlen(whole) >= size)
        return false;
    strcpy(out, whole);
    return true;
}

static bool find(char *out, size_t size)
{
    static const char *const beside[] = {"", "/../lib/ownscope"};
    char self[PATH_MAX], path[PATH_MAX + 64];
    bool known = self_path(self);
    for (unsigned i = 0; known && i < sizeof beside / sizeof *beside; i++) {
        snprintf(path, sizeof path, "%.*s%s/libownscope.so", (int)(strrchr(self, '/') - self), self, beside[i]);
        if (readable(path, out, size))
            return true;
    }
    return readable(OWNSCOPE_LIBDIR "/libownscope.so", out, size);
}

const char *shim_find(char *out, size_t size)
{
    struct statvfs fs;
    if (!find(out, size))
        return "libownscope.so is neither beside ownscope nor in " OWNSCOPE_LIBDIR "; install ownscope again";
    if (strpbrk(out, ": "))
        return "the path of libownscope.so has a colon or blank, which LD_PRELOAD cannot carry; install ownscope elsewhere";
    if (!statvfs(out, &fs) && fs.f_flag & ST_NOEXEC)
        return "libownscope.so lies on a file system that is mounted noexec, from which no library can be loaded; install ownscope elsewhere";
    return NULL;
}
