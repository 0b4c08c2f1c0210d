/*
 * collector/heap/heap_image.c - see heap_image.h.
 *
 * A copied image is one room, and pieces of the process that lie in it one
 * behind the other. What a process grows by while room is made is made room for
 * too; beyond that it costs page faults during the stop, and at last a second room.
 */
#include "heap/heap_image.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "event/xalloc.h"
#include "heap/heap_copy.h"
#include "heap/heap_refusal.h"
#include "heap/heap_room.h"
#include "heap/heap_select.h"

enum { WINDOWS = 8, WINDOW_BYTES = 4 << 20, TEXT_MAX = 400, SPARE_BYTES = 256 << 20, TOP_UPS = 5 };

/* A part of a forked image that was read. */
struct window { struct heap_piece piece; uint64_t used; };

struct heap_image {
    pid_t pid;                  /* a thread of it that has its memory */
    struct heap_select select;
    uint64_t most_bytes, bytes;
    struct heap_maps maps;
    struct heap_room room, more;
    struct heap_piece *pieces; size_t n, last;
    bool forked;
    struct window windows[WINDOWS];
    uint64_t uses;
    int error;                  /* the first of what could not be read when it was asked for */
};

static __thread char last_text[TEXT_MAX];

const char *heap_image_text(void) { return last_text; }
const struct heap_maps *heap_image_maps(const struct heap_image *i) { return &i->maps; }
uint64_t heap_image_bytes(const struct heap_image *i) { return i->bytes; }
int heap_image_error(const struct heap_image *i) { return i->error; }

static int fail(const struct heap_image *i, int error)
{
    if (error == -EPERM || error == -EACCES) {
        heap_refusal_text(i->pid, i->pid, last_text, sizeof last_text);
        return -EPERM;
    }
    if (error == -ESRCH)
        snprintf(last_text, sizeof last_text, "process %d has ended", (int)i->pid);
    else if (error == -EOVERFLOW)
        snprintf(last_text, sizeof last_text,
                 "process %d has reserved so much address space that its pages were not found in time: this kernel (Linux before 6.7) does not tell where they are",
                 (int)i->pid);
    else if (error != -EFBIG)
        snprintf(last_text, sizeof last_text, "memory of process %d cannot be read: %s", (int)i->pid, strerror(-error));
    return error;
}

static int refuse_size(const struct heap_image *i, uint64_t need, uint64_t most)
{
    snprintf(last_text, sizeof last_text, "a copy of process %d takes %llu MiB, and %llu MiB are free here: free some, or use --snapshot fork",
             (int)i->pid, (unsigned long long)(need >> 20), (unsigned long long)(most >> 20));
    return -EFBIG;
}

/* A first thread that has ended (pthread_exit) has no memory any more: another of
 * the process, through which the kernel shows it. */
static pid_t thread_with_memory(pid_t pid)
{
    char name[64];
    pid_t found = 0;
    DIR *d;
    if (heap_refusal_state(pid, pid) != 'Z')
        return pid;
    snprintf(name, sizeof name, "/proc/%d/task", (int)pid);
    d = opendir(name);
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        pid_t tid = (pid_t)atoi(e->d_name);
        char state = tid > 0 ? heap_refusal_state(pid, tid) : 0;
        found = state && state != 'Z' && state != 'X' ? tid : 0;
    }
    if (d)
        closedir(d);
    return found ? found : pid;
}

static struct heap_image *image_new(pid_t pid, const struct heap_image_options *o)
{
    struct heap_image *i = xcalloc(1, sizeof *i);
    i->pid = thread_with_memory(pid);
    i->most_bytes = o->most_bytes;
    if (o->segment_path)
        i->select.segment_path = xstrdup(o->segment_path);
    if (o->shim_path) {
        i->select.shim_path = xstrdup(o->shim_path);
        i->select.shim_bytes = heap_select_span(o->shim_path);
    }
    return i;
}

void heap_image_free(struct heap_image *i)
{
    if (!i)
        return;
    for (size_t k = 0; k < WINDOWS; k++)
        free(i->windows[k].piece.bytes);
    heap_room_free(&i->room);
    heap_room_free(&i->more);
    heap_maps_free(&i->maps);
    free((char *)i->select.segment_path);
    free((char *)i->select.shim_path);
    free(i->pieces);
    free(i);
}

/* What is mapped now, and which pages of it are wanted. */
static int survey(struct heap_image *i, const struct heap_stop *stop, struct heap_runs *runs)
{
    heap_maps_free(&i->maps);
    int e = heap_maps_read(&i->maps, i->pid);
    return e ? e : heap_select_runs(&i->select, i->pid, &i->maps, stop, runs);
}

/* Room for a process that goes on growing: address space for more than twice as
 * much, and touched is what it has by the time that took, and some more. */
static int room_make(struct heap_image *i, uint64_t bytes)
{
    uint64_t before = heap_resident_bytes(i->pid), grown = 0, last = 0, want;
    int e = heap_room_make(&i->room, 2 * bytes + SPARE_BYTES);
    if (e && (e = heap_room_make(&i->room, bytes)))
        return e;
    for (unsigned round = 0; round < TOP_UPS; round++) {
        want = bytes + grown + (bytes / 16 > grown - last ? bytes / 16 : grown - last);
        if (round && bytes + grown + (grown - last) <= i->room.touched_bytes)
            break;
        heap_room_touch(&i->room, want > i->most_bytes ? i->most_bytes : want);
        last = grown;
        want = heap_resident_bytes(i->pid);
        grown = want > before && want - before > grown ? want - before : grown;
    }
    return 0;
}

