/* One block for each way a block changes hands. */
#include "victim.h"

static void *taken, *outlived;

static void *maker(void *arg)
{
    taken = keep(malloc(55001));
    outlived = keep(malloc(55004));
    free(keep(malloc(55006)));
    return keep(malloc(55003)); /* joined */
}
static void *receiver(void *arg)
{
    free(arg);
    return NULL;
}
static void *borrower(void *arg)
{
    *(char *)arg = 1;
    return NULL;
}

int main(void)
{
    pthread_t t;
    void *value = NULL;
    CHECK(!pthread_create(&t, NULL, maker, NULL));
    while (!*(void *volatile *)&outlived)
        victim_sleep_ms(1);
    CHECK(!pthread_join(t, &value));

    void *argument = keep(malloc(55002));
    CHECK(!pthread_create(&t, NULL, receiver, argument));
    pthread_join(t, NULL);

    void *lent = keep(malloc(55005));
    CHECK(!pthread_create(&t, NULL, borrower, lent));
    pthread_join(t, NULL);
    free(lent);

    free(taken);
    free(value);
    keep(outlived);
    puts("expect block size=55001 count=1 dropped=1 new=maker drop=main");
    puts("expect block size=55002 count=1 dropped=1 new=main drop=receiver");
    puts("expect move by=thread-arg size=55002 count=1");
    puts("expect borrow size=55005 count=1");
    puts("expect move size=55005 count=0");
    puts("expect move by=joined size=55003 count=1");
    puts("expect move by=outlived size=55004 count=1");
    puts("expect block size=55004 count=1 dropped=0 owner=process");
    puts("expect move size=55006 count=0");
    return 0;
}
