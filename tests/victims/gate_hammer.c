/*
 * Sixteen threads (or so many as are asked for) that allocate, lock, copy, wait and post as fast as they can, until
 * the file named on the command line is there (or for a moment), and know at the end what all of it came to.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 16, BLOCKS = 64, COPY_BYTES = 4096 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static uint64_t under_mutex, rounds_done;
static volatile int over;

static void locks(void)
{
    pthread_mutex_lock(&mutex);
    under_mutex++;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
    sem_wait(&sem);
    sem_post(&sem);
}

static void *hammer(void *unused)
{
    char *blocks[BLOCKS] = {0}, from[COPY_BYTES], to[COPY_BYTES];
    uint64_t round = 0, wrong = 0;
    memset(from, 7, sizeof from);
    for (; !over; round++) {
        unsigned i = (unsigned)(round * 2654435761u) % BLOCKS;
        size_t size = 16 + round % 700;
        if (blocks[i] && (unsigned char)blocks[i][15] != i)
            wrong++;
        if (round % 3)
            free(blocks[i]), blocks[i] = malloc(size);
        else
            blocks[i] = realloc(blocks[i], size);
        blocks[i][15] = (char)i;
        if (round % 4 == 0)
            locks();
        if (round % 8 == 0) {
            memcpy(to, from, sizeof to);
            wrong += to[round % COPY_BYTES] != 7;
        }
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    __atomic_add_fetch(&rounds_done, (round + 3) / 4, __ATOMIC_RELAXED);
    return (void *)(uintptr_t)wrong;
}

int main(int argc, char **argv)
{
    pthread_t t[THREADS];
    uint64_t wrong = 0;
    int n = argc > 2 ? atoi(argv[2]) : THREADS;
    sem_init(&sem, 0, 4);
    for (int i = 0; i < n && i < THREADS; i++)
        pthread_create(&t[i], NULL, hammer, NULL);
    if (argc > 1)
        while (access(argv[1], F_OK))
            usleep(2000);
    else
        usleep(100000);
    over = 1;
    for (int i = 0; i < n && i < THREADS; i++) {
        void *value;
        pthread_join(t[i], &value);
        wrong += (uintptr_t)value;
    }
    printf("%d wrong, mutex %s\n", (int)wrong, under_mutex == rounds_done ? "kept" : "broken");
    return wrong || under_mutex != rounds_done;
}
