/* A thread that runs does not run in the forked child, whose libc keeps its
 * stack as it keeps those of joined threads: what they point to is nobody's there. */
#include "leak.h"

static pthread_barrier_t ready;

NOINLINE static void *make_joined(void) { return malloc(40); }
NOINLINE static void *make_waiting(void) { return malloc(48); }

static void *joined(void *arg)
{
    void *p[40];
    for (int i = 0; i < 40; i++)
        p[i] = NULL;
    p[20] = make_joined();
    keep(p);
    pthread_barrier_wait(&ready);
    return NULL;
}

static void *waiting(void *arg)
{
    void *p[40];
    for (int i = 0; i < 40; i++)
        p[i] = NULL;
    p[20] = make_waiting();
    keep(p);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&ready);
    free(p[20]);
    return NULL;
}

int main(void)
{
    pthread_t still;
    pid_t pid;
    CHECK(!pthread_barrier_init(&ready, NULL, 2));
    still = victim_thread(waiting, NULL);
    victim_join(victim_thread(joined, NULL));
    for (int p = 1; p <= 3; p++)
        printf("expect leak definite new=make_joined blocks=1 bytes=40 process=%d\n", p);
    for (int p = 2; p <= 3; p++)
        printf("expect leak definite new=make_waiting blocks=1 bytes=48 process=%d\n", p);
    fflush(stdout);
    scrub();
    if (!(pid = fork())) {
        if (!(pid = fork()))
            exit(0);
        victim_wait_ok(pid);
        exit(0);
    }
    victim_wait_ok(pid);
    pthread_barrier_wait(&ready);
    victim_join(still);
    return 0;
}
