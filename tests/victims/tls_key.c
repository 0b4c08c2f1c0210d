/* Destructors of thread-specific data that free, and allocate, as threads end. */
#include "victim.h"

static pthread_key_t key, again;
static int rounds[4];

NOINLINE static void key_destructor(void *p)
{
    free(p);
    free(keep(malloc(43002)));
    pthread_setspecific(again, keep(malloc(43003)));
}
NOINLINE static void again_destructor(void *p) { free(p); }

static void *thread(void *arg)
{
    pthread_setspecific(key, keep(malloc(43001)));
    (*(int *)arg)++;
    return NULL;
}

int main(void)
{
    /* keys of 32 and more are kept in a second level that callocs */
    for (int i = 0; i < 40; i++) {
        pthread_key_t filler;
        CHECK(!pthread_key_create(&filler, NULL));
    }
    CHECK(!pthread_key_create(&key, key_destructor) && !pthread_key_create(&again, again_destructor));
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        CHECK(!pthread_create(&t[i], NULL, thread, &rounds[i]));
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    puts("expect block size=43001 count=4 dropped=4 new=thread drop=key_destructor");
    puts("expect block size=43002 count=4 dropped=4 new=key_destructor");
    puts("expect block size=43003 count=4 dropped=4 new=key_destructor drop=again_destructor");
    return 0;
}
