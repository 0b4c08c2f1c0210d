/* A thread calls exit while others are in the heap. */
#include "victim.h"

static void *churn(void *arg)
{
    for (;;) {
        for (int i = 0; i < 50; i++)
            free(keep(malloc(55902)));
        victim_breathe();
    }
    return NULL;
}
static void *leave(void *arg)
{
    free(keep(malloc(55901)));
    victim_sleep_ms(20);
    puts("expect block size=55901 count=1 dropped=1 new=leave");
    exit(9);
}

int main(void)
{
    pthread_t t;
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_create(&t, NULL, churn, NULL));
    CHECK(!pthread_create(&t, NULL, leave, NULL));
    pthread_join(t, NULL);
    return 1;
}
