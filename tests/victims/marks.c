/* Says where it is: the header alone, nothing linked. Without the tool that
 * costs a branch.
 * RUN: --snapshot-at-mark */
#include "../../include/ownscope.h"
#include "victim.h"

static void *elsewhere(void *arg)
{
    OWNSCOPE_MARK("in a thread");
    return NULL;
}

int main(void)
{
    char name[16] = "named late", *kept = keep(malloc(55401));
    int status;
    pid_t pid;
    errno = 77;
    OWNSCOPE_MARK("loaded");
    ownscope_mark(name);
    ownscope_mark(NULL);
    CHECK(errno == 77);
    victim_join(victim_thread(elsewhere, NULL));
    pid = vfork();
    if (!pid) {
        OWNSCOPE_MARK("in a vfork child");
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    free(kept);
    puts("expect block size=55401 count=1 dropped=1");
    return 0;
}
