/* Twenty thousand short threads, a few alive at a time. */
#include "victim.h"

NOINLINE static void *brief(void *arg)
{
    free(keep(malloc(52001)));
    return NULL;
}

int main(void)
{
    enum { ALL = 20000, AT_ONCE = 8 };
    pthread_t t[AT_ONCE];
    for (int i = 0; i < ALL; i += AT_ONCE) {
        for (int k = 0; k < AT_ONCE; k++)
            CHECK(!pthread_create(&t[k], NULL, brief, NULL));
        for (int k = 0; k < AT_ONCE; k++)
            pthread_join(t[k], NULL);
    }
    puts("expect site new=brief allocations=20000 live=0");
    return 0;
}
