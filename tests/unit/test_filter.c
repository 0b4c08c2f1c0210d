/* A seccomp filter, run by the shim before it is put on: what it says to the
 * one call that the shim is about to be unable to make. */
#include <check.h>
#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/filter.h"
#include "suite.h"

#define NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)

static const struct seccomp_data call = {.nr = SYS_rt_sigprocmask, .arch = AUDIT_ARCH_X86_64, .args = {(uint64_t)-1, 4096, 0, 8}};

static bool says(const struct sock_filter *rules, size_t n)
{
    struct sock_fprog program = {(unsigned short)n, (struct sock_filter *)rules};
    return filter_allows(&program, &call);
}
#define SAYS(...) says((const struct sock_filter[]){__VA_ARGS__}, sizeof((const struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter))

START_TEST(lists)
{
    ck_assert(SAYS(RETURN(SECCOMP_RET_ALLOW)));
    ck_assert(SAYS(RETURN(SECCOMP_RET_LOG)));
    ck_assert(!SAYS(RETURN(SECCOMP_RET_KILL_PROCESS)));
    ck_assert(!SAYS(RETURN(SECCOMP_RET_ERRNO | EPERM)));
    ck_assert(!SAYS(RETURN(SECCOMP_RET_TRAP)));
    ck_assert(SAYS(NUMBER, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 0, 1), RETURN(SECCOMP_RET_ALLOW),
                   RETURN(SECCOMP_RET_KILL_THREAD)));
    ck_assert(!SAYS(NUMBER, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 0, 1), RETURN(SECCOMP_RET_ALLOW),
                    RETURN(SECCOMP_RET_KILL_THREAD)));
    ck_assert(SAYS(NUMBER, BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_rt_sigprocmask + 1, 1, 0),
                   BPF_STMT(BPF_JMP | BPF_JA, 1), RETURN(SECCOMP_RET_KILL_THREAD), RETURN(SECCOMP_RET_ALLOW)));
}
END_TEST

/* What the call's arguments are decides. */
START_TEST(arguments)
{
    unsigned how = offsetof(struct seccomp_data, args[0]), bytes = offsetof(struct seccomp_data, args[3]);
    ck_assert(SAYS(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, how), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffffffffu, 0, 1),
                   RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_KILL_THREAD)));
    ck_assert(SAYS(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, bytes), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xc),
                   BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_IMM, 8), BPF_STMT(BPF_MISC | BPF_TAX, 0),
                   BPF_STMT(BPF_LD | BPF_MEM, 3), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1), RETURN(SECCOMP_RET_ALLOW),
                   RETURN(SECCOMP_RET_KILL_THREAD)));
    ck_assert(SAYS(BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW - 8), BPF_STMT(BPF_LDX | BPF_IMM, 8),
                   BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), BPF_STMT(BPF_RET | BPF_A, 0)));
}
END_TEST

START_TEST(nonsense)
{
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sock_fprog program = {2, (struct sock_filter *)(page + 4096) - 1};
    ck_assert(page != MAP_FAILED && !munmap(page + 4096, 4096));
    program.filter[0] = (struct sock_filter)NUMBER;
    ck_assert(!filter_allows(&program, &call)); /* goes on into nothing */
    program.filter[0] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    ck_assert(filter_allows(&program, &call));
    ck_assert(!filter_allows(NULL, &call));
    ck_assert(!filter_allows((const struct sock_fprog *)(page + 4096), &call));
    program.filter = NULL;
    ck_assert(!filter_allows(&program, &call));
    program.len = 0;
    ck_assert(!filter_allows(&program, &call));
    ck_assert(!SAYS(NUMBER)); /* no end */
    ck_assert(!SAYS(BPF_STMT(BPF_JMP | BPF_JA, 0xffffffffu), RETURN(SECCOMP_RET_ALLOW)));
    ck_assert(!SAYS(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof call), RETURN(SECCOMP_RET_ALLOW)));
    ck_assert(!SAYS(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(SECCOMP_RET_ALLOW)));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("filter");
    TCase *t = tcase_create("filter");
    tcase_add_test(t, lists);
    tcase_add_test(t, arguments);
    tcase_add_test(t, nonsense);
    suite_add_tcase(s, t);
    return suite_run(s);
}
