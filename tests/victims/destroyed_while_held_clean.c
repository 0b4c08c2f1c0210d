/* Destroys locks of every kind that nobody holds any more, and makes new ones
 * at the same places. */
#include <semaphore.h>
#include <threads.h>
#include "victim.h"

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock;
static pthread_cond_t cond;
static pthread_barrier_t barrier;
static pthread_spinlock_t spin;
static sem_t sem;
static mtx_t mtx;

static void *other(void *arg)
{
    pthread_barrier_wait(&barrier);
    pthread_mutex_lock(&mutex);
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
    sem_post(&sem);
    return NULL;
}

int main(void)
{
    for (int i = 0; i < 10; i++) {
        CHECK(!pthread_mutex_init(&mutex, NULL) && !pthread_rwlock_init(&rwlock, NULL) && !pthread_cond_init(&cond, NULL));
        CHECK(!pthread_barrier_init(&barrier, NULL, 2) && !pthread_spin_init(&spin, 0) && !sem_init(&sem, 0, 1));
        CHECK(mtx_init(&mtx, mtx_recursive) == thrd_success);
        pthread_mutex_lock(&mutex);
        pthread_t t = victim_thread(other, NULL);
        pthread_barrier_wait(&barrier);
        pthread_cond_wait(&cond, &mutex);
        pthread_mutex_unlock(&mutex);
        sem_wait(&sem);
        pthread_rwlock_rdlock(&rwlock);
        pthread_rwlock_unlock(&rwlock);
        pthread_spin_lock(&spin);
        pthread_spin_unlock(&spin);
        mtx_lock(&mtx);
        mtx_lock(&mtx);
        mtx_unlock(&mtx);
        mtx_unlock(&mtx);
        victim_join(t);
        mtx_destroy(&mtx);
        CHECK(!sem_destroy(&sem) && !pthread_spin_destroy(&spin) && !pthread_barrier_destroy(&barrier));
        CHECK(!pthread_cond_destroy(&cond) && !pthread_rwlock_destroy(&rwlock) && !pthread_mutex_destroy(&mutex));
    }
    return 0;
}
