/*
 * collector/graph/graph_processes_archive.c - processes in a checkpoint: what
 * they are and count. What they own stands in the parts behind it. Run by the
 * folding thread.
 */
#include "graph/graph_archive.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_processes.h"

enum { RUN = 256 };

/* The flags of a process, as they are written. */
static const size_t flags[] = {
    offsetof(struct process, started), offsetof(struct process, ended), offsetof(struct process, threaded),
    offsetof(struct process, usable_asked), offsetof(struct process, usable_untold), offsetof(struct process, execing),
    offsetof(struct process, exit_known), offsetof(struct process, exit_seen), offsetof(struct process, forked) };
enum { FLAGS = sizeof flags / sizeof *flags };
struct row { struct process p; uint16_t flags; uint32_t wait_status, exit_code; };

static void run_archive(struct archive *a, struct row *rows, size_t n)
{
    ARCHIVE_FIELD(a, rows, n, p.serial);
    ARCHIVE_FIELD(a, rows, n, p.parent);
    ARCHIVE_FIELD(a, rows, n, p.pid);
    ARCHIVE_FIELD(a, rows, n, p.ppid);
    ARCHIVE_FIELD(a, rows, n, p.started_ns);
    ARCHIVE_FIELD(a, rows, n, p.ended_ns);
    ARCHIVE_FIELD(a, rows, n, flags);
    ARCHIVE_FIELD(a, rows, n, wait_status);
    ARCHIVE_FIELD(a, rows, n, exit_code);
    ARCHIVE_FIELD(a, rows, n, p.images);
    ARCHIVE_FIELD(a, rows, n, p.lost_ns);
    ARCHIVE_FIELD(a, rows, n, p.unseen_made);
    ARCHIVE_FIELD(a, rows, n, p.unseen_dropped);
    ARCHIVE_FIELD(a, rows, n, p.ended_kept);
    ARCHIVE_FIELD(a, rows, n, p.live_blocks);
    ARCHIVE_FIELD(a, rows, n, p.live_bytes);
    ARCHIVE_FIELD(a, rows, n, p.allocations);
    ARCHIVE_FIELD(a, rows, n, p.snapshot.event);
    ARCHIVE_FIELD(a, rows, n, p.snapshot.number);
    ARCHIVE_FIELD(a, rows, n, p.snapshot.why);
    ARCHIVE_FIELD(a, rows, n, p.image_event);
}

static void run_take(const struct graph *g, size_t first, struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct process *p = g->processes[first + i];
        rows[i] = (struct row){ .p = *p, .flags = archive_flags_of(p, flags, FLAGS), .wait_status = (uint32_t)p->wait_status, .exit_code = (uint32_t)p->exit_code };
    }
}

/* Loading: the process of a row; place 0 is there already. */
static void process_put(struct archive *a, struct graph *g, struct row *row, size_t place)
{
    struct process *p;
    bool known = row->p.serial && dict_get(&g->process_of, row->p.serial);
    if (!archive_need(a, !known && !row->p.serial == !place, "two processes of the state have one number"))
        return;
    if (place) {
        g->processes = xgrow(g->processes, &g->processes_capacity, place + 1, sizeof *g->processes);
        p = archive_room(a, 1, sizeof *p);
        if (!p)
            return;
        g->processes[g->n_processes++] = p;
        dict_set(&g->process_of, row->p.serial, (uint32_t)place);
    } else {
        p = g->processes[0];
    }
    *p = row->p;
    p->place = (uint32_t)place;
    p->wait_status = (int)row->wait_status;
    p->exit_code = (int)row->exit_code;
    p->maps.seed = process_seed(p);
    archive_flags_put(p, flags, FLAGS, row->flags);
}

static void texts_archive(struct archive *a, struct graph *g)
{
    for (size_t i = 0; i < g->n_processes && !archive_bad(a); i++) {
        archive_text(a, &g->processes[i]->exe, TEXT_KEPT_MAX);
        archive_text(a, &g->processes[i]->command, TEXT_KEPT_MAX);
    }
}

/* Those that ended and still keep blocks, the first that ended first. */
static void ended_archive(struct archive *a, struct graph *g)
{
    size_t n = g->n_ended - g->ended_oldest;
    archive_count(a, &n, UINT32_MAX);
    if (a->reading) {
        g->ended_processes = archive_room(a, n, sizeof *g->ended_processes);
        g->n_ended = g->ended_capacity = g->ended_processes ? n : 0;
    }
    uint32_t *ended = g->ended_processes ? g->ended_processes + g->ended_oldest : NULL;
    n = g->n_ended - g->ended_oldest;
    archive_column(a, ended, sizeof *ended, sizeof *ended, n);
    archive_column_below(a, ended, sizeof *ended, sizeof *ended, n, g->n_processes);
    archive_u64(a, &g->ended_blocks);
}

void processes_archive(struct archive *a, struct graph *g)
{
    size_t n = g->n_processes;
    archive_count(a, &n, PROCESSES_MAX);
    archive_need(a, n, "the state has no processes");
    struct row *rows = xmalloc(RUN * sizeof *rows);
    for (size_t done = 0, some; done < n && !archive_bad(a); done += some) {
        some = n - done < RUN ? n - done : RUN;
        if (a->reading)
            memset(rows, 0, some * sizeof *rows);
        else
            run_take(g, done, rows, some);
        run_archive(a, rows, some);
        for (size_t i = 0; a->reading && i < some && !archive_bad(a); i++)
            process_put(a, g, &rows[i], done + i);
    }
    free(rows);
    texts_archive(a, g);
    ended_archive(a, g);
}
