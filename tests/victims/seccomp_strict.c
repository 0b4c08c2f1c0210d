/* The strictest sandbox: read, write and exit, nothing else. The heap has
 * room and needs no call of the kernel; neither may a tracer. */
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "victim.h"

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    void *room = keep(malloc(100000));
    keep(malloc(16));
    free(room);
    puts("expect block size=58201 count=20000 dropped=20000 new=main");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
        return 77;
    for (int i = 0; i < 20000; i++)
        free(keep(malloc(58201)));
    syscall(SYS_exit, 0);
    return 1;
}
