/*
 * collector/heap/heap_maps.c - see heap_maps.h: the list of mappings.
 */
#include "heap/heap_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"

/* The whole of a file in /proc, NUL-terminated, or NULL with *error. */
static char *text_read(const char *name, int *error)
{
    size_t capacity = 0, n = 0;
    char *text = NULL;
    ssize_t got;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    *error = fd < 0 ? -errno : 0;
    if (fd < 0)
        return NULL;
    do {
        text = xgrow(text, &capacity, n + 65537, 1);
        got = read(fd, text + n, 65536);
        n += got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0)
        *error = -errno;
    close(fd);
    text[n] = 0;
    if (*error) {
        free(text);
        return NULL;
    }
    return text;
}

static bool line_read(const char *line, struct heap_map *m)
{
    char *at;
    const char *end = strchrnul(line, '\n');
    memset(m, 0, sizeof *m);
    m->resident_bytes = UINT64_MAX;
    m->start = strtoull(line, &at, 16);
    if (*at != '-')
        return false;
    m->end = strtoull(at + 1, &at, 16);
    if (*at != ' ' || end - at < 6 || m->end <= m->start)
        return false;
    m->readable = at[1] == 'r';
    m->writable = at[2] == 'w';
    m->executable = at[3] == 'x';
    m->shared = at[4] == 's';
    m->offset = strtoull(at + 5, &at, 16);
    at += strspn(at, " ");
    at += strcspn(at, " \n"); /* device */
    m->inode = strtoull(at, &at, 10);
    at += strspn(at, " ");
    m->path = xstrndup(at, at < end ? (size_t)(end - at) : 0);
    return true;
}

/* The 28th word of stat; names of programs have blanks and brackets. */
static uint64_t first_sp(pid_t pid)
{
    char name[64], *text, *at;
    uint64_t sp = 0;
    int error;
    snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    text = text_read(name, &error);
    at = text ? strrchr(text, ')') : NULL;
    for (int word = 2; at && word < 28; word++)
        at = (at = strchr(at, ' ')) ? at + 1 : NULL;
    if (at)
        sp = strtoull(at, NULL, 10);
    free(text);
    return sp;
}

int heap_maps_read(struct heap_maps *m, pid_t pid)
{
    size_t capacity = 0;
    char name[64], *text, *at;
    int error;
    *m = (struct heap_maps){0};
    snprintf(name, sizeof name, "/proc/%d/maps", (int)pid);
    text = text_read(name, &error);
    if (!text)
        return error == -ENOENT ? -ESRCH : error;
    for (at = text; *at; at = strchrnul(at, '\n'), at += *at == '\n') {
        struct heap_map one;
        if (!line_read(at, &one))
            continue;
        m->maps = xgrow(m->maps, &capacity, m->n + 1, sizeof *m->maps);
        m->maps[m->n++] = one;
    }
    free(text);
    m->first_sp = first_sp(pid);
    return m->n ? 0 : -ESRCH;
}

uint64_t heap_resident_bytes(pid_t pid)
{
    char path[64];
    unsigned long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* One mapping has a head, as in maps, and lines `NAME: NUMBER kB`. */
int heap_maps_weigh(struct heap_maps *m, pid_t pid)
{
    char name[64], *text, *at, *end;
    struct heap_map *one = NULL;
    uint64_t start;
    int error;
    snprintf(name, sizeof name, "/proc/%d/smaps", (int)pid);
    text = text_read(name, &error);
    if (!text)
        return error == -ENOENT ? -ESRCH : error;
    for (at = text; *at; at = strchrnul(at, '\n'), at += *at == '\n') {
        start = strtoull(at, &end, 16);
        if (end > at && *end == '-') {
            one = (struct heap_map *)heap_maps_find(m, start);
            if (one && (one->start != start || one->end != strtoull(end + 1, NULL, 16)))
                one = NULL; /* it changed meanwhile */
            if (one)
                one->resident_bytes = 0;
        } else if (one && (!strncmp(at, "Rss:", 4) || !strncmp(at, "Swap:", 5))) {
            one->resident_bytes += strtoull(at + 5, NULL, 10) * 1024;
        }
    }
    free(text);
    return 0;
}

bool heap_maps_unforked(pid_t pid)
{
    enum { OURS_KB = 4 };   /* the shim's own page, by which it knows a child */
    char name[64], *text, *at, *end;
    unsigned long resident_kb = 0;
    bool writable = false, found = false;
    int error;
    snprintf(name, sizeof name, "/proc/%d/smaps", (int)pid);
    text = text_read(name, &error);
    for (at = text; text && *at && !found; at = strchrnul(at, '\n'), at += *at == '\n') {
        size_t length = strcspn(at, "\n");
        if (strtoull(at, &end, 16), end > at && *end == '-') {
            const char *mode = memchr(at, ' ', length);
            writable = mode && !strncmp(mode, " rw", 3) && mode[4] == 'p';
            resident_kb = 0;
        } else if (!strncmp(at, "Rss:", 4) || !strncmp(at, "Swap:", 5)) {
            resident_kb += strtoul(at + 5, NULL, 10);
        } else if (writable && resident_kb > OURS_KB && !strncmp(at, "VmFlags:", 8)) {
            found = memmem(at, length, " dc", 3) || memmem(at, length, " wf", 3);
        }
    }
    free(text);
    return found;
}

void heap_maps_free(struct heap_maps *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->maps[i].path);
    free(m->maps);
    *m = (struct heap_maps){0};
}

const struct heap_map *heap_maps_find(const struct heap_maps *m, uint64_t address)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (m->maps[at].end <= address)
            low = at + 1;
        else
            high = at;
    }
    return low < m->n && m->maps[low].start <= address ? &m->maps[low] : NULL;
}

bool heap_map_is_file(const struct heap_map *m)
{
    return m->path[0] == '/';
}
