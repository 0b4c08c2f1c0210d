/* What another thread may give up: semaphores; and locks handed on in turn, so
 * that the releaser is always the holder; a mutex held across a fork. */
#include <semaphore.h>
#include "victim.h"

static sem_t sem;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void *poster(void *arg)
{
    for (int i = 0; i < 50; i++)
        sem_post(&sem);
    return NULL;
}
static void *taker(void *arg)
{
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        pthread_rwlock_rdlock(&rwlock);
        pthread_rwlock_unlock(&rwlock);
    }
    return NULL;
}

int main(void)
{
    CHECK(!sem_init(&sem, 0, 0));
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        t[i] = victim_thread(i ? taker : poster, NULL);
    for (int i = 0; i < 50; i++)
        sem_wait(&sem);
    for (int i = 0; i < 4; i++)
        victim_join(t[i]);
    pthread_mutex_lock(&mutex);
    pid_t pid = fork();
    CHECK(pid >= 0);
    pthread_mutex_unlock(&mutex); /* parent and child, each its own */
    if (!pid)
        _exit(0);
    victim_wait_ok(pid);
    return 0;
}
