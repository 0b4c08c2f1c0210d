/* pthread_exit from deep inside a thread, with a value that is a block of its own. */
#include "victim.h"

NOINLINE static void leave(int n)
{
    if (n)
        leave(n - 1);
    else
        pthread_exit(keep(malloc(56201)));
    keep(NULL);
}
static void *thread(void *arg) { leave(20); return NULL; }

int main(void)
{
    for (int i = 0; i < 10; i++) {
        pthread_t t;
        void *value = NULL;
        CHECK(!pthread_create(&t, NULL, thread, NULL) && !pthread_join(t, &value) && value);
        free(value);
    }
    puts("expect block size=56201 count=10 dropped=10 new=leave drop=main");
    puts("expect move by=joined size=56201 count=10");
    return 0;
}
