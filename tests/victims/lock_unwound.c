/* Waits that end early: cancelled (the mutex is had again, the semaphore is not
 * taken, even where a cancellation is pending and it could be), left by a signal
 * handler's jump, ended by pthread_exit in a handler. */
#include <semaphore.h>
#include <setjmp.h>
#include <threads.h>
#include "victim.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static mtx_t mtx;
static cnd_t cnd;
static sem_t s, ready;
static int asked; /* the thread to cancel itself */
static const struct timespec late = { 1ll << 40, 0 };

/* The lock is held here: nobody else can get it. */
static void *tries(void *lock) { return (void *)(intptr_t)pthread_mutex_trylock(lock); }
static void unlock(void *lock)
{
    pthread_t t;
    void *r;
    CHECK(!pthread_create(&t, NULL, tries, lock));
    CHECK(!pthread_join(t, &r));
    printf("  to others the mutex says %d\n", (int)(intptr_t)r);
    CHECK(!pthread_mutex_unlock(lock));
}
static void unlock_mtx(void *lock)
{
    CHECK(mtx_unlock(lock) == thrd_success);
}

static void *cond_wait(void *arg)
{
    pthread_mutex_lock(&m);
    pthread_cleanup_push(unlock, &m);
    sem_post(&ready);
    for (;;)
        pthread_cond_wait(&c, &m);
    pthread_cleanup_pop(1);
    return NULL;
}
static void *cond_timedwait(void *arg)
{
    pthread_mutex_lock(&m);
    pthread_cleanup_push(unlock, &m);
    sem_post(&ready);
    for (;;)
        pthread_cond_timedwait(&c, &m, &late);
    pthread_cleanup_pop(1);
    return NULL;
}
static void *cond_clockwait(void *arg)
{
    pthread_mutex_lock(&m);
    pthread_cleanup_push(unlock, &m);
    sem_post(&ready);
    for (;;)
        pthread_cond_clockwait(&c, &m, CLOCK_MONOTONIC, &late);
    pthread_cleanup_pop(1);
    return NULL;
}
static void *cnd_waits(void *arg)
{
    mtx_lock(&mtx);
    pthread_cleanup_push(unlock_mtx, &mtx);
    sem_post(&ready);
    for (;;)
        cnd_wait(&cnd, &mtx);
    pthread_cleanup_pop(1);
    return NULL;
}
static void *sem_waits(void *arg) { sem_post(&ready); sem_wait(&s); return NULL; }
static void *sem_timedwaits(void *arg) { sem_post(&ready); sem_timedwait(&s, &late); return NULL; }

/* Cancelled before it waits: what could be had must not be. */
static void *sem_pending(void *arg)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    sem_post(&ready);
    victim_await(&asked, 1);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    sem_wait(&s);
    return NULL;
}
/* This one looks first. */
static void *clock_pending(void *arg)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    sem_post(&ready);
    victim_await(&asked, 1);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    sem_clockwait(&s, CLOCK_MONOTONIC, &late);
    return NULL;
}
static void *cond_pending(void *arg)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_mutex_lock(&m);
    pthread_cleanup_push(unlock, &m);
    sem_post(&ready);
    victim_await(&asked, 1);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_cond_wait(&c, &m);
    pthread_cleanup_pop(1);
    return NULL;
}

static void cancelled(const char *name, void *(*routine)(void *))
{
    pthread_t t;
    void *value = NULL;
    int left = -1;
    printf("%s\n", name);
    asked = 0;
    CHECK(!pthread_create(&t, NULL, routine, NULL));
    CHECK(!sem_wait(&ready));
    victim_sleep_ms(20);
    CHECK(!pthread_cancel(t));
    victim_next(&asked);
    CHECK(!pthread_join(t, &value));
    CHECK(!sem_getvalue(&s, &left));
    printf("  %s, semaphore %d\n", value == PTHREAD_CANCELED ? "cancelled" : "not cancelled", left);
}

static __thread sigjmp_buf back;
static void on_jump(int number) { siglongjmp(back, 1); }
static void on_exit_signal(int number) { pthread_exit((void *)7); }

enum { IN_COND, IN_SEM, IN_MUTEX, IN_RWLOCK };
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;

static void wait_in(int what)
{
    sem_post(&ready);
    switch (what) {
    case IN_COND: pthread_cond_wait(&c, &m); break;
    case IN_SEM: sem_wait(&s); break;
    case IN_MUTEX: pthread_mutex_lock(&other); break;
    case IN_RWLOCK: pthread_rwlock_rdlock(&rw); break;
    }
}
static void *jumps(void *what)
{
    if ((intptr_t)what == IN_COND)
        pthread_mutex_lock(&m);
    if (!sigsetjmp(back, 1))
        wait_in((int)(intptr_t)what);
    free(keep(malloc(61001))); /* it goes on, traced as ever, and is cancelled in another wait */
    sem_post(&ready);
    sem_wait(&s);
    return NULL;
}
static void *exits(void *what)
{
    wait_in((int)(intptr_t)what);
    return NULL;
}

static void interrupted(const char *name, void *(*routine)(void *), int what, int number)
{
    pthread_t t;
    void *value = NULL;
    printf("%s\n", name);
    CHECK(!pthread_create(&t, NULL, routine, (void *)(intptr_t)what));
    CHECK(!sem_wait(&ready));
    victim_sleep_ms(30);
    CHECK(!pthread_kill(t, number));
    if (number == SIGUSR1) {
        CHECK(!sem_wait(&ready));
        victim_sleep_ms(20);
        CHECK(!pthread_cancel(t));
    }
    CHECK(!pthread_join(t, &value));
    printf("  %s\n", value == PTHREAD_CANCELED ? "cancelled" : value == (void *)7 ? "ended in the handler" : "?");
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    CHECK(!sem_init(&s, 0, 0) && !sem_init(&ready, 0, 0));
    CHECK(mtx_init(&mtx, mtx_plain) == thrd_success && cnd_init(&cnd) == thrd_success);
    cancelled("pthread_cond_wait", cond_wait);
    cancelled("pthread_cond_timedwait", cond_timedwait);
    cancelled("pthread_cond_clockwait", cond_clockwait);
    cancelled("cnd_wait", cnd_waits);
    cancelled("sem_wait", sem_waits);
    cancelled("sem_timedwait", sem_timedwaits);
    CHECK(!sem_post(&s));
    cancelled("sem_wait with one to be had", sem_pending);
    cancelled("sem_clockwait with one to be had", clock_pending);
    sem_trywait(&s);
    cancelled("pthread_cond_wait, pending", cond_pending);
    signal(SIGUSR1, on_jump);
    signal(SIGUSR2, on_exit_signal);
    pthread_mutex_lock(&other);
    pthread_rwlock_wrlock(&rw);
    interrupted("jump out of pthread_cond_wait", jumps, IN_COND, SIGUSR1);
    interrupted("jump out of sem_wait", jumps, IN_SEM, SIGUSR1);
    interrupted("jump out of pthread_mutex_lock", jumps, IN_MUTEX, SIGUSR1);
    interrupted("jump out of pthread_rwlock_rdlock", jumps, IN_RWLOCK, SIGUSR1);
    interrupted("pthread_exit in a handler, in sem_wait", exits, IN_SEM, SIGUSR2);
    pthread_rwlock_unlock(&rw);
    pthread_mutex_unlock(&other);
    puts("expect block size=61001 count=4 dropped=4");
    return 0;
}
