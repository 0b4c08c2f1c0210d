/* Threads that use one block one after the other, each time by another means:
 * mutex, condition, semaphore, barrier, once, read-write lock, spin lock, C11
 * mutex and condition, create and join. */
#include <semaphore.h>
#include <threads.h>
#include "victim.h"

enum { SIZE = 9000, TIMES = 20 };
static char bytes[SIZE];
static char *block;
static int turn;

NOINLINE static char *make(void) { return keep(malloc(SIZE)); }
NOINLINE static void put(void) { memcpy(block, bytes, SIZE); keep(NULL); }
NOINLINE static void get(void) { char copy[SIZE]; memcpy(copy, block, SIZE); keep(copy); }

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *with_mutex(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        if (i % 3)
            pthread_mutex_lock(&mutex);
        else
            while (pthread_mutex_trylock(&mutex))
                victim_breathe();
        put();
        pthread_mutex_unlock(&mutex);
        victim_breathe();
    }
    return NULL;
}

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static void *with_cond(void *arg)
{
    pthread_mutex_lock(&mutex);
    while (!turn)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    get();
    return NULL;
}
static void cond_turn(void)
{
    put();
    pthread_mutex_lock(&mutex);
    turn = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static sem_t ready, done;
static void *with_sem(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        sem_wait(&ready);
        put();
        sem_post(&done);
    }
    return NULL;
}
static void sem_turn(void)
{
    for (int i = 0; i < TIMES; i++) {
        put();
        sem_post(&ready);
        while (i % 2 && sem_trywait(&done))
            victim_breathe();
        if (i % 2 == 0)
            sem_wait(&done);
    }
}

static pthread_barrier_t barrier;
static void *with_barrier(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        if (i % 2)
            put();
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}
static void barrier_turn(void)
{
    for (int i = 0; i < TIMES; i++) {
        if (i % 2 == 0)
            put();
        pthread_barrier_wait(&barrier);
    }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void make_once(void) { put(); }
static void *with_once(void *arg)
{
    pthread_once(&once, make_once);
    get();
    return NULL;
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static void *with_rwlock(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        if (i % 4 == (arg != NULL)) {
            pthread_rwlock_wrlock(&rwlock);
            put();
        } else {
            pthread_rwlock_rdlock(&rwlock);
            get();
        }
        pthread_rwlock_unlock(&rwlock);
        victim_breathe();
    }
    return NULL;
}

static pthread_spinlock_t spin;
static void *with_spin(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        pthread_spin_lock(&spin);
        put();
        pthread_spin_unlock(&spin);
        victim_breathe();
    }
    return NULL;
}

static mtx_t mtx;
static cnd_t cnd;
static void *with_mtx(void *arg)
{
    mtx_lock(&mtx);
    while (turn != (arg != NULL))
        cnd_wait(&cnd, &mtx);
    put();
    turn++;
    cnd_broadcast(&cnd);
    mtx_unlock(&mtx);
    return NULL;
}

/* Readers only: nobody else's use matters to them. */
static void *reads(void *arg) { get(); return NULL; }

static void two(void *(*routine)(void *), void (*meanwhile)(void))
{
    block = make();
    put();
    turn = 0;
    pthread_t a = victim_thread(routine, NULL), b = 0;
    if (meanwhile)
        meanwhile();
    else
        b = victim_thread(routine, block);
    victim_join(a);
    if (!meanwhile)
        victim_join(b);
    put();
    free(block);
}

int main(void)
{
    CHECK(!sem_init(&ready, 0, 0) && !sem_init(&done, 0, 0) && !pthread_barrier_init(&barrier, NULL, 2));
    CHECK(!pthread_spin_init(&spin, 0) && mtx_init(&mtx, mtx_plain) == thrd_success && cnd_init(&cnd) == thrd_success);
    two(with_mutex, NULL);
    two(with_cond, cond_turn);
    two(with_sem, sem_turn);
    two(with_barrier, barrier_turn);
    two(with_once, NULL);
    two(with_rwlock, NULL);
    two(with_spin, NULL);
    two(with_mtx, NULL);
    two(reads, NULL);
    return 0;
}
