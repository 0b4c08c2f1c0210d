/* The same two, whose second lock has a time limit, and puts the first back. */
#include "victim.h"

static pthread_mutex_t left_fork = PTHREAD_MUTEX_INITIALIZER, right_fork = PTHREAD_MUTEX_INITIALIZER;

static void *dine(void *arg)
{
    pthread_mutex_t *first = arg ? &left_fork : &right_fork, *second = arg ? &right_fork : &left_fork;
    for (int i = 0; i < 10; i++) {
        pthread_mutex_lock(first);
        victim_sleep_ms(2);
        struct timespec end = victim_from_now(CLOCK_REALTIME, 5 + 4 * (arg != NULL));
        if (!pthread_mutex_timedlock(second, &end))
            pthread_mutex_unlock(second);
        pthread_mutex_unlock(first);
        victim_breathe();
    }
    return NULL;
}

int main(void)
{
    pthread_t t[2] = { victim_thread(dine, NULL), victim_thread(dine, &left_fork) };
    victim_join(t[0]);
    victim_join(t[1]);
    puts("expect finding deadlock found=0");
    puts("expect finding lock-order found<=1 in=dine"); /* the order is wrong all the same */
    return 0;
}
