/* Threads that end holding a lock: by return, and by pthread_exit. */
#include "victim.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;

NOINLINE static void take(void) { pthread_mutex_lock(&mutex); keep(NULL); }
NOINLINE static void take_other(void) { pthread_mutex_lock(&other); keep(NULL); }
static void *returns(void *arg) { take(); return NULL; }
static void *exits(void *arg) { take_other(); pthread_exit(NULL); }

int main(void)
{
    victim_join(victim_thread(returns, NULL));
    victim_join(victim_thread(exits, NULL));
    puts("expect finding exited-holding count=1 held=take");
    puts("expect finding exited-holding count=1 held=take_other");
    return 0;
}
