/* Two threads that wait for each other's lock, until the process ends; with an
 * argument it never does by itself. */
#include "victim.h"

static pthread_mutex_t left_fork = PTHREAD_MUTEX_INITIALIZER, right_fork = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;
static int on_the_way;

NOINLINE static void take_left(void) { pthread_mutex_lock(&left_fork); keep(NULL); }
NOINLINE static void take_right(void) { pthread_mutex_lock(&right_fork); keep(NULL); }
static void *left_handed(void *arg)
{
    take_left();
    pthread_barrier_wait(&both);
    victim_next(&on_the_way);
    take_right();
    return NULL;
}
static void *right_handed(void *arg)
{
    take_right();
    pthread_barrier_wait(&both);
    victim_next(&on_the_way);
    take_left();
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(!pthread_barrier_init(&both, NULL, 2));
    pthread_t t[2] = { victim_thread(left_handed, NULL), victim_thread(right_handed, NULL) };
    if (argc > 1)
        pthread_join(t[0], NULL);
    victim_await(&on_the_way, 2);
    victim_sleep_ms(300);
    puts("expect finding deadlock count=1 in=take_left,take_right");
    puts("expect finding lock-order found<=1 in=take_left,take_right");
    fflush(stdout);
    _exit(0);
}
