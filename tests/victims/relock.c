/* A second lock by the holder: of a plain mutex, which times out, of an
 * errorcheck one and of a read-write lock, which refuse. With an argument: of a
 * plain one without a limit, which never ends. */
#include "victim.h"

static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t strict = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

NOINLINE static void take(pthread_mutex_t *m) { pthread_mutex_lock(m); keep(NULL); }
NOINLINE static void take_again(void)
{
    struct timespec end = victim_from_now(CLOCK_REALTIME, 30);
    CHECK(pthread_mutex_timedlock(&plain, &end) == ETIMEDOUT);
}
NOINLINE static void take_for_ever(void) { pthread_mutex_lock(&plain); keep(NULL); }
NOINLINE static void take_strict(void) { CHECK(pthread_mutex_lock(&strict) == EDEADLK); }
NOINLINE static void take_write(void) { pthread_rwlock_wrlock(&rwlock); keep(NULL); }
NOINLINE static void take_write_again(void) { CHECK(pthread_rwlock_wrlock(&rwlock) == EDEADLK); }

int main(int argc, char **argv)
{
    take(&plain);
    if (argc > 1)
        take_for_ever();
    take_again();
    take_again();
    pthread_mutex_unlock(&plain);
    take(&strict);
    take_strict();
    pthread_mutex_unlock(&strict);
    take_write();
    take_write_again();
    pthread_rwlock_unlock(&rwlock);
    puts("expect finding relock count=2 found=2 used=take_again held=take");
    puts("expect finding relock count=1 used=take_strict held=take");
    puts("expect finding relock count=1 used=take_write_again held=take_write");
    return 0;
}
