/* Locks taken in both orders, never at the same time: two, three in a ring,
 * read-write locks, and two objects of one kind in the heap. */
#include "victim.h"

struct account { char name[64]; pthread_mutex_t lock; long money; };
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t ring[3] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };
static pthread_rwlock_t x = PTHREAD_RWLOCK_INITIALIZER, y = PTHREAD_RWLOCK_INITIALIZER;
static struct account *one, *two;
static int turn;

NOINLINE static void lock(pthread_mutex_t *m) { pthread_mutex_lock(m); keep(NULL); }
static void unlock(pthread_mutex_t *m) { pthread_mutex_unlock(m); }
NOINLINE static void a_then_b(void) { lock(&a); lock(&b); unlock(&b); unlock(&a); }
NOINLINE static void b_then_a(void) { lock(&b); lock(&a); unlock(&a); unlock(&b); }
NOINLINE static void ring_step(int i) { lock(&ring[i]); lock(&ring[(i + 1) % 3]); unlock(&ring[(i + 1) % 3]); unlock(&ring[i]); }
NOINLINE static void ring_0(void) { ring_step(0); keep(NULL); }
NOINLINE static void ring_1(void) { ring_step(1); keep(NULL); }
NOINLINE static void ring_2(void) { ring_step(2); keep(NULL); }
NOINLINE static void x_then_y(void)
{
    pthread_rwlock_rdlock(&x);
    pthread_rwlock_wrlock(&y);
    pthread_rwlock_unlock(&y);
    pthread_rwlock_unlock(&x);
}
NOINLINE static void y_then_x(void)
{
    pthread_rwlock_rdlock(&y);
    pthread_rwlock_wrlock(&x);
    pthread_rwlock_unlock(&x);
    pthread_rwlock_unlock(&y);
}
NOINLINE static void transfer(struct account *from, struct account *to)
{
    lock(&from->lock);
    lock(&to->lock);
    from->money--, to->money++;
    unlock(&to->lock);
    unlock(&from->lock);
}
NOINLINE static struct account *open_account(void)
{
    struct account *made = keep(calloc(1, sizeof *made));
    pthread_mutex_init(&made->lock, NULL);
    return made;
}
NOINLINE static void there(void) { transfer(one, two); keep(NULL); }
NOINLINE static void back(void) { transfer(two, one); keep(NULL); }

static void *first(void *arg)
{
    a_then_b();
    a_then_b();
    ring_0();
    x_then_y();
    there();
    victim_next(&turn);
    victim_await(&turn, 3);
    return NULL;
}
static void *second(void *arg)
{
    victim_await(&turn, 1);
    b_then_a();
    ring_1();
    y_then_x();
    back();
    victim_next(&turn);
    victim_await(&turn, 3);
    return NULL;
}
static void *third(void *arg)
{
    victim_await(&turn, 2);
    ring_2();
    victim_next(&turn);
    return NULL;
}

int main(void)
{
    one = open_account(), two = open_account();
    pthread_t t[3] = { victim_thread(first, NULL), victim_thread(second, NULL), victim_thread(third, NULL) };
    for (int i = 0; i < 3; i++)
        victim_join(t[i]);
    puts("expect finding lock-order in=a_then_b,b_then_a");
    puts("expect finding lock-order in=ring_0,ring_1,ring_2");
    puts("expect finding lock-order in=x_then_y,y_then_x");
    puts("expect finding lock-order in=there,back");
    return 0;
}
