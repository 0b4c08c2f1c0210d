/* Eight hundred threads alive together; main frees what each made. */
#include "victim.h"

enum { ALL = 800 };
static pthread_barrier_t all_here;
static void *made[ALL];

NOINLINE static void *one_of_many(void *arg)
{
    made[(intptr_t)arg] = keep(malloc(52101));
    pthread_barrier_wait(&all_here);
    return NULL;
}

int main(void)
{
    pthread_t t[ALL];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    pthread_barrier_init(&all_here, NULL, ALL + 1);
    for (int i = 0; i < ALL; i++)
        if (pthread_create(&t[i], &small, one_of_many, (void *)(intptr_t)i))
            return 77;
    pthread_barrier_wait(&all_here);
    for (int i = 0; i < ALL; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < ALL; i++)
        free(made[i]);
    printf("expect block size=52101 count=%d dropped=%d new=one_of_many drop=main\n", ALL, ALL);
    printf("expect move by=taken size=52101 count=%d\n", ALL);
    printf("expect handoff new=one_of_many drop=main blocks=%d bytes=%d\n", ALL, ALL * 52101);
    return 0;
}
