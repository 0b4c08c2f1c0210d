/* Taken while its maker lives: freed, and reallocated, by another thread. */
#include "victim.h"

static void *a, *b;
static pthread_barrier_t made, gone;

NOINLINE static void *maker(void *arg)
{
    a = keep(malloc(55101));
    b = keep(malloc(55102));
    pthread_barrier_wait(&made);
    pthread_barrier_wait(&gone);
    return NULL;
}

int main(void)
{
    pthread_t t;
    pthread_barrier_init(&made, NULL, 2);
    pthread_barrier_init(&gone, NULL, 2);
    CHECK(!pthread_create(&t, NULL, maker, NULL));
    pthread_barrier_wait(&made);
    free(a);
    b = keep(realloc(b, 255102));
    pthread_barrier_wait(&gone);
    pthread_join(t, NULL);
    puts("expect block size=55101 count=1 dropped=1 new=maker drop=main");
    puts("expect move by=taken size=55101 count=1");
    puts("expect move by=taken size=255102 count=1");
    puts("expect move by=outlived size=255102 count=0");
    puts("expect handoff new=maker drop=main blocks=1 bytes=55101");
    puts("expect block size=255102 count=1 dropped=0 owner=thread new=maker");
    return 0;
}
