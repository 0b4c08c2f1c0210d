/* What every function of locks returns, failing calls too; errno stays what it
 * was but where the function is one that sets it. */
#include <semaphore.h>
#include <threads.h>
#include "victim.h"

#define SHOW(call) \
    do { \
        errno = 4321; \
        int r_ = (call); \
        printf("%-60s %d, errno %d\n", #call, r_, errno); \
    } while (0)

static struct timespec soon(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += 20000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}
#define SOON (&(struct timespec[]){ soon(CLOCK_REALTIME) }[0])
#define SOON_MONO (&(struct timespec[]){ soon(CLOCK_MONOTONIC) }[0])

static const struct timespec bad = { 1, 2000000000 }, negative = { 1, -1 }, past = { 1, 0 };
static pthread_mutex_t m;
static pthread_rwlock_t rw;

static void *in_thread(void *what)
{
    ((void (*)(void))what)();
    return NULL;
}
static void by_another(void (*what)(void))
{
    pthread_t t;
    CHECK(!pthread_create(&t, NULL, in_thread, (void *)what));
    CHECK(!pthread_join(t, NULL));
}

static void while_held(void)
{
    SHOW(pthread_mutex_trylock(&m));
    SHOW(pthread_mutex_timedlock(&m, SOON));
    SHOW(pthread_mutex_timedlock(&m, &past));
    SHOW(pthread_mutex_timedlock(&m, &bad));
    SHOW(pthread_mutex_timedlock(&m, &negative));
    SHOW(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, SOON_MONO));
    SHOW(pthread_mutex_clocklock(&m, CLOCK_REALTIME, &past));
    SHOW(pthread_mutex_clocklock(&m, CLOCK_PROCESS_CPUTIME_ID, SOON));
}

static void mutexes(int type, const char *name)
{
    pthread_mutexattr_t a;
    printf("-- %s\n", name);
    pthread_mutexattr_init(&a);
    CHECK(!pthread_mutexattr_settype(&a, type));
    SHOW(pthread_mutex_init(&m, &a));
    SHOW(pthread_mutex_lock(&m));
    SHOW(pthread_mutex_trylock(&m));
    if (type == PTHREAD_MUTEX_RECURSIVE) {
        SHOW(pthread_mutex_lock(&m));
        SHOW(pthread_mutex_timedlock(&m, SOON));
        for (int i = 0; i < 3; i++)
            SHOW(pthread_mutex_unlock(&m));
    }
    if (type == PTHREAD_MUTEX_ERRORCHECK) {
        SHOW(pthread_mutex_lock(&m));
        SHOW(pthread_mutex_timedlock(&m, SOON));
        SHOW(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, SOON_MONO));
    }
    by_another(while_held);
    SHOW(pthread_mutex_unlock(&m));
    SHOW(pthread_mutex_timedlock(&m, &bad)); /* free: the time is not looked at */
    SHOW(pthread_mutex_unlock(&m));
    SHOW(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &bad));
    SHOW(pthread_mutex_unlock(&m));
    SHOW(pthread_mutex_clocklock(&m, CLOCK_THREAD_CPUTIME_ID, &past));
    SHOW(pthread_mutex_consistent(&m));
    SHOW(pthread_mutex_destroy(&m));
    pthread_mutexattr_destroy(&a);
}

static void while_written(void)
{
    SHOW(pthread_rwlock_tryrdlock(&rw));
    SHOW(pthread_rwlock_trywrlock(&rw));
    SHOW(pthread_rwlock_timedrdlock(&rw, SOON));
    SHOW(pthread_rwlock_timedwrlock(&rw, SOON));
    SHOW(pthread_rwlock_clockrdlock(&rw, CLOCK_MONOTONIC, SOON_MONO));
    SHOW(pthread_rwlock_clockwrlock(&rw, CLOCK_MONOTONIC, SOON_MONO));
}
static void while_read(void)
{
    SHOW(pthread_rwlock_tryrdlock(&rw));
    SHOW(pthread_rwlock_unlock(&rw));
    SHOW(pthread_rwlock_rdlock(&rw));
    SHOW(pthread_rwlock_unlock(&rw));
    SHOW(pthread_rwlock_trywrlock(&rw));
    SHOW(pthread_rwlock_timedwrlock(&rw, SOON));
}

