/* Threads with the smallest stack there is, that use half of it themselves. */
#include <limits.h>
#include "victim.h"

NOINLINE static void use(int n)
{
    char pad[512];
    keep(memset(pad, n, sizeof pad));
    if (n > 0)
        use(n - 1);
    else
        free(keep(malloc(52201)));
    keep(pad);
}
static void *narrow(void *arg) { use(9); return NULL; }

int main(void)
{
    pthread_attr_t small;
    pthread_attr_init(&small);
    CHECK(!pthread_attr_setstacksize(&small, 16384));
    for (int i = 0; i < 50; i++) {
        pthread_t t;
        CHECK(!pthread_create(&t, &small, narrow, NULL));
        CHECK(!pthread_join(t, NULL));
    }
    puts("expect block size=52201 count=50 dropped=50 new=use");
    return 0;
}