int heap_image_prepare(struct heap_image **out, pid_t pid, const struct heap_image_options *o)
{
    struct heap_image *i = image_new(pid, o);
    struct heap_runs runs = {0};
    uint64_t most;
    int e = survey(i, NULL, &runs);
    if (!e) {
        most = i->most_bytes ? i->most_bytes : heap_room_free_bytes();
        i->most_bytes = most;
        e = runs.bytes > most ? refuse_size(i, runs.bytes, most) : room_make(i, runs.bytes);
    }
    heap_runs_free(&runs);
    if (e) {
        e = fail(i, e);
        heap_image_free(i);
        i = NULL;
    }
    *out = i;
    return e;
}

/* Room for each run: in the first as long as it holds. */
static int pieces_make(struct heap_image *i, const struct heap_runs *runs)
{
    uint64_t left = runs->bytes, at = 0;
    struct heap_room *room = &i->room;
    int e;
    i->pieces = xcalloc(runs->n + 1, sizeof *i->pieces);
    for (size_t k = 0; k < runs->n; k++) {
        uint64_t bytes = runs->runs[k].end - runs->runs[k].start;
        if (bytes > room->bytes - at && room == &i->room) {
            if ((e = heap_room_make(&i->more, left)))
                return e;
            room = &i->more;
            at = 0;
        }
        i->pieces[i->n++] = (struct heap_piece){runs->runs[k].start, runs->runs[k].end, room->base + at};
        at += bytes;
        left -= bytes;
    }
    return 0;
}

int heap_image_copy(struct heap_image *i, const struct heap_stop *stop)
{
    struct heap_runs runs = {0};
    uint64_t unread = 0;
    int e;
    free(i->pieces);
    i->pieces = NULL;
    i->n = i->last = 0;
    e = survey(i, stop, &runs);
    if (!e && runs.bytes > i->most_bytes)
        e = refuse_size(i, runs.bytes, i->most_bytes);
    if (!e)
        e = pieces_make(i, &runs);
    if (!e)
        e = heap_copy(i->pid, i->pieces, i->n, &unread);
    i->bytes = e ? 0 : runs.bytes - unread;
    heap_runs_free(&runs);
    return e ? fail(i, e) : 0;
}

int heap_image_of(struct heap_image **out, pid_t pid, const struct heap_stop *stop, const struct heap_image_options *o)
{
    struct heap_image *i = image_new(pid, o);
    struct heap_runs runs = {0};
    int e = survey(i, stop, &runs);
    if (!e && !runs.n)
        e = -ESRCH; /* its memory went while it was looked at: a stack at least is always there */
    i->forked = true;
    i->pieces = xcalloc(runs.n + 1, sizeof *i->pieces);
    for (size_t k = 0; !e && k < runs.n; k++)
        i->pieces[i->n++] = (struct heap_piece){runs.runs[k].start, runs.runs[k].end, NULL};
    heap_runs_free(&runs);
    if (e) {
        e = fail(i, e);
        heap_image_free(i);
        i = NULL;
    }
    *out = i;
    return e;
}

/* NULL: nothing is there; *n is then cut to how much of it is not. */
static const struct heap_piece *piece_of(struct heap_image *i, uint64_t address, size_t *n)
{
    size_t low = 0, high = i->n;
    if (i->last < i->n && address - i->pieces[i->last].start < i->pieces[i->last].end - i->pieces[i->last].start)
        return &i->pieces[i->last];
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (i->pieces[at].end <= address)
            low = at + 1;
        else
            high = at;
    }
    if (low == i->n || i->pieces[low].start > address) {
        if (low < i->n && *n > i->pieces[low].start - address)
            *n = (size_t)(i->pieces[low].start - address);
        return NULL;
    }
    i->last = low;
    return &i->pieces[low];
}

/* The part of a forked image that holds an address, read if it is not there;
 * bytes NULL: it cannot be read. */
static struct heap_piece window_of(struct heap_image *i, const struct heap_piece *p, uint64_t address)
{
    struct window *oldest = &i->windows[0];
    struct heap_piece *to;
    uint64_t unread = 0;
    for (struct window *w = i->windows; w < i->windows + WINDOWS; w++) {
        if (address >= w->piece.start && address < w->piece.end) {
            w->used = ++i->uses;
            return w->piece;
        }
        oldest = w->used < oldest->used ? w : oldest;
    }
    to = &oldest->piece;
    if (!to->bytes)
        to->bytes = xmalloc(WINDOW_BYTES);
    to->start = p->start + (address - p->start) / WINDOW_BYTES * WINDOW_BYTES;
    to->end = p->end - to->start > WINDOW_BYTES ? to->start + WINDOW_BYTES : p->end;
    oldest->used = ++i->uses;
    int e = i->error ? i->error : heap_copy(i->pid, to, 1, &unread);
    if (e) {
        i->error = e;
        to->start = to->end = 0;
        return (struct heap_piece){0};
    }
    i->bytes += to->end - to->start - unread;
    return *to;
}

const uint8_t *heap_image_at(struct heap_image *i, uint64_t address, size_t *n)
{
    const struct heap_piece *p = piece_of(i, address, n);
    struct heap_piece there;
    if (!p)
        return NULL;
    there = i->forked ? window_of(i, p, address) : *p;
    if (!there.bytes)
        return NULL;
    if (*n > there.end - address)
        *n = (size_t)(there.end - address);
    return there.bytes + (address - there.start);
}
