/* C11's locks and conditions: what they return, with others and alone. */
#include <threads.h>
#include "victim.h"

#define SHOW(call) \
    do { \
        errno = 4321; \
        int r_ = (call); \
        printf("%-50s %d, errno %d\n", #call, r_, errno); \
    } while (0)

static mtx_t m;
static cnd_t c;
static once_flag once = ONCE_FLAG_INIT;
static int turns, done;

static struct timespec soon(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    t.tv_nsec += 20000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}
static const struct timespec bad = { 1, 2000000000 }, past = { 1, 0 };

static int while_held(void *arg)
{
    struct timespec t = soon();
    SHOW(mtx_trylock(&m));
    SHOW(mtx_timedlock(&m, &t));
    SHOW(mtx_timedlock(&m, &past));
    SHOW(mtx_timedlock(&m, &bad));
    return 5;
}
static void by_another(thrd_start_t routine)
{
    thrd_t t;
    int r;
    CHECK(thrd_create(&t, routine, NULL) == thrd_success);
    CHECK(thrd_join(t, &r) == thrd_success && r == 5);
}

static void mutexes(int type)
{
    printf("-- type %d\n", type);
    SHOW(mtx_init(&m, type));
    SHOW(mtx_lock(&m));
    if (type & mtx_recursive) {
        SHOW(mtx_lock(&m));
        SHOW(mtx_trylock(&m));
        SHOW(mtx_unlock(&m));
        SHOW(mtx_unlock(&m));
    } else {
        SHOW(mtx_trylock(&m));
    }
    by_another(while_held);
    SHOW(mtx_unlock(&m));
    if (type & mtx_timed) {
        SHOW(mtx_timedlock(&m, &bad));
        SHOW(mtx_unlock(&m));
    }
    mtx_destroy(&m);
}

static int turn(void *arg)
{
    CHECK(mtx_lock(&m) == thrd_success);
    while (turns % 2 == 0)
        CHECK(cnd_wait(&c, &m) == thrd_success);
    turns++;
    CHECK(cnd_signal(&c) == thrd_success);
    CHECK(mtx_unlock(&m) == thrd_success);
    return 5;
}

static void initialise(void) { done++; }
static int many(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        CHECK(mtx_lock(&m) == thrd_success);
        turns++;
        CHECK(mtx_unlock(&m) == thrd_success);
    }
    call_once(&once, initialise);
    return 5;
}

int main(void)
{
    thrd_t t[4];
    struct timespec at;
    mutexes(mtx_plain);
    mutexes(mtx_timed);
    mutexes(mtx_plain | mtx_recursive);
    mutexes(mtx_timed | mtx_recursive);
    SHOW(mtx_init(&m, mtx_plain));
    SHOW(cnd_init(&c));
    SHOW(cnd_signal(&c));
    SHOW(cnd_broadcast(&c));
    mtx_lock(&m);
    at = soon();
    SHOW(cnd_timedwait(&c, &m, &at));
    SHOW(cnd_timedwait(&c, &m, &bad));
    CHECK(thrd_create(&t[0], turn, NULL) == thrd_success);
    turns = 1;
    cnd_broadcast(&c);
    while (turns < 2)
        cnd_wait(&c, &m);
    mtx_unlock(&m);
    thrd_join(t[0], NULL);
    for (int i = 0; i < 4; i++)
        CHECK(thrd_create(&t[i], many, NULL) == thrd_success);
    for (int i = 0; i < 4; i++)
        thrd_join(t[i], NULL);
    printf("turns %d, done %d\n", turns, done);
    cnd_destroy(&c);
    mtx_destroy(&m);
    return 0;
}
