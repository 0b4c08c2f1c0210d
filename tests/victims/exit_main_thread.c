/* main ends by pthread_exit; another thread goes on and ends the program. */
#include "victim.h"

static void *survivor(void *arg)
{
    victim_sleep_ms(50);
    free(arg);
    free(keep(malloc(56002)));
    puts("expect block size=56001 count=1 dropped=1 new=main drop=survivor");
    puts("expect block size=56002 count=1 dropped=1 new=survivor");
    return NULL;
}

int main(void)
{
    pthread_t t;
    CHECK(!pthread_create(&t, NULL, survivor, keep(malloc(56001))));
    pthread_detach(t);
    pthread_exit(NULL);
}
