/*
 * collector/cli/sql_session.c - see sql_session.h. Main thread; only the flag of
 * an interrupt is set by a signal handler.
 */
#include "cli/sql_session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/message.h"
#include "event/xalloc.h"

static volatile sig_atomic_t interrupted;

void sql_session_interrupt(void) { interrupted = 1; }
static bool stop(void *context) { return interrupted; }

/* The live session's trace, with all that happened so far in it; malloc'ed. */
static char *live_trace(struct reading *r)
{
    struct reading whole = *r;      /* the moment is looked for in the file */
    whole.query = (struct query){ 0 };
    json_t *doc = reading_tell(&whole, "flush");
    const char *path = json_string_value(json_object_get(doc, "trace"));
    char *trace = path ? xstrdup(path) : NULL;
    json_decref(doc);
    if (!trace)
        message_fail(EXIT_SOURCE, "the collector of process %u writes no trace file; ask it with other commands, or for a snapshot with ownscope ctl", r->pid);
    return trace;
}

static void open_failed(const struct sql_session *s, int error, const char *text)
{
    switch (-error) {
    case ENOENT:
        if (access(s->path, F_OK) == 0)
            message_fail(EXIT_NOTHING, "%s", text);
        message_fail(EXIT_SOURCE, "%s: no such trace file; make one with ownscope run, or ask a live process with -p PID", s->path);
    case ERANGE:
        message_fail(EXIT_NOTHING, "%s", text);
    case EACCES: case EPERM:
        message_fail(EXIT_SOURCE, "%s: permission denied; ask its owner, or read it as root", s->path);
    case EISDIR:
        message_fail(EXIT_SOURCE, "%s is a folder; name a trace file (*.own)", s->path);
    case EINVAL:
        options_fail(&s->reading->options, "%s", text);
    default:
        message_fail(EXIT_SOURCE, "%s cannot be read: %s; name a trace file that ownscope run wrote", s->path, text);
    }
}

void sql_session_open(struct sql_session *s, struct reading *r)
{
    struct sql_options o = { .at = r->query.at, .since = r->query.since, .stop = stop };
    char *error;
    memset(s, 0, sizeof *s);
    s->reading = r;
    s->live = r->origin.socket_path;
    s->path = s->live ? live_trace(r) : xstrdup(r->origin.path);
    table_style_init(&s->style, stdout, message_colour(stdout, r->no_colour));
    int failed = sql_open(&s->sql, s->path, &o, &error);
    if (failed)
        open_failed(s, failed, error);
    if (!s->live && sql_torn_bytes(s->sql))
        message("%s is torn: its last %llu bytes are no whole chunk and are left out; the answer is what lies before",
                s->path, (unsigned long long)sql_torn_bytes(s->sql));
    if (sql_damage(s->sql))     /* what was met on the way to the moment */
        message_damaged(s->path, sql_damage(s->sql));
}

void sql_session_close(struct sql_session *s)
{
    sql_close(s->sql);
    if (s->output)
        sql_output_free(s->output);
    free(s->path);
    free(s->at);
}

bool sql_session_move(struct sql_session *s, const char *at)
{
    char *error;
    if (s->live)
        free(live_trace(s->reading));
    if (sql_move(s->sql, at, s->reading->query.since, &error)) {
        message("%s", error);
        free(error);
        return false;
    }
    s->reading->query.at = at;
    return true;
}

static void tell_cost(const struct sql_session *s)
{
    struct sql_cost c = sql_cost(s->sql);
    message("read %llu of %llu events in %llu passes, left out %llu of %llu groups, named %llu stacks",
            (unsigned long long)c.decoded, (unsigned long long)c.events, (unsigned long long)c.passes,
            (unsigned long long)c.groups_passed, (unsigned long long)c.groups, (unsigned long long)c.symbols);
}

/* Why a statement ended before its end. */
static void tell_failure(struct sql_session *s, int error)
{
    const char *text = sql_error(s->sql);
    fflush(stdout);
    switch (-error) {
    case EINVAL: message("%s; see ownscope-sql(7), or ask .schema", text); s->status = EXIT_USAGE; break;
    case EINTR: message("stopped"); s->status = EXIT_USAGE; break;
    case ENOMEM: message("%s; ask for less at a time", text); s->status = EXIT_SOURCE; break;
    case ENOENT: case ERANGE: message("%s", text); s->status = EXIT_NOTHING; break;
    default: message("%s", text); s->status = EXIT_SOURCE;
    }
}

/* false: the text ends here. */
static bool run_one(struct sql_session *s, const char **text)
{
    sqlite3_stmt *statement = NULL;
    int got = sql_prepare(s->sql, *text, &statement, text);
    if (got) {
        tell_failure(s, got);
        return false;
    }
    if (!statement)
        return false;
    sql_output_head(s->output, statement);
    while (!ferror(stdout) && (got = sql_step(s->sql, statement)) > 0) {
        sql_output_row(s->output, statement);
        s->rows++;
    }
    sql_output_foot(s->output);
    if (got < 0)
        tell_failure(s, got);
    sqlite3_finalize(statement);
    if (got >= 0 && sql_damage(s->sql)) {
        fflush(stdout);
        message_damaged(s->path, sql_damage(s->sql));
        s->status = EXIT_SOURCE;
    }
    return got >= 0 && !ferror(stdout);
}

/* The line of a command between statements, if one comes next: it ends with its line. False: the text ends here. */
static bool run_command(struct sql_session *s, const char **text)
{
    size_t n = strcspn(*text, "\n");
    char *line = xstrndup(*text, n);
    *text += n;
    bool more = sql_command(s, line) && !s->status;
    free(line);
    return more;
}

void sql_session_run(struct sql_session *s, const char *text)
{
    interrupted = 0;
    for (bool more = true; more;) {
        text += strspn(text, " \t\r\n");
        more = *text && (*text == '.' ? run_command(s, &text) : run_one(s, &text));
    }
    if (s->stats)
        tell_cost(s);
}
