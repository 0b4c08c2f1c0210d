/*
 * bench/micro.c - the micro loops: `micro LOOP N [DEPTH]`, one after another
 * the same little act, N times.
 *
 *   pair     malloc and free at one site
 *   deep     the same at the end of DEPTH equal frames
 *   random   the same, the top three frames of DEPTH vary at random
 *   live     100,000 live blocks, replaced at random
 *   threads  two threads, each its own pairs
 *   handoff  one thread makes, another drops
 *   map      mmap and munmap of a page
 *   mutex    pthread_mutex_lock and _unlock, uncontended, at the end of DEPTH frames
 *   copy     memcpy of 64 to 4,096 bytes, the same
 *   short    memcpy of 48 bytes
 *   string   strcpy of 11 bytes
 *
 * DEPTH counts the frames of the stack from malloc's caller to _start. Built
 * with -fno-builtin, so that every call is one.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static unsigned long count;
static unsigned long long seed = 88172645463325252ull;

static unsigned next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 32);
}

static void touch(void *p) { __asm__ volatile("" : : "r"(p) : "memory"); }

static __attribute__((noinline)) void pair(void)
{
    void *p = malloc(32);
    touch(p);
    free(p);
}

static void *pairs(void *unused)
{
    for (unsigned long i = 0; i < count; i++)
        pair();
    return unused;
}

static __attribute__((noinline)) void top_a(unsigned r, int left);
static __attribute__((noinline)) void top_b(unsigned r, int left);
static void top(unsigned r, int left)
{
    if (!left)
        pair();
    else if (r & 1)
        top_a(r >> 1, left - 1);
    else
        top_b(r >> 1, left - 1);
    __asm__ volatile("");
}
static void top_a(unsigned r, int left) { top(r, left); __asm__ volatile(""); }
static void top_b(unsigned r, int left) { top(r, left); __asm__ volatile(""); __asm__ volatile("nop"); }

static __attribute__((noinline)) void deep(int depth, int vary)
{
    if (depth > 0) {
        deep(depth - 1, vary);
        __asm__ volatile("");
        return;
    }
    for (unsigned long i = 0; i < count; i++) {
        if (vary)
            top(next_random(), 3);
        else
            pair();
    }
}

static void live(void)
{
    static void *blocks[100000];
    for (unsigned long i = 0; i < count; i++) {
        unsigned at = next_random() % 100000;
        free(blocks[at]);
        blocks[at] = malloc(16 + next_random() % 500);
    }
}

/* Two batches pass between them by semaphores: nobody spins, so that CPU is work. */
enum { BATCH = 4096 };
static void *batches[2][BATCH];
static sem_t filled, empty;

static void *consumer(void *unused)
{
    for (unsigned long i = 0; i < count; i++) {
        if (i % BATCH == 0)
            sem_wait(&filled);
        free(batches[i / BATCH % 2][i % BATCH]);
        if (i % BATCH == BATCH - 1)
            sem_post(&empty);
    }
    return unused;
}

static void handoff(void)
{
    pthread_t t;
    sem_init(&filled, 0, 0);
    sem_init(&empty, 0, 2);
    pthread_create(&t, NULL, consumer, NULL);
    for (unsigned long i = 0; i < count; i++) {
        if (i % BATCH == 0)
            sem_wait(&empty);
        batches[i / BATCH % 2][i % BATCH] = malloc(64);
        if (i % BATCH == BATCH - 1 || i == count - 1)
            sem_post(&filled);
    }
    pthread_join(t, NULL);
}

static void maps(void)
{
    for (unsigned long i = 0; i < count; i++) {
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        touch(p);
        munmap(p, 4096);
    }
}

static __attribute__((noinline)) void mutexes(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    for (unsigned long i = 0; i < count; i++) {
        pthread_mutex_lock(&lock);
        touch(&lock);
        pthread_mutex_unlock(&lock);
    }
}

static __attribute__((noinline)) void copies(void)
{
    static char from[4096], to[4096];
    for (unsigned long i = 0; i < count; i++) {
        memcpy(to, from, 64u << (i % 7));
        touch(to);
    }
}

static void shorts(void)
{
    static char from[48], to[48];
    for (unsigned long i = 0; i < count; i++) {
        memcpy(to, from, sizeof to);
        touch(to);
    }
}

static void strings(void)
{
    static char to[48];
    for (unsigned long i = 0; i < count; i++) {
        strcpy(to, "ten little");
        touch(to);
    }
}

static void threads(void)
{
    pthread_t t;
    pthread_create(&t, NULL, pairs, NULL);
    pairs(NULL);
    pthread_join(t, NULL);
}

/* _start, two of libc's, main, deep() once more than its argument, pair; and
 * for random the three that vary */
enum { FRAMES_SAME = 6, FRAMES_VARY = 9 };
static int depth = 32;

static void one_site(void) { pairs(NULL); }
static void same(void) { deep(depth - FRAMES_SAME, 0); }
static void vary(void) { deep(depth - FRAMES_VARY, 1); }

/* `loop` at the same depth. */
static __attribute__((noinline)) void below(int frames, void (*loop)(void))
{
    if (frames > 0)
        below(frames - 1, loop);
    else
        loop();
    __asm__ volatile("");
}
static void deep_mutexes(void) { below(depth - FRAMES_SAME, mutexes); }
static void deep_copies(void) { below(depth - FRAMES_SAME, copies); }

static const struct {
    const char *name;
    void (*run)(void);
} loops[] = {
    { "pair", one_site }, { "deep", same }, { "random", vary }, { "live", live }, { "threads", threads },
    { "handoff", handoff }, { "map", maps }, { "mutex", deep_mutexes }, { "copy", deep_copies },
    { "short", shorts }, { "string", strings },
};

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    count = strtoul(argv[2], NULL, 10);
    if (argc > 3)
        depth = atoi(argv[3]);
    for (size_t i = 0; i < sizeof(loops) / sizeof(*loops); i++) {
        if (!strcmp(argv[1], loops[i].name)) {
            loops[i].run();
            return 0;
        }
    }
    return 2;
}