static void rwlocks(void)
{
    puts("-- rwlock");
    SHOW(pthread_rwlock_init(&rw, NULL));
    SHOW(pthread_rwlock_wrlock(&rw));
    SHOW(pthread_rwlock_rdlock(&rw));
    SHOW(pthread_rwlock_wrlock(&rw));
    SHOW(pthread_rwlock_timedrdlock(&rw, SOON));
    by_another(while_written);
    SHOW(pthread_rwlock_unlock(&rw));
    SHOW(pthread_rwlock_rdlock(&rw));
    by_another(while_read);
    SHOW(pthread_rwlock_unlock(&rw));
    SHOW(pthread_rwlock_timedrdlock(&rw, &bad)); /* free, and still refused */
    SHOW(pthread_rwlock_timedwrlock(&rw, &negative));
    SHOW(pthread_rwlock_clockrdlock(&rw, CLOCK_PROCESS_CPUTIME_ID, &past));
    SHOW(pthread_rwlock_clockwrlock(&rw, CLOCK_PROCESS_CPUTIME_ID, &past));
    SHOW(pthread_rwlock_timedrdlock(&rw, &past));
    SHOW(pthread_rwlock_unlock(&rw));
    SHOW(pthread_rwlock_destroy(&rw));
}

static pthread_spinlock_t spin;
static void while_spun(void) { SHOW(pthread_spin_trylock(&spin)); }
static void spins(void)
{
    puts("-- spin");
    SHOW(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE));
    SHOW(pthread_spin_lock(&spin));
    by_another(while_spun);
    SHOW(pthread_spin_unlock(&spin));
    SHOW(pthread_spin_trylock(&spin));
    SHOW(pthread_spin_unlock(&spin));
    SHOW(pthread_spin_destroy(&spin));
}

static void semaphores(void)
{
    sem_t s;
    puts("-- semaphore");
    SHOW(sem_init(&s, 0, -1u));
    SHOW(sem_init(&s, 0, 2));
    SHOW(sem_wait(&s));
    SHOW(sem_trywait(&s));
    SHOW(sem_trywait(&s));
    SHOW(sem_timedwait(&s, SOON));
    SHOW(sem_timedwait(&s, &bad));
    SHOW(sem_clockwait(&s, CLOCK_MONOTONIC, SOON_MONO));
    SHOW(sem_clockwait(&s, CLOCK_PROCESS_CPUTIME_ID, SOON));
    SHOW(sem_post(&s));
    SHOW(sem_timedwait(&s, &bad)); /* to be had, and still refused */
    SHOW(sem_clockwait(&s, CLOCK_PROCESS_CPUTIME_ID, &past));
    SHOW(sem_timedwait(&s, &past));
    SHOW(sem_destroy(&s));
    CHECK(!sem_init(&s, 0, 0x7fffffff));
    SHOW(sem_post(&s));
    SHOW(sem_destroy(&s));
}

