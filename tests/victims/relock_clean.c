/* Second locks that are allowed: of a recursive mutex, of a read lock, tried
 * ones, and after a condition wait gave the mutex up. */
#include <threads.h>
#include "victim.h"

static pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static mtx_t mtx;

int main(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t made;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&made, &attributes);
    CHECK(mtx_init(&mtx, mtx_plain | mtx_recursive) == thrd_success);
    for (int i = 0; i < 10; i++) {
        for (int n = 0; n < 5; n++)
            CHECK(!pthread_mutex_lock(&recursive) && !pthread_mutex_lock(&made) && mtx_lock(&mtx) == thrd_success &&
                  !pthread_rwlock_rdlock(&rwlock));
        for (int n = 0; n < 5; n++)
            CHECK(!pthread_mutex_unlock(&recursive) && !pthread_mutex_unlock(&made) && mtx_unlock(&mtx) == thrd_success &&
                  !pthread_rwlock_unlock(&rwlock));
        pthread_mutex_lock(&mutex);
        CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
        struct timespec end = victim_from_now(CLOCK_REALTIME, 2);
        CHECK(pthread_cond_timedwait(&cond, &mutex, &end) == ETIMEDOUT);
        pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_destroy(&made);
    return 0;
}
