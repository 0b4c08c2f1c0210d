/* Threads that are named, by themselves and by their maker. */
#include "victim.h"

static pthread_barrier_t named, been_read;
static void *by_itself(void *arg)
{
    pthread_setname_np(pthread_self(), "named-itself");
    free(keep(malloc(55401)));
    pthread_barrier_wait(&named);
    return NULL;
}
static void *by_maker(void *arg)
{
    pthread_barrier_wait(&named);
    free(keep(malloc(55402)));
    pthread_barrier_wait(&been_read);
    return NULL;
}

int main(void)
{
    pthread_t a, b;
    pthread_barrier_init(&named, NULL, 3);
    pthread_barrier_init(&been_read, NULL, 2);
    CHECK(!pthread_create(&a, NULL, by_itself, NULL) && !pthread_create(&b, NULL, by_maker, NULL));
    CHECK(!pthread_setname_np(b, "named-by-main"));
    pthread_barrier_wait(&named);
    char name[16];
    CHECK(!pthread_getname_np(b, name, sizeof name));
    puts(name);
    pthread_barrier_wait(&been_read);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    puts("expect thread name=named-itself count=1");
    puts("expect thread name=named-by-main count=1");
    return 0;
}