static void conditions(void)
{
    pthread_cond_t c;
    pthread_condattr_t a;
    puts("-- condition");
    pthread_condattr_init(&a);
    CHECK(!pthread_condattr_setclock(&a, CLOCK_MONOTONIC));
    SHOW(pthread_cond_init(&c, &a));
    pthread_mutex_init(&m, NULL);
    SHOW(pthread_cond_signal(&c));
    SHOW(pthread_cond_broadcast(&c));
    pthread_mutex_lock(&m);
    SHOW(pthread_cond_timedwait(&c, &m, SOON_MONO));
    SHOW(pthread_cond_timedwait(&c, &m, &bad));
    SHOW(pthread_cond_timedwait(&c, &m, &past));
    SHOW(pthread_cond_clockwait(&c, &m, CLOCK_REALTIME, SOON));
    SHOW(pthread_cond_clockwait(&c, &m, CLOCK_PROCESS_CPUTIME_ID, SOON));
    SHOW(pthread_cond_clockwait(&c, &m, CLOCK_MONOTONIC, &negative));
    pthread_mutex_unlock(&m);
    SHOW(pthread_cond_destroy(&c));
    pthread_mutex_destroy(&m);
}

/* Waits that libc refuses: the mutex is another's or nobody's, and stays so. */
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static void wait_refused(void)
{
    SHOW(pthread_cond_wait(&never, &m));
    SHOW(pthread_cond_timedwait(&never, &m, SOON));
    SHOW(pthread_cond_clockwait(&never, &m, CLOCK_MONOTONIC, SOON_MONO));
}
static mtx_t again;
static cnd_t cnd;
static void cnd_refused(void)
{
    SHOW(cnd_wait(&cnd, &again));
    SHOW(cnd_timedwait(&cnd, &again, SOON));
}
static void refused(int type, int robust)
{
    pthread_mutexattr_t a;
    printf("-- refused: type %d, robust %d\n", type, robust);
    pthread_mutexattr_init(&a);
    CHECK(!pthread_mutexattr_settype(&a, type) && !pthread_mutexattr_setrobust(&a, robust));
    CHECK(!pthread_mutex_init(&m, &a));
    by_another(wait_refused);
    pthread_mutex_lock(&m);
    by_another(wait_refused);
    SHOW(pthread_cond_timedwait(&never, &m, SOON)); /* its owner's is not */
    pthread_mutex_unlock(&m);
    SHOW(pthread_mutex_destroy(&m));
    pthread_mutexattr_destroy(&a);
}
static void refused_c11(void)
{
    puts("-- refused: C11");
    CHECK(mtx_init(&again, mtx_plain | mtx_recursive) == thrd_success && cnd_init(&cnd) == thrd_success);
    by_another(cnd_refused);
    mtx_lock(&again);
    by_another(cnd_refused);
    SHOW(cnd_timedwait(&cnd, &again, SOON));
    mtx_unlock(&again);
    mtx_destroy(&again);
    cnd_destroy(&cnd);
}

static void *arrive(void *b)
{
    int r = pthread_barrier_wait(b);
    return (void *)(intptr_t)(r == PTHREAD_BARRIER_SERIAL_THREAD ? 1 : r ? 100 : 0);
}
static void barriers(void)
{
    pthread_barrier_t b;
    pthread_t t[3];
    intptr_t serial = 0;
    void *value;
    puts("-- barrier");
    SHOW(pthread_barrier_init(&b, NULL, 0));
    SHOW(pthread_barrier_init(&b, NULL, 3));
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_create(&t[i], NULL, arrive, &b));
    for (int i = 0; i < 3; i++) {
        CHECK(!pthread_join(t[i], &value));
        serial += (intptr_t)value;
    }
    printf("serial threads: %d\n", (int)serial);
    SHOW(pthread_barrier_destroy(&b));
}

int main(void)
{
    mutexes(PTHREAD_MUTEX_NORMAL, "normal mutex");
    mutexes(PTHREAD_MUTEX_RECURSIVE, "recursive mutex");
    mutexes(PTHREAD_MUTEX_ERRORCHECK, "error-checking mutex");
    mutexes(PTHREAD_MUTEX_ADAPTIVE_NP, "adaptive mutex");
    rwlocks();
    spins();
    semaphores();
    conditions();
    refused(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);
    refused(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
    refused(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
    refused_c11();
    barriers();
    puts("expect finding relock count=6 found=6"); /* EDEADLK */
    return 0;
}
