/* Philosophers, more of them than a finding has stacks for, wait for each
 * other; and a mutex of two readers' making, which is one deadlock however many
 * of them come to it. Until the process ends. */
#include "victim.h"

enum { GUESTS = 40 };

static pthread_mutex_t forks_of[GUESTS], till = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t menu = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t seated, reading;
static int on_the_way;

NOINLINE static void dine(long i)
{
    pthread_mutex_lock(&forks_of[i]);
    pthread_barrier_wait(&seated);
    victim_next(&on_the_way);
    pthread_mutex_lock(&forks_of[(i + 1) % GUESTS]);
    keep(NULL);
}
static void *guest(void *arg) { dine((long)(intptr_t)arg); return NULL; }

NOINLINE static void order(void) { pthread_mutex_lock(&till); keep(NULL); }
static void *reader(void *arg)
{
    pthread_rwlock_rdlock(&menu);
    pthread_barrier_wait(&reading);
    victim_next(&on_the_way);
    order();
    return arg;
}
NOINLINE static void change_menu(void) { pthread_rwlock_wrlock(&menu); keep(NULL); }
static void *waiter(void *arg)
{
    pthread_mutex_lock(&till);
    pthread_barrier_wait(&reading);
    victim_next(&on_the_way);
    change_menu();
    return arg;
}

int main(void)
{
    CHECK(!pthread_barrier_init(&seated, NULL, GUESTS) && !pthread_barrier_init(&reading, NULL, 3));
    for (long i = 0; i < GUESTS; i++)
        CHECK(!pthread_mutex_init(&forks_of[i], NULL));
    for (long i = 0; i < GUESTS; i++)
        victim_thread(guest, (void *)(intptr_t)i);
    victim_thread(waiter, NULL);
    victim_thread(reader, NULL);
    victim_thread(reader, NULL);
    victim_await(&on_the_way, GUESTS + 3);
    victim_sleep_ms(500);
    puts("expect finding deadlock count=1 in=dine");
    puts("expect finding deadlock count=1 in=order,change_menu");
    puts("expect finding lock-order found<=1 in=order,change_menu");
    puts("expect finding lock-order found<=1 in=dine");
    fflush(stdout);
    _exit(0);
}
