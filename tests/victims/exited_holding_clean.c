/* Threads that end in every way having given their locks up: by a destructor
 * of a thread's key, by a cleanup handler, when cancelled in a condition wait;
 * and a process that ends with a lock held, which nobody can miss. */
#include "victim.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_key_t key;
static volatile int waiting;

static void give_up(void *m) { pthread_mutex_unlock(m); }
static void *by_key(void *arg)
{
    pthread_mutex_lock(&mutex);
    pthread_setspecific(key, &mutex);
    return NULL;
}
static void *by_cleanup(void *arg)
{
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(give_up, &mutex);
    pthread_exit(NULL);
    pthread_cleanup_pop(1);
    return NULL;
}
static void *cancelled(void *arg)
{
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(give_up, &mutex);
    waiting = 1;
    for (;;)
        pthread_cond_wait(&cond, &mutex);
    pthread_cleanup_pop(1);
    return NULL;
}

int main(void)
{
    CHECK(!pthread_key_create(&key, give_up));
    for (int i = 0; i < 5; i++) {
        victim_join(victim_thread(by_key, NULL));
        victim_join(victim_thread(by_cleanup, NULL));
        waiting = 0;
        pthread_t t = victim_thread(cancelled, NULL);
        while (!waiting)
            victim_sleep_ms(1);
        pthread_mutex_lock(&mutex); /* it waits now */
        pthread_mutex_unlock(&mutex);
        pthread_cancel(t);
        victim_join(t);
    }
    pthread_mutex_lock(&mutex);
    return 0;
}
