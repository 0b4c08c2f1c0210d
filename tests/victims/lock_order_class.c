/* Two locks of every object, taken in one order in some objects and in the
 * other in others: no two locks were ever taken in both orders, their kinds were. */
#include "victim.h"

struct pair { char name[64]; pthread_mutex_t inner, outer; };

NOINLINE static struct pair *make(void)
{
    struct pair *made = keep(calloc(1, sizeof *made));
    pthread_mutex_init(&made->inner, NULL);
    pthread_mutex_init(&made->outer, NULL);
    return made;
}
static void lock(pthread_mutex_t *m) { pthread_mutex_lock(m); }
static void unlock(pthread_mutex_t *m) { pthread_mutex_unlock(m); }
NOINLINE static void outer_first(struct pair *o) { lock(&o->outer); lock(&o->inner); unlock(&o->inner); unlock(&o->outer); }
NOINLINE static void inner_first(struct pair *o) { lock(&o->inner); lock(&o->outer); unlock(&o->outer); unlock(&o->inner); }
static int turn;
static void *first(void *arg) { outer_first(make()); victim_next(&turn); victim_await(&turn, 2); return NULL; }
static void *second(void *arg) { victim_await(&turn, 1); inner_first(make()); victim_next(&turn); return NULL; }

int main(void)
{
    pthread_t t[2] = { victim_thread(first, NULL), victim_thread(second, NULL) };
    victim_join(t[0]);
    victim_join(t[1]);
    puts("expect finding lock-order in=outer_first,inner_first");
    return 0;
}
