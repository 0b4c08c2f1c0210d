/* Detached threads leave blocks behind; main frees half of them later. */
#include "victim.h"

enum { ALL = 10 };
static void *left[ALL];
static _Atomic int done;

NOINLINE static void *leaver(void *arg)
{
    left[(intptr_t)arg] = keep(malloc(55201 + (intptr_t)arg % 2));
    done++;
    return NULL;
}

int main(void)
{
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (intptr_t i = 0; i < ALL; i++) {
        pthread_t t;
        CHECK(!pthread_create(&t, i < 5 ? &detached : NULL, leaver, (void *)i));
        if (i >= 5)
            CHECK(!pthread_detach(t));
    }
    while (done < ALL)
        victim_sleep_ms(1);
    victim_await_alone();
    for (int i = 0; i < ALL; i += 2)
        free(left[i]);
    puts("expect block size=55201 count=5 dropped=5 new=leaver drop=main");
    puts("expect block size=55202 count=5 dropped=0 new=leaver owner=process");
    puts("expect move by=outlived size=55202 count=5");
    puts("expect move by=taken size=55201 count=5");
    return 0;
}
