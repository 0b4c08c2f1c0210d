/* Forks while four other threads are in the heap. */
#include "victim.h"

static _Atomic int stop;
static void *churn(void *arg)
{
    while (!stop) {
        for (int i = 0; i < 50; i++)
            free(keep(malloc(47001)));
        victim_breathe();
    }
    return NULL;
}
NOINLINE static void child_act(void)
{
    free(keep(malloc(47002)));
    keep(malloc(47003));
}

int main(void)
{
    pthread_t t[4];
    void *before = keep(malloc(47004));
    for (int i = 0; i < 4; i++)
        CHECK(!pthread_create(&t[i], NULL, churn, NULL));
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (!pid) {
            child_act();
            free(before);
            _exit(0);
        }
        victim_wait_ok(pid);
    }
    stop = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    free(before);
    puts("expect process count=21");
    puts("expect block size=47002 count=20 dropped=20 new=child_act drop=child_act");
    puts("expect block size=47003 count=20 dropped=0 new=child_act");
    puts("expect block size=47004 count=1 dropped=1");
    puts("expect clones size=47004 count=20 dropped=20");
    return 0;
}
