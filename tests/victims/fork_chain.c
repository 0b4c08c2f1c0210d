/* Each process forks the next, twelve deep. */
#include "victim.h"

enum { DEPTH = 12 };

NOINLINE static int link_of_chain(int depth)
{
    void *mine = keep(malloc(48000 + depth));
    if (depth < DEPTH) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (!pid)
            exit(link_of_chain(depth + 1));
        victim_wait_ok(pid);
    }
    free(mine);
    return 0;
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    link_of_chain(0);
    printf("expect process count=%d\n", DEPTH + 1);
    for (int i = 0; i <= DEPTH; i++)
        printf("expect block size=%d count=1 dropped=1 new=link_of_chain drop=link_of_chain\n", 48000 + i);
    return 0;
}
