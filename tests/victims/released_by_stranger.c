/* A mutex unlocked by a thread that does not hold it: while another does, and
 * while nobody does. An errorcheck mutex refuses both. */
#include "victim.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, loose = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t strict = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

NOINLINE static void take(pthread_mutex_t *m) { pthread_mutex_lock(m); keep(NULL); }
NOINLINE static void release(void) { pthread_mutex_unlock(&mutex); keep(NULL); }
NOINLINE static void release_strict(void) { CHECK(pthread_mutex_unlock(&strict) == EPERM); }
NOINLINE static void release_twice(void) { pthread_mutex_unlock(&loose); keep(NULL); }
static void *stranger(void *arg) { release(); return NULL; }
static void *refused(void *arg) { release_strict(); return NULL; }

int main(void)
{
    take(&mutex);
    victim_join(victim_thread(stranger, NULL));
    take(&strict);
    victim_join(victim_thread(refused, NULL));
    pthread_mutex_unlock(&strict);
    take(&loose);
    pthread_mutex_unlock(&loose);
    release_twice();
    puts("expect finding released-by-stranger count=1 used=release held=take");
    puts("expect finding released-by-stranger count=1 used=release_strict held=take");
    puts("expect finding released-by-stranger count=1 used=release_twice");
    return 0;
}
