/*
 * collector/serve/ends.c - see ends.h.
 */
#include "serve/ends.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "event/xalloc.h"

enum { RUNNING_MOST = 4096, WATCHED_MOST = 512 };   /* each is a descriptor */

/* linux/pidfd.h, which old systems do not have. */
struct pidfd_facts {
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid, ids[8];
    int32_t exit_code;
};
#define PIDFD_FACTS _IOWR(0xff, 11, struct pidfd_facts)
enum { PIDFD_FACTS_EXIT = 1 << 3 };
_Static_assert(sizeof(struct pidfd_facts) == 64, "as the kernel has it");

static size_t place(const struct ends *e, uint32_t process)
{
    size_t i = 0;
    while (i < e->n && e->list[i].process != process)
        i++;
    return i;
}

void ends_watch(struct ends *e, const struct session *s)
{
    uint32_t *list = xcalloc(RUNNING_MOST, sizeof *list);
    size_t n = session_running(s, list, RUNNING_MOST);
    for (size_t i = 0; i < n && i < RUNNING_MOST && e->n < WATCHED_MOST; i++) {
        pid_t pid = place(e, list[i]) < e->n ? 0 : session_pid_of(s, list[i]);
        int fd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
        if (fd < 0)
            continue;
        e->list = xgrow(e->list, &e->capacity, e->n + 1, sizeof *e->list);
        e->list[e->n++] = (struct end){ .process = list[i], .pidfd = fd };
    }
    free(list);
}

int ends_status(struct ends *e, uint32_t process, int *wait_status)
{
    struct pidfd_facts facts = { .mask = PIDFD_FACTS_EXIT };
    size_t i = place(e, process);
    if (i == e->n)
        return -ENOENT;
    errno = 0;
    if (!ioctl(e->list[i].pidfd, PIDFD_FACTS, &facts) && facts.mask & PIDFD_FACTS_EXIT) {
        *wait_status = facts.exit_code;
        return 1;
    }
    return errno == ENOTTY || errno == EINVAL ? -ENOENT : 0;
}

void ends_forget(struct ends *e, uint32_t process)
{
    size_t i = place(e, process);
    if (i == e->n)
        return;
    close(e->list[i].pidfd);
    e->list[i] = e->list[--e->n];
}

void ends_clear(struct ends *e)
{
    while (e->n)
        ends_forget(e, e->list[0].process);
    free(e->list);
    *e = (struct ends){ 0 };
}
