/*
 * collector/sql/table_parties.c - `sites`, `threads`, `processes`: who made what,
 * as the view of the moment has it.
 */
#include <string.h>
#include <sys/wait.h>

#include "export/interval.h"
#include "sql/sql_rows.h"

/* ---- sites ---- */

enum { S_STACK, S_ALLOCATIONS, S_BYTES, S_LIVE_BLOCKS, S_LIVE_BYTES, S_PEAK_BYTES, S_TEMPORARY,
       S_SAMPLES, S_ALLOCATIONS_ERROR, S_BYTES_ERROR, S_LIVE_BLOCKS_ERROR, S_LIVE_BYTES_ERROR, S_PEAK_BYTES_ERROR };
static const struct sql_column site_columns[] = {
    { "stack", "INTEGER", 0 }, { "allocations", "INTEGER", 0 }, { "bytes", "INTEGER", 0 }, { "live_blocks", "INTEGER", 0 },
    { "live_bytes", "INTEGER", 0 }, { "peak_bytes", "INTEGER", 0 }, { "temporary", "INTEGER", 0 },
    { "samples", "INTEGER", 0 }, { "allocations_error", "INTEGER", 0 }, { "bytes_error", "INTEGER", 0 },
    { "live_blocks_error", "INTEGER", 0 }, { "live_bytes_error", "INTEGER", 0 }, { "peak_bytes_error", "INTEGER", 0 }, { NULL, NULL, 0 }
};

static int sites_start(struct sql_cursor *c)
{
    int rc = rows_begin(c, 0);
    return rc ? rc : rows_of(c, ((struct rows *)c)->view->n_sites);
}

/* Of an estimate; else 0, as it is exact. */
static void put_error(sqlite3_context *to, const struct view *v, const struct view_site *s, int column)
{
    struct interval_site_errors e = interval_site_errors(v, s);
    switch (column) {
    case S_SAMPLES: put_u64(to, e.samples); break;
    case S_ALLOCATIONS_ERROR: put_u64(to, e.allocations); break;
    case S_BYTES_ERROR: put_u64(to, e.bytes); break;
    case S_LIVE_BLOCKS_ERROR: put_u64(to, e.live_blocks); break;
    case S_LIVE_BYTES_ERROR: put_u64(to, e.live_bytes); break;
    case S_PEAK_BYTES_ERROR: put_u64(to, e.peak_bytes); break;
    }
}

static void sites_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    const struct rows *k = (const struct rows *)c;
    const struct view_site *s = &k->view->sites[k->at];
    switch (column) {
    case S_STACK: put_id(to, sql_state_stack(k->state, s->stack)); break;
    case S_ALLOCATIONS: put_u64(to, s->allocations); break;
    case S_BYTES: put_u64(to, s->bytes); break;
    case S_LIVE_BLOCKS: put_u64(to, s->live_blocks); break;
    case S_LIVE_BYTES: put_u64(to, s->live_bytes); break;
    case S_PEAK_BYTES: put_u64(to, s->peak_bytes); break;
    case S_TEMPORARY: if (!s->estimate) put_u64(to, s->temporary); break;   /* of samples nobody can tell */
    default: put_error(to, k->view, s, column);
    }
}

const struct sql_table sql_sites = {
    .name = "sites", .about = "heap memory by the stack that made it, up to the moment",
    .columns = site_columns, .rows = 1e4, .cursor_bytes = sizeof(struct rows),
    .start = sites_start, .next = rows_next, .column = sites_column
};

/* ---- threads ---- */

enum { T_ID, T_PROCESS, T_TID, T_NAME, T_CREATOR, T_JOINED_BY, T_BORN, T_ENDED, T_DETACHED, T_MADE_BLOCKS, T_MADE_BYTES,
       T_DROPPED_BLOCKS, T_DROPPED_BYTES, T_OWNS_BLOCKS, T_OWNS_BYTES, T_HOLDS, T_WAITS };
static const struct sql_column thread_columns[] = {
    { "id", "INTEGER", 0 }, { "process", "INTEGER", 0 }, { "tid", "INTEGER", 0 }, { "name", "TEXT", 0 }, { "creator", "INTEGER", 0 },
    { "joined_by", "INTEGER", 0 }, { "born_ns", "INTEGER", 0 }, { "ended_ns", "INTEGER", 0 }, { "detached", "INTEGER", 0 },
    { "made_blocks", "INTEGER", 0 }, { "made_bytes", "INTEGER", 0 }, { "dropped_blocks", "INTEGER", 0 },
    { "dropped_bytes", "INTEGER", 0 }, { "owns_blocks", "INTEGER", 0 }, { "owns_bytes", "INTEGER", 0 },
    { "holds", "INTEGER", 0 }, { "waits", "INTEGER", 0 }, { NULL, NULL, 0 }
};

static int threads_start(struct sql_cursor *c)
{
    int rc = rows_begin(c, 0);
    return rc ? rc : rows_of(c, ((struct rows *)c)->view->n_threads);
}

static uint64_t holds_of(const struct view *v, uint32_t thread)
{
    uint64_t n = 0;
    for (size_t i = 0; i < v->n_holds; i++)
        n += v->holds[i].thread == thread;
    return n;
}

