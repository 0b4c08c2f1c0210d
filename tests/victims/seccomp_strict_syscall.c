/* The strictest sandbox, put on by number and not by name; and one that was
 * refused, after which all is as before. */
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "victim.h"

static char bytes[8192];

NOINLINE static void shut_in(int by_prctl)
{
    pid_t child = fork();
    if (!child) {
        free(keep(malloc(58301)));
        if (by_prctl ? syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0)
                     : syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL))
            _exit(77);
        for (int i = 0; i < 500; i++)
            memset(bytes, i, sizeof bytes);
        syscall(SYS_exit, 0);
    }
    victim_wait_ok(child);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) == -1 && errno == EINVAL);
    CHECK(syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) == -1 && (errno == EFAULT || errno == EACCES));
    for (int i = 0; i < 2; i++)
        shut_in(i);
    free(keep(malloc(58302)));
    puts("expect block size=58301 count=2 dropped=2 new=shut_in");
    puts("expect block size=58302 count=1 dropped=1 new=main");
    puts("expect lost sandboxed=1000");
    puts("expect coverage not-empty");
    return 0;
}
