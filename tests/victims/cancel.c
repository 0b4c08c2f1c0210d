/* Cancelled threads: cleanup handlers free, and join gives PTHREAD_CANCELED. */
#include "victim.h"

static int began;

NOINLINE static void cleanup(void *p) { free(p); }
static void *sleeper(void *arg)
{
    void *p = keep(malloc(56101));
    pthread_cleanup_push(cleanup, p);
    for (;;) {
        free(keep(malloc(56102)));
        victim_next(&began);
        victim_sleep_ms(1000000);
    }
    pthread_cleanup_pop(1);
    return NULL;
}
static void *busy(void *arg)
{
    victim_next(&began);
    for (;;) {
        for (int i = 0; i < 50; i++)
            free(keep(malloc(56103)));
        pthread_testcancel();
        victim_breathe();
    }
    return NULL;
}

int main(void)
{
    pthread_t t[20];
    void *value = NULL;
    for (int i = 0; i < 20; i++)
        CHECK(!pthread_create(&t[i], NULL, i % 2 ? busy : sleeper, NULL));
    victim_await(&began, 20);
    for (int i = 0; i < 20; i++)
        CHECK(!pthread_cancel(t[i]));
    for (int i = 0; i < 20; i++) {
        CHECK(!pthread_join(t[i], &value));
        CHECK(value == PTHREAD_CANCELED);
    }
    puts("expect block size=56101 count=10 dropped=10 new=sleeper drop=cleanup");
    puts("expect block size=56102 count=10 dropped=10 new=sleeper");
    puts("expect blocks from=56103 to=56103 live<=0");
    return 0;
}
