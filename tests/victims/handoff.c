/* A queue: a thousand blocks of a thousand sizes, made by one thread in
 * produce, dropped by another in consume, each at least two milliseconds
 * (the queue is drained in batches) later. */
#include "victim.h"

enum { ALL = 1000, BATCH = 100 };
static void *queue[BATCH];
static int filled;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

NOINLINE static void *produce(size_t bytes) { return keep(malloc(bytes)); }
NOINLINE static void consume(void *p) { free(p); keep(NULL); }

static void *producer(void *arg)
{
    for (int n = 0; n < ALL;) {
        pthread_mutex_lock(&lock);
        while (filled)
            pthread_cond_wait(&changed, &lock);
        for (int i = 0; i < BATCH; i++, n++)
            queue[i] = produce(60001 + n);
        filled = 1;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void *consumer(void *arg)
{
    for (int n = 0; n < ALL; n += BATCH) {
        pthread_mutex_lock(&lock);
        while (!filled)
            pthread_cond_wait(&changed, &lock);
        victim_sleep_ms(3);
        for (int i = 0; i < BATCH; i++)
            consume(queue[i]);
        filled = 0;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

int main(void)
{
    pthread_t p, c;
    CHECK(!pthread_create(&p, NULL, producer, NULL) && !pthread_create(&c, NULL, consumer, NULL));
    pthread_join(p, NULL);
    pthread_join(c, NULL);
    printf("expect handoff new=produce drop=consume blocks=%d bytes=%d mean_min_ns=2000000 mean_max_ns=2000000000\n",
           ALL, ALL * 60001 + ALL * (ALL - 1) / 2);
    printf("expect blocks from=60001 to=61000 count=%d dropped=%d new=produce drop=consume\n", ALL, ALL);
    return 0;
}
