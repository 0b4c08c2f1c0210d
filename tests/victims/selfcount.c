/*
 * selfcount FILE THREADS [SECONDS] - allocates for ever and keeps its own books
 * in FILE, mapped shared, so that they outlive a SIGKILL. Per thread four
 * counters: mallocs begun, mallocs done, frees begun, frees done; at the end of
 * the page its process id; a byte before it (at 4080) that is not 0 ends it. A true trace holds at least what was done and at
 * most what was begun. With SECONDS it ends by itself, and tells on standard
 * error its longest step.
 */
#include "victim.h"

struct books { _Atomic uint64_t made_begun, made_done, freed_begun, freed_done; };
static struct books *books;
static double seconds;
static double longest_ms;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

NOINLINE static void *counted_malloc(struct books *b, size_t bytes)
{
    b->made_begun++;
    void *p = keep(malloc(bytes));
    b->made_done++;
    return p;
}
NOINLINE static void counted_free(struct books *b, void *p)
{
    b->freed_begun++;
    free(p);
    b->freed_done++;
}

static void *worker(void *arg)
{
    struct books *b = arg;
    void *held[64] = { NULL };
    double end = now() + seconds, last = now();
    for (unsigned i = 0; !((volatile char *)books)[4080] && (!seconds || last < end); i++) {
        if (held[i % 64])
            counted_free(b, held[i % 64]);
        held[i % 64] = counted_malloc(b, 3001 + (b - books));
        if (i % 64 == 63) {
            victim_breathe();
            double t = now();
            if (b == books && (t - last) * 1e3 > longest_ms)
                longest_ms = (t - last) * 1e3;
            last = t;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 77;
    int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, 4096))
        return 99;
    books = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    *(_Atomic uint64_t *)((char *)books + 4088) = (uint64_t)getpid();
    int threads = atoi(argv[2]);
    seconds = argc > 3 ? atof(argv[3]) : 0;
    pthread_t t[64];
    for (int i = 1; i < threads; i++)
        CHECK(!pthread_create(&t[i], NULL, worker, &books[i]));
    worker(&books[0]);
    for (int i = 1; i < threads; i++)
        pthread_join(t[i], NULL);
    fprintf(stderr, "longest step %.1f ms\n", longest_ms);
    puts("done");
    return 0;
}
