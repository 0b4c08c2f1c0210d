/*
 * collector/session/list.c - the sessions of this user, for `ownscope ps`.
 *
 * Needs no collector and maps nothing (listing.h). Any thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/directory.h"
#include "session/listing.h"
#include "session/proc.h"
#include "session/segment.h"
#include "session/session.h"

struct visit {
    int (*fn)(void *context, const struct session_listing *l);
    void *context;
};

static void add_thread(struct session_process **list, size_t *count, size_t *capacity, uint32_t pid)
{
    size_t i;
    for (i = 0; i < *count; i++)
        if ((*list)[i].pid == pid) {
            (*list)[i].threads++;
            return;
        }
    *list = xgrow(*list, capacity, *count + 1, sizeof **list);
    (*list)[(*count)++] = (struct session_process){pid, 1};
}

struct session_process *listing_processes(const struct listing_segment *seg, size_t *count)
{
    struct session_process *list = NULL;
    struct wire_slot *table;
    uint32_t slots = load_relaxed(&seg->pulse.slots_ready);
    size_t capacity = 0, got, i;
    ssize_t n;

    *count = 0;
    if (slots > WIRE_SLOTS_MAX)
        slots = WIRE_SLOTS_MAX;
    table = xcalloc(slots + 1, sizeof *table);
    n = pread(seg->fd, table, slots * sizeof *table, WIRE_SLOTS_OFFSET);
    got = n > 0 ? (size_t)n / sizeof *table : 0;
    for (i = 0; i < got; i++)
        if (load_relaxed(&table[i].state) == WIRE_SLOT_LIVE && table[i].pid &&
            !proc_thread_gone(table[i].pid, table[i].tid) && !proc_gone(table[i].pid, 0))
            add_thread(&list, count, &capacity, table[i].pid);
    free(table);
    return list;
}

bool listing_locked(const struct listing_segment *seg)
{
    if (flock(seg->fd, LOCK_SH | LOCK_NB))
        return errno == EWOULDBLOCK;
    flock(seg->fd, LOCK_UN);
    return false;
}

uint64_t listing_idle_ns(const struct listing_segment *seg)
{
    uint64_t now = wire_clock_stamp(seg->plan.clock), beat = load_relaxed(&seg->pulse.heartbeat_stamp);
    if (now <= beat)
        return 0;
    return (uint64_t)((unsigned __int128)(now - beat) * 1000000000u / seg->plan.clock_hz);
}

int listing_open(const char *path, struct listing_segment *seg)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    seg->fd = fd;
    if (fd < 0)
        return -1;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (st.st_uid == geteuid() || !geteuid()) &&
        pread(fd, &seg->plan, sizeof seg->plan, 0) == sizeof seg->plan &&
        segment_plan_valid(&seg->plan, (uint64_t)st.st_size) &&
        pread(fd, &seg->pulse, sizeof seg->pulse, WIRE_PULSE_OFFSET) == sizeof seg->pulse)
        return 0;
    close(fd);
    return -1;
}

void listing_close(struct listing_segment *seg)
{
    close(seg->fd);
}

/* By the segment whether anything is recorded, by the collector's own word why not. */
static const char *recording_of(const char *name, const struct wire_pulse *pulse)
{
    static const char *const states[] = { "recording", "paused", "tripped", "half-open" };
    const char *said = "?";
    char *text, *line;
    bool records = load_relaxed(&pulse->gate) & (WIRE_GATE_MEMORY | WIRE_GATE_LOCKS | WIRE_GATE_COPIES);
    if (load_relaxed(&pulse->emergency))
        return "emergency";
    text = session_file_get(name, "control");
    line = text ? strstr(text, "\nstate ") : NULL;
    for (size_t i = 0; line && i < sizeof states / sizeof *states; i++) {
        size_t n = strlen(states[i]);
        if (!strncmp(line + 7, states[i], n) && line[7 + n] == '\n')
            said = states[i];
    }
    free(text);
    if (records)
        return !strcmp(said, "half-open") ? said : "recording";
    return !strcmp(said, "tripped") ? said : "paused";
}

static int visit_session(void *context, const char *name)
{
    struct visit *v = context;
    struct session_listing l = {.name = name, .idle_ns = UINT64_MAX, .segment_gone = true, .recording = "?"};
    char link[SESSION_PATH_MAX], path[SEGMENT_PATH_MAX] = "", command[4096] = "", trace[SESSION_PATH_MAX] = "";
    struct session_process *list = NULL;
    struct listing_segment seg;
    ssize_t n = -1;
    int result;

    if (!session_path(link, sizeof link, name, "segment"))
        n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    if (session_info_get(name, "command", command, sizeof command))
        command[0] = 0;
    if (session_info_get(name, "trace", trace, sizeof trace))
        trace[0] = 0;
    if (path[0] && !listing_open(path, &seg)) {
        l.segment_gone = false;
        l.collector_pid = load_relaxed(&seg.pulse.collector_pid);
        l.collector_alive = l.collector_pid && listing_locked(&seg) && !proc_gone(l.collector_pid, 0);
        l.idle_ns = listing_idle_ns(&seg);
        l.recording = recording_of(name, &seg.pulse);
        list = listing_processes(&seg, &l.process_count);
        listing_close(&seg);
    }
    l.segment_path = path;
    l.processes = list;
    l.command = command;
    l.trace_path = trace;
    result = v->fn(v->context, &l);
    free(list);
    return result;
}

int session_list(int (*fn)(void *context, const struct session_listing *l), void *context)
{
    struct visit v = {fn, context};
    return session_names(visit_session, &v);
}
