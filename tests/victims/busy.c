/*
 * busy [FILE] - threads that allocate, copy, lock, hand over, and come and go,
 * and check all that they did: a block holds what was written, a lock kept
 * others out, errno is as it was left. It works until FILE is gone (without
 * one: a moment), and its output is the same however long that takes. Given a
 * FILE it writes its process id there.
 */
#include <stdatomic.h>

#include "victim.h"

enum { WORKERS = 4, HELD = 128, MAILBOXES = 16 };

struct block { uint32_t bytes, seed; unsigned char data[]; };

static const char *file;
static volatile int over;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER, post = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t looking = PTHREAD_RWLOCK_INITIALIZER;
static uint64_t counted_inside, shown[2];
static _Atomic uint64_t counted, wrong, short_lived;
static struct block *mailbox[MAILBOXES];

static uint32_t next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

static void check(int holds)
{
    if (!holds)
        wrong++;
}

NOINLINE static struct block *block_make(uint32_t bytes, uint32_t seed)
{
    struct block *b = malloc(sizeof *b + bytes);
    *b = (struct block){ bytes, seed };
    memset(b->data, (int)(seed & 255), bytes);
    return b;
}

NOINLINE static void block_drop(struct block *b)
{
    uint32_t i = b->bytes ? b->seed % b->bytes : 0;
    check(!b->bytes || (b->data[i] == (b->seed & 255) && b->data[b->bytes - 1] == (b->seed & 255)));
    errno = EXDEV;
    free(b);
    check(errno == EXDEV);
}

NOINLINE static struct block *block_copy(const struct block *from)
{
    struct block *b = malloc(sizeof *b + from->bytes);
    memcpy(b, from, sizeof *b + from->bytes);
    return b;
}

NOINLINE static struct block *block_grow(struct block *b, uint32_t bytes)
{
    uint32_t had = b->bytes;
    b = realloc(b, sizeof *b + bytes);
    b->bytes = bytes;
    if (bytes > had)
        memset(b->data + had, (int)(b->seed & 255), bytes - had);
    return b;
}

static void count_locked(void)
{
    pthread_mutex_lock(&counting);
    counted_inside++;
    pthread_mutex_unlock(&counting);
    counted++;
}

static void look(uint32_t write)
{
    if (write) {
        pthread_rwlock_wrlock(&looking);
        shown[0]++;
        shown[1]++;
    } else {
        pthread_rwlock_rdlock(&looking);
        check(shown[0] == shown[1]);
    }
    pthread_rwlock_unlock(&looking);
}

/* By a lock: that orders what the one thread did with a block before what the other does, where all can see it. */
static struct block *mail_swap(uint32_t box, struct block *left)
{
    struct block *found;
    pthread_mutex_lock(&post);
    found = mailbox[box];
    mailbox[box] = left;
    pthread_mutex_unlock(&post);
    return found;
}

static void *short_life(void *arg)
{
    block_drop(arg);
    short_lived++;
    return NULL;
}

static void step(struct block **held, uint32_t *state)
{
    uint32_t r = next(state);
    struct block **at = &held[r % HELD];
    switch (r >> 8 & 15) {
    case 0: count_locked(); break;
    case 1: look((r >> 12 & 15) == 0); break;
    case 2: if (*at) *at = block_grow(*at, r >> 12 & 8191); break;
    case 3: case 4: *at = mail_swap(r >> 12 & (MAILBOXES - 1), *at); break; /* what somebody left, for what is held here */
    case 5: if (*at) { struct block *b = block_copy(*at); block_drop(b); } break;
    default:
        if (*at)
            block_drop(*at);
        *at = block_make((r >> 16 & 63) ? r >> 20 & 511 : r >> 18 & 16383, r);
    }
}

static void *worker(void *arg)
{
    struct block *held[HELD] = { NULL };
    uint32_t state = (uint32_t)(uintptr_t)arg;
    for (uint64_t i = 1; !over; i++) {
        step(held, &state);
        if (i % 4096 == 0) {
            pthread_t t;
            pthread_create(&t, NULL, short_life, block_make(100, state));
            pthread_join(t, NULL);
        }
        if (i % 1024 == 0)
            victim_breathe();
    }
    for (int i = 0; i < HELD; i++)
        if (held[i])
            block_drop(held[i]);
    return NULL;
}

static void pid_write(void)
{
    FILE *f = fopen(file, "w");
    fprintf(f, "%d\n", (int)getpid());
    fclose(f);
}

int main(int argc, char **argv)
{
    pthread_t t[WORKERS];
    file = argc > 1 ? argv[1] : NULL;
    if (file)
        pid_write();
    for (uintptr_t i = 0; i < WORKERS; i++)
        pthread_create(&t[i], NULL, worker, (void *)(i * 7919 + 1));
    do
        usleep(50000);
    while (file && access(file, F_OK) == 0);
    over = 1;
    for (int i = 0; i < WORKERS; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < MAILBOXES; i++)
        if (mailbox[i])
            block_drop(mailbox[i]);
    printf("%d threads, %llu wrong, counts %s, short lives %s\n", WORKERS, (unsigned long long)wrong,
           counted == counted_inside ? "agree" : "differ", short_lived || !file ? "some" : "none");
    return wrong || counted != counted_inside;
}
