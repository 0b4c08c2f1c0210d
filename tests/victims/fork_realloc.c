/* A child reallocates and frees what it inherited; the parent keeps its own. */
#include "victim.h"

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    char *p = keep(malloc(48301));
    pid_t pid = fork();
    if (!pid) {
        p = keep(realloc(p, 48302));
        free(p);
        _exit(0);
    }
    victim_wait_ok(pid);
    free(p);
    puts("expect process count=2");
    puts("expect block size=48301 count=1 dropped=1 new=main");
    puts("expect clones size=48302 count=1 dropped=1");
    puts("expect report totals.allocations == 1");
    puts("expect report totals.reallocations == 1");
    puts("expect report totals.frees == 2");
    return 0;
}
