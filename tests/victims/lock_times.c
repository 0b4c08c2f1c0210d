/* Locks held and waited for, for times that the victim measures itself:
 * contended mutex, read-write lock, timed waits that time out, a condition. */
#include "victim.h"

enum { ROUNDS = 5 };

/* What was measured of one lock: as the report's total, max, median. */
struct times { const char *name; int n; int64_t total, max, all[64]; };

static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER, timed = PTHREAD_MUTEX_INITIALIZER, queue = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t library = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t start;
static struct times busy_hold = { "hold" }, busy_wait = { "wait" }, library_hold = { "hold" }, library_wait = { "wait" },
    timed_hold = { "hold" }, timed_wait = { "wait" }, queue_hold = { "hold" };
static int full;

static void times_add(struct times *t, int64_t ns)
{
    t->total += ns;
    t->max = ns > t->max ? ns : t->max;
    t->all[t->n++] = ns;
}
static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}
static void times_say(struct times *t)
{
    qsort(t->all, t->n, sizeof *t->all, by_value);
    printf(" %s_count=%d %s_total=%jd %s_max=%jd %s_p50=%jd", t->name, t->n, t->name, (intmax_t)t->total,
           t->name, (intmax_t)t->max, t->name, (intmax_t)t->all[(t->n - 1) / 2]);
}

/* The one holds for 30 to 70 ms while the other waits. */
static void *holder(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&busy);
        int64_t got = victim_now_ns();
        pthread_barrier_wait(&start);
        victim_sleep_ms(30 + 10 * i);
        times_add(&busy_hold, victim_now_ns() - got);
        pthread_mutex_unlock(&busy);
        pthread_barrier_wait(&start);
    }
    return NULL;
}
static void *waiter(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&start);
        int64_t begun = victim_now_ns();
        pthread_mutex_lock(&busy);
        int64_t got = victim_now_ns();
        times_add(&busy_wait, got - begun);
        victim_sleep_ms(50);
        times_add(&busy_hold, victim_now_ns() - got);
        pthread_mutex_unlock(&busy);
        pthread_barrier_wait(&start);
    }
    return NULL;
}

/* Two readers for 40 and 60 ms, a writer behind them that holds for 50. */
static pthread_mutex_t books = PTHREAD_MUTEX_INITIALIZER;
static void *reader(void *arg)
{
    pthread_rwlock_rdlock(&library);
    int64_t got = victim_now_ns();
    pthread_barrier_wait(&start);
    victim_sleep_ms(arg ? 40 : 60);
    int64_t held = victim_now_ns() - got;
    pthread_rwlock_unlock(&library);
    pthread_mutex_lock(&books);
    times_add(&library_hold, held);
    pthread_mutex_unlock(&books);
    return NULL;
}
static void *writer(void *arg)
{
    pthread_barrier_wait(&start);
    int64_t begun = victim_now_ns();
    pthread_rwlock_wrlock(&library);
    int64_t got = victim_now_ns();
    victim_sleep_ms(50);
    int64_t held = victim_now_ns() - got;
    pthread_rwlock_unlock(&library);
    pthread_mutex_lock(&books);
    times_add(&library_wait, got - begun);
    times_add(&library_hold, held);
    pthread_mutex_unlock(&books);
    return NULL;
}

/* Waits of 40 ms for what is held all the time. */
static void *impatient(void *arg)
{
    for (int i = 0; i < 3; i++) {
        int64_t begun = victim_now_ns();
        struct timespec end = victim_from_now(i ? CLOCK_REALTIME : CLOCK_MONOTONIC, 40);
        CHECK((i ? pthread_mutex_timedlock(&timed, &end) : pthread_mutex_clocklock(&timed, CLOCK_MONOTONIC, &end)) == ETIMEDOUT);
        times_add(&timed_wait, victim_now_ns() - begun);
    }
    return NULL;
}

/* 60 ms in a condition wait: neither held nor waited for. */
static void *consumer(void *arg)
{
    pthread_mutex_lock(&queue);
    int64_t got = victim_now_ns();
    victim_sleep_ms(30);
    while (!full) {
        times_add(&queue_hold, victim_now_ns() - got);
        pthread_cond_wait(&filled, &queue);
        got = victim_now_ns();
    }
    victim_sleep_ms(35);
    times_add(&queue_hold, victim_now_ns() - got);
    pthread_mutex_unlock(&queue);
    return NULL;
}

int main(void)
{
    CHECK(!pthread_barrier_init(&start, NULL, 2));
    pthread_t a = victim_thread(holder, NULL), b = victim_thread(waiter, NULL);
    victim_join(a);
    victim_join(b);
    printf("expect lock busy kind=mutex acquisitions=%d contended=%d", 2 * ROUNDS, ROUNDS);
    times_say(&busy_wait);
    times_say(&busy_hold);

    pthread_barrier_destroy(&start);
    CHECK(!pthread_barrier_init(&start, NULL, 3));
    a = victim_thread(reader, NULL), b = victim_thread(reader, &start);
    pthread_t c = victim_thread(writer, NULL);
    victim_join(a);
    victim_join(b);
    victim_join(c);
    printf("\nexpect lock library kind=rwlock acquisitions=3 contended=1");
    times_say(&library_wait);
    times_say(&library_hold);

    pthread_mutex_lock(&timed);
    int64_t got = victim_now_ns();
    victim_join(victim_thread(impatient, NULL));
    times_add(&timed_hold, victim_now_ns() - got);
    pthread_mutex_unlock(&timed);
    printf("\nexpect lock timed kind=mutex acquisitions=1");
    times_say(&timed_wait);
    times_say(&timed_hold);

    a = victim_thread(consumer, NULL);
    victim_sleep_ms(90);
    pthread_mutex_lock(&queue);
    got = victim_now_ns();
    full = 1;
    pthread_cond_signal(&filled);
    times_add(&queue_hold, victim_now_ns() - got);
    pthread_mutex_unlock(&queue);
    victim_join(a);
    printf("\nexpect lock queue kind=mutex contended=0 wait_total=0");
    times_say(&queue_hold);
    putchar('\n');
    return 0;
}
