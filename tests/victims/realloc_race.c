/* Two threads that realloc to and fro: an address one gives up is handed to
 * the other at once. No block is ever in two hands, none is lost. */
#include "victim.h"

static void *mover(void *arg)
{
    void *p[16] = { NULL };
    for (int i = 0; i < 40000; i++)
        p[i % 16] = keep(realloc(p[i % 16], 100 + (i * 37 + (intptr_t)arg) % 900));
    for (int i = 0; i < 16; i++)
        free(p[i]);
    return NULL;
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    pthread_t t[2];
    for (intptr_t i = 0; i < 2; i++)
        CHECK(!pthread_create(&t[i], NULL, mover, (void *)i));
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    puts("expect report totals.reallocations == 79968");
    puts("expect report totals.frees >= 32");
    puts("expect blocks from=100 to=271 live<=0");
    return 0;
}
