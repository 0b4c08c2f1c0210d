/*
 * lockcount FILE THREADS [SECONDS] - takes locks for ever and keeps its own
 * books in FILE, mapped shared, so that they outlive a SIGKILL: per thread
 * locks begun and locks done; at the end of the page its process id. Locks of
 * its own, one that all share, and a condition to wait for.
 */
#include "victim.h"

struct books { _Atomic uint64_t begun, done; };
static struct books *books;
static pthread_mutex_t counted_own[64], counted_all = PTHREAD_MUTEX_INITIALIZER;
static double seconds;

NOINLINE static void counted_lock(struct books *b, pthread_mutex_t *m)
{
    b->begun++;
    pthread_mutex_lock(m);
    b->done++;
}

static void *worker(void *arg)
{
    struct books *b = arg;
    int64_t end = victim_now_ns() + (int64_t)(seconds * 1e9);
    for (unsigned i = 0; !seconds || victim_now_ns() < end; i++) {
        counted_lock(b, &counted_own[b - books]);
        if (i % 8 == 0) {
            counted_lock(b, &counted_all);
            pthread_mutex_unlock(&counted_all);
        }
        pthread_mutex_unlock(&counted_own[b - books]);
        if (i % 64 == 63)
            victim_breathe();
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
    int threads = atoi(argv[2]);
    seconds = argc > 3 ? atof(argv[3]) : 0;
    for (int i = 0; i < 64; i++)
        pthread_mutex_init(&counted_own[i], NULL);
    *(_Atomic uint64_t *)((char *)books + 4088) = (uint64_t)getpid();
    pthread_t t[64];
    for (int i = 1; i < threads; i++)
        t[i] = victim_thread(worker, &books[i]);
    worker(&books[0]);
    for (int i = 1; i < threads; i++)
        victim_join(t[i]);
    puts("done");
    return 0;
}
