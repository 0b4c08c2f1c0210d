/* Four threads at full speed, more than any ring holds: nothing may be lost
 * while the collector lives, and nothing double. */
#include "victim.h"

enum { EACH = 150000, HELD = 32 };

NOINLINE static void *glutton(void *arg)
{
    void *held[HELD] = { NULL };
    size_t bytes = 57001 + (intptr_t)arg % 2;
    for (int i = 0; i < EACH; i++) {
        free(held[i % HELD]);
        held[i % HELD] = keep(malloc(bytes));
    }
    for (int i = 0; i < HELD; i++)
        free(held[i]);
    return NULL;
}

int main(void)
{
    pthread_t t[4];
    for (intptr_t i = 0; i < 4; i++)
        CHECK(!pthread_create(&t[i], NULL, glutton, (void *)i));
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    printf("expect site new=glutton allocations=%d live=0\n", 4 * EACH);
    printf("expect report totals.frees >= %d\n", 4 * EACH);
    printf("expect report totals.frees <= %d\n", 4 * EACH + 20);
    return 0;
}
