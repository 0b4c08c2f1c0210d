/* A sandbox that leaves a program what it needs to compute: copies make no system
 * call, however deep the stack is that they are made from. By prctl, and by the
 * system call's number; kills, and says no. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "victim.h"

#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static char bytes[8192];

NOINLINE static int deep(int n)
{
    volatile char room[3000];
    room[0] = (char)n;
    if (n)
        return deep(n - 1) + room[0];
    memset(bytes, 'x', sizeof bytes);
    return room[0];
}

static void shut_in(unsigned action, int by_number)
{
    pid_t child = fork();
    if (!child) {
        struct sock_filter rules[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            ALLOW(SYS_read), ALLOW(SYS_write), ALLOW(SYS_exit), ALLOW(SYS_exit_group), ALLOW(SYS_futex), ALLOW(SYS_getpid),
            BPF_STMT(BPF_RET | BPF_K, action),
        };
        struct sock_fprog program = { sizeof rules / sizeof *rules, rules };
        free(keep(malloc(58401)));
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || (by_number ? syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)
                                                                 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)))
            _exit(77);
        for (int i = 0; i < 20; i++)
            deep(40 - i); /* at once deeper than ever before */
        _exit(0);
    }
    victim_wait_ok(child);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    shut_in(SECCOMP_RET_KILL_PROCESS, 0);
    shut_in(SECCOMP_RET_KILL_PROCESS, 1);
    shut_in(SECCOMP_RET_ERRNO | EPERM, 0);
    puts("expect copies site=deep copies=60 bytes=491520");
    return 0;
}