static uint64_t waits_of(const struct view *v, uint32_t thread)
{
    for (size_t i = 0; i < v->n_waits; i++)
        if (v->waits[i].thread == thread)
            return v->waits[i].lock;
    return 0;
}

static void threads_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    const struct rows *k = (const struct rows *)c;
    const struct view_thread *t = &k->view->threads[k->at];
    switch (column) {
    case T_ID: put_id(to, t->id); break;
    case T_PROCESS: put_id(to, t->process); break;
    case T_TID: put_id(to, t->tid); break;
    case T_NAME: if (*t->name) put_text(to, t->name, strnlen(t->name, sizeof t->name)); break;
    case T_CREATOR: put_id(to, t->creator); break;
    case T_JOINED_BY: put_id(to, t->joined_by); break;
    case T_BORN: put_u64(to, t->born_ns); break;
    case T_ENDED: if (t->ended) put_u64(to, t->ended_ns); break;
    case T_DETACHED: sqlite3_result_int(to, t->detached); break;
    case T_MADE_BLOCKS: put_u64(to, t->made.blocks); break;
    case T_MADE_BYTES: put_u64(to, t->made.bytes); break;
    case T_DROPPED_BLOCKS: put_u64(to, t->dropped.blocks); break;
    case T_DROPPED_BYTES: put_u64(to, t->dropped.bytes); break;
    case T_OWNS_BLOCKS: put_u64(to, t->owns.blocks); break;
    case T_OWNS_BYTES: put_u64(to, t->owns.bytes); break;
    case T_HOLDS: put_u64(to, holds_of(k->view, t->id)); break;
    case T_WAITS: put_id(to, waits_of(k->view, t->id)); break;
    }
}

const struct sql_table sql_threads = {
    .name = "threads", .about = "every thread up to the moment, and what of the heap it made, dropped and owns",
    .columns = thread_columns, .rows = 1e3, .cursor_bytes = sizeof(struct rows),
    .start = threads_start, .next = rows_next, .column = threads_column
};

/* ---- processes ---- */

enum { R_ID, R_PARENT, R_PID, R_PPID, R_EXE, R_COMMAND, R_STARTED, R_ENDED, R_CODE, R_SIGNAL, R_IMAGES, R_UNTRACED, R_LIVE_BLOCKS,
       R_LIVE_BYTES, R_ALLOCATIONS };
static const struct sql_column process_columns[] = {
    { "id", "INTEGER", 0 }, { "parent", "INTEGER", 0 }, { "pid", "INTEGER", 0 }, { "ppid", "INTEGER", 0 }, { "exe", "TEXT", 0 },
    { "command", "TEXT", 0 }, { "started_ns", "INTEGER", 0 }, { "ended_ns", "INTEGER", 0 }, { "exit_code", "INTEGER", 0 },
    { "exit_signal", "INTEGER", 0 }, { "images", "INTEGER", 0 }, { "untraced_image", "INTEGER", 0 }, { "live_blocks", "INTEGER", 0 },
    { "live_bytes", "INTEGER", 0 }, { "allocations", "INTEGER", 0 }, { NULL, NULL, 0 }
};

static int processes_start(struct sql_cursor *c)
{
    int rc = rows_begin(c, 0);
    return rc ? rc : rows_of(c, ((struct rows *)c)->view->n_processes);
}

static void put_exit(sqlite3_context *to, const struct view_process *p, bool signal)
{
    if (!p->ended || !p->exit_known || WIFSIGNALED(p->wait_status) != signal)
        return;
    sqlite3_result_int(to, signal ? WTERMSIG(p->wait_status) : WEXITSTATUS(p->wait_status));
}

static void processes_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    const struct rows *k = (const struct rows *)c;
    const struct view_process *p = &k->view->processes[k->at];
    switch (column) {
    case R_ID: put_id(to, p->id); break;
    case R_PARENT: put_id(to, p->parent); break;
    case R_PID: put_u64(to, p->pid); break;
    case R_PPID: put_u64(to, p->ppid); break;
    case R_EXE: if (*p->exe) put_text(to, p->exe, strlen(p->exe)); break;
    case R_COMMAND: if (*p->command) put_text(to, p->command, strlen(p->command)); break;
    case R_STARTED: put_u64(to, p->started_ns); break;
    case R_ENDED: if (p->ended) put_u64(to, p->ended_ns); break;
    case R_CODE: put_exit(to, p, false); break;
    case R_SIGNAL: put_exit(to, p, true); break;
    case R_IMAGES: put_u64(to, p->images); break;
    case R_UNTRACED: sqlite3_result_int(to, p->untraced_image); break;
    case R_LIVE_BLOCKS: put_u64(to, p->live_blocks); break;
    case R_LIVE_BYTES: put_u64(to, p->live_bytes); break;
    case R_ALLOCATIONS: put_u64(to, p->allocations); break;
    }
}

const struct sql_table sql_processes = {
    .name = "processes", .about = "every process up to the moment",
    .columns = process_columns, .rows = 1e2, .cursor_bytes = sizeof(struct rows),
    .start = processes_start, .next = rows_next, .column = processes_column
};
