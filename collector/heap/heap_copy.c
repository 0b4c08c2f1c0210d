/*
 * collector/heap/heap_copy.c - see heap_copy.h.
 */
#include "heap/heap_copy.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "session/doctor.h"

enum {
    BATCH_BYTES = 2 << 20, BATCH_RANGES = 512, PAGE = 4096,
    WORKERS_MAX = 4, WORKER_LEAST_BYTES = 32 << 20,
    HOPELESS = 64               /* pages in a row that cannot be read: the rest of the range is not tried */
};

struct batch { struct iovec remote[BATCH_RANGES], local[BATCH_RANGES]; size_t n, bytes; };

/* Who copies takes the next batch: a place in the pieces. */
struct work {
    pid_t pid;
    const struct heap_piece *pieces; size_t n;
    pthread_mutex_t mutex;
    size_t piece;
    uint64_t offset;            /* in that piece */
    uint64_t unread_bytes;
    int error;
};

static bool batch_take(struct work *w, struct batch *b)
{
    b->n = b->bytes = 0;
    pthread_mutex_lock(&w->mutex);
    while (!w->error && w->piece < w->n && b->n < BATCH_RANGES && b->bytes < BATCH_BYTES) {
        const struct heap_piece *p = &w->pieces[w->piece];
        uint64_t left = p->end - p->start - w->offset, room = BATCH_BYTES - b->bytes;
        size_t take = (size_t)(left < room ? left : room);
        b->remote[b->n] = (struct iovec){(void *)(uintptr_t)(p->start + w->offset), take};
        b->local[b->n++] = (struct iovec){p->bytes + w->offset, take};
        b->bytes += take;
        w->offset += take;
        if (take == left) {
            w->piece++;
            w->offset = 0;
        }
    }
    pthread_mutex_unlock(&w->mutex);
    return b->n;
}

/* Takes `bytes` off the front, from range *at on. */
static void batch_advance(struct batch *b, size_t *at, size_t bytes)
{
    while (bytes) {
        size_t take = bytes < b->remote[*at].iov_len ? bytes : b->remote[*at].iov_len;
        b->remote[*at].iov_base = (uint8_t *)b->remote[*at].iov_base + take;
        b->local[*at].iov_base = (uint8_t *)b->local[*at].iov_base + take;
        b->remote[*at].iov_len = b->local[*at].iov_len -= take;
        bytes -= take;
        *at += !b->remote[*at].iov_len;
    }
}

/* The next page cannot be read: zeros. After too many of these the whole range. */
static size_t batch_skip(struct batch *b, size_t *at, unsigned bad)
{
    size_t left = b->remote[*at].iov_len, page = PAGE - (uintptr_t)b->remote[*at].iov_base % PAGE;
    size_t skip = bad >= HOPELESS || page > left ? left : page;
    memset(b->local[*at].iov_base, 0, skip);
    batch_advance(b, at, skip);
    return skip;
}

static int batch_copy(pid_t pid, struct batch *b, uint64_t *unread_bytes)
{
    unsigned bad = 0;
    for (size_t at = 0; at < b->n;) {
        ssize_t got = process_vm_readv(pid, b->local + at, b->n - at, b->remote + at, b->n - at, 0);
        if (got > 0) {
            batch_advance(b, &at, (size_t)got);
            bad = 0;
        } else if (got < 0 && errno != EFAULT) {
            return errno == EINTR || errno == EAGAIN ? -EIO : -errno;
        } else {
            *unread_bytes += batch_skip(b, &at, bad++);
        }
    }
    return 0;
}

static void *copy(void *context)
{
    struct work *w = context;
    struct batch b;
    while (batch_take(w, &b)) {
        uint64_t unread = 0;
        int e = batch_copy(w->pid, &b, &unread);
        pthread_mutex_lock(&w->mutex);
        w->unread_bytes += unread;
        w->error = w->error ? w->error : e;
        pthread_mutex_unlock(&w->mutex);
    }
    return NULL;
}

static size_t workers_wanted(const struct heap_piece *pieces, size_t n)
{
    uint64_t bytes = 0;
    cpu_set_t set;
    size_t cpus = sched_getaffinity(0, sizeof set, &set) ? 1 : (size_t)CPU_COUNT(&set), wanted;
    for (size_t i = 0; i < n; i++)
        bytes += pieces[i].end - pieces[i].start;
    wanted = (size_t)(bytes / WORKER_LEAST_BYTES);
    wanted = wanted < cpus ? wanted : cpus;
    return wanted < WORKERS_MAX ? wanted : WORKERS_MAX;
}

int heap_copy(pid_t pid, const struct heap_piece *pieces, size_t n, uint64_t *unread_bytes)
{
    struct work w = {.pid = pid, .pieces = pieces, .n = n, .mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t others[WORKERS_MAX];
    size_t wanted = workers_wanted(pieces, n), started = 0;
    *unread_bytes = 0;
    if (doctor_looking_kills())
        return -EPERM;
    while (started + 1 < wanted && !pthread_create(&others[started], NULL, copy, &w))
        started++;
    copy(&w);
    while (started)
        pthread_join(others[--started], NULL);
    pthread_mutex_destroy(&w.mutex);
    *unread_bytes += w.unread_bytes;
    return w.error;
}
