/* Destroys a mutex and a read-write lock that are held, the one by the thread
 * itself, the other by a reader. */
#include "victim.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

NOINLINE static void take(void) { pthread_mutex_lock(&mutex); keep(NULL); }
NOINLINE static void take_shared(void) { pthread_rwlock_rdlock(&rwlock); keep(NULL); }
NOINLINE static void destroy(void) { CHECK(pthread_mutex_destroy(&mutex) == EBUSY); }
NOINLINE static void destroy_rwlock(void) { pthread_rwlock_destroy(&rwlock); keep(NULL); }

int main(void)
{
    take();
    destroy();
    pthread_mutex_unlock(&mutex); /* it was not destroyed: glibc refused */
    take_shared();
    destroy_rwlock();
    puts("expect finding destroyed-while-held count=1 used=destroy held=take");
    puts("expect finding destroyed-while-held count=1 used=destroy_rwlock held=take_shared");
    return 0;
}
