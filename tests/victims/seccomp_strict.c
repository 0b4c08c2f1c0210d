/* The strictest sandbox: read, write and exit, nothing else, and no reading
 * of the processor's clock. The heap has room and needs none of them; a tracer
 * that does can only count. */
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "victim.h"

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    void *room = keep(malloc(100000));
    keep(malloc(58202));
    free(room);
    puts("expect block size=58202 count=1 new=main");
    puts("expect lost sandboxed=40000");
    puts("expect coverage not-empty");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
        return 77;
    for (int i = 0; i < 20000; i++)
        free(keep(malloc(58201)));
    syscall(SYS_exit, 0);
    return 1;
}
