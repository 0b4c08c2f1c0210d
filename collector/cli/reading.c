/*
 * collector/cli/reading.c - options and files of reading commands; questions
 * to live collectors are in reading_live.c. Main thread.
 */
#include "cli/reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/sql_output.h"

static void reading_option(struct reading *r, int key)
{
    const struct options *o = &r->options;
    struct query *q = &r->query;
    switch (key) {
    case 'p': r->pid = (unsigned)options_count(o, 1, INT32_MAX); break;
    case 'n':
        q->top = options_count(o, 0, 1000000);
        q->top_given = true;
        break;
    case 'f':
        if (o->usage == &usage_sql)
            r->rows_as = options_choice(o, sql_format_names);
        else
            q->format = o->argument;
        break;
    case 'i': r->input = o->argument; break;
    case OPTION_STATS: r->stats = true; break;
    case OPTION_STEPS: r->steps = options_count(o, 1, 1000000); break;
    case 'o': r->output = o->argument; break;
    case OPTION_JSON: r->json = true; break;
    case OPTION_AT: q->at = o->argument; break;
    case OPTION_SINCE: q->since = o->argument; break;
    case OPTION_NO_COLOUR: r->no_colour = true; break;
    case OPTION_EVENTS: q->events = true; break;
    case OPTION_ALL: q->all = true; break;
    case OPTION_NATIVE: q->stacks = true; break;
    case OPTION_TYPE: q->type = o->argument; break;
    case OPTION_SITE: q->site = o->argument; break;
    case OPTION_SIZE: q->size = o->argument; break;
    case OPTION_ADDRESS: q->address = o->argument; break;
    case OPTION_THREAD: q->thread = o->argument; break;
    case OPTION_PROCESS: q->process = o->argument; break;
    case OPTION_CLASS: q->leak_class = o->argument; break;
    case OPTION_OF: q->of = o->argument; break;
    case OPTION_BY: q->by = o->argument; break;
    case OPTION_FAIL_IF_GROWN:
        r->grown_asked = true;
        if (parse_bytes(o->argument, &r->grown_bytes))
            options_fail(o, "--fail-if-grown takes bytes (0, 4096, 64K, 1M), not '%s'", o->argument);
        break;
    case OPTION_DEPTH: q->depth = options_count(o, 1, QUERY_DEPTH_MAX); break;
    }
}

static bool is_one_of(const char *command, const char *const *commands)
{
    while (*commands && strcmp(command, *commands))
        commands++;
    return *commands;
}

/* With --since these tell what happened since; others take it as they say. */
static const char *const changes_commands[] = { "report", "threads", "locks", "copies", "findings", "export", NULL };

void reading_start(struct reading *r, const struct usage *u, int argc, char **argv)
{
    char *error;
    memset(r, 0, sizeof *r);
    r->verdict.status = VERDICT_STATUS;
    options_start(&r->options, u, argc, argv);
    for (int key; (key = options_next(&r->options)) >= 0;)
        if (!verdict_option(&r->verdict, &r->options, key))
            reading_option(r, key);
    options_words(&r->options, &r->words, &r->word_count);
    verdict_ready(&r->verdict, &r->options);
    r->query.blocks = r->verdict.gen != GEN_NO;
    for (size_t i = 0; i < r->verdict.files.n_suppressions; i++)
        query_add_suppressions(&r->query, r->verdict.files.suppressions[i]);
    r->query.no_default_suppressions = r->verdict.files.no_default_suppressions;
    if (query_check(&r->query, &error))
        options_fail(&r->options, "%s", error);
    r->query.changes = r->query.since && is_one_of(u->command, changes_commands);
    r->need = QUERY_VIEW;
}

void reading_source(struct reading *r, const char *word)
{
    if (r->pid && word)
        options_fail(&r->options, "-p PID and the trace file %s are two sources; give one", word);
    origin_find(&r->origin, r->pid, word);
}

void reading_one_source(struct reading *r)
{
    if (r->word_count > 1)
        options_fail(&r->options, "one source at a time, not '%s' too", r->words[1]);
    reading_source(r, r->word_count ? r->words[0] : NULL);
}

/* ---- progress, on a terminal ---------------------------------------------- */

struct progress { struct timespec start; int shown; };

static void progress_show(void *context, uint64_t events, uint64_t total)
{
    struct progress *p = context;
    struct timespec now;
    char line[80];
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - p->start.tv_sec < 2)
        return;
    int value = total ? (int)((double)events * 100 / (double)total) : (int)(events / 1000000);
    if (value == p->shown)
        return;
    p->shown = value;
    int n = snprintf(line, sizeof line, "\rownscope: reading, %d%s\033[K", value, total ? "%" : " million events");
    (void)!write(STDERR_FILENO, line, (size_t)n);
}

/* The same for what is made of a snapshot. */
static void progress_step(void *context, const char *step, uint64_t done, uint64_t total)
{
    struct progress *p = context;
    struct timespec now;
    char line[80];
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - p->start.tv_sec < 2 || !total)
        return;
    p->shown = (int)((double)done * 100 / (double)total);
    int n = snprintf(line, sizeof line, "\rownscope: graph, %s %d%%\033[K", step, p->shown);
    (void)!write(STDERR_FILENO, line, (size_t)n);
}

static void progress_clear(const struct progress *p)
{
    if (p->shown >= 0)
        (void)!write(STDERR_FILENO, "\r\033[K", 4);
}

/* ---- files ---------------------------------------------------------------- */

static void open_failed(const struct reading *r, int error)
{
    const char *path = r->origin.path, *at = r->query.at;
    switch (-error) {
    case ENOENT:
        if (at && strncmp(at, "mark:", 5) == 0 && !r->query.changes && access(path, F_OK) == 0)
            message_fail(EXIT_NOTHING, "%s has no mark '%s'", path, at + 5);
        if (access(path, F_OK) == 0)
            message_fail(EXIT_NOTHING, "%s has no such mark", path);
        message_fail(EXIT_SOURCE, "%s: no such trace file; make one with ownscope run, or ask a live process with -p PID", path);
    case EACCES: case EPERM:
        message_fail(EXIT_SOURCE, "%s: permission denied; ask its owner, or read it as root", path);
    case ERANGE:
        message_fail(EXIT_NOTHING, "%s: %s", path, query_error());
    case ENODATA:
        message_fail(EXIT_SOURCE, "%s: %s", path, query_error());
    case EINVAL:
        message_fail(EXIT_USAGE, "%s: %s", path, query_error());
    case EISDIR:
        message_fail(EXIT_SOURCE, "%s is a folder; name a trace file (*.own)", path);
    case EBADMSG:
        message_fail(EXIT_SOURCE, "%s cannot be read: %s; name a trace file that ownscope run wrote", path, query_error());
    default:
        message_fail(EXIT_SOURCE, "cannot read %s: %s", path, strerror(-error));
    }
}

void reading_open(struct reading *r, struct source *s, enum query_need need)
{
    struct progress progress = { .shown = -1 };
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    int error = query_open(s, r->origin.path, &r->query, need, isatty(STDERR_FILENO) ? progress_show : NULL, &progress);
    progress_clear(&progress);
    if (error)
        open_failed(r, error);
    if (s->doc.torn_bytes && r->told_torn != r->origin.path)    /* of two moments of one file once */
        message("%s is torn: its last %llu bytes are no whole chunk and are left out; the answer is what lies before",
                r->origin.path, (unsigned long long)s->doc.torn_bytes);
    r->told_torn = r->origin.path;
    if (s->past)
        message("%s ends before %s: the answer is its end, event %llu", r->origin.path, r->query.at, (unsigned long long)s->events);
    if (s->damage)
        message_damaged(r->origin.path, s->damage);
}

void reading_check(struct reading *r, struct source *s, int error)
{
    const char *path = r->origin.path;
    if (!error || error == -EPIPE || ferror(stdout))
        return;
    fflush(stdout);
    const char *mark = error == -ENOENT ? query_mark_absent(s, &r->query) : NULL;
    if (mark)
        message_fail(EXIT_NOTHING, "%s has no mark '%s'", path, mark);
    if (error == -ENOENT && r->query.id && trace_events_before(s->trace))
        message_fail(EXIT_NOTHING, "%s has no block or lock %s%s%s: it begins behind event %llu, what ended before is in an earlier file of the session",
                     path, r->query.id, r->query.at ? " at " : "", r->query.at ? r->query.at : "", (unsigned long long)trace_events_before(s->trace));
    if (error == -ENOENT && r->query.id)
        message_fail(EXIT_NOTHING, "%s has no block or lock %s%s%s", path, r->query.id, r->query.at ? " at " : "", r->query.at ? r->query.at : "");
    if (error == -ENOENT)
        message_fail(EXIT_NOTHING, "%s has no such mark", path);
    if (error == -ERANGE || error == -ENODATA)
        message_fail(error == -ERANGE ? EXIT_NOTHING : EXIT_SOURCE, "%s: %s", path, replay_error());
    if (error == -EBADMSG) {
        message_damaged(path, trace_error_text(s->trace));
        exit(EXIT_SOURCE);
    }
    message_fail(EXIT_SOURCE, "cannot read %s to its end: %s", path, strerror(-error));
}

json_t *reading_document(struct reading *r, const char *name, reading_make make)
{
    if (r->origin.socket_path)
        return reading_ask(r, name);
    struct source s;
    struct doc_options o = query_doc_options(&r->query);
    o.suppressions = r->verdict.suppressions;
    reading_open(r, &s, r->need);
    reading_check(r, &s, query_since(&s, &r->query, &o));
    struct progress progress = { .shown = -1 };
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    s.doc.progress = isatty(STDERR_FILENO) ? progress_step : NULL;
    s.doc.progress_context = &progress;
    json_t *doc = make(s.view, &s.doc, &o);
    progress_clear(&progress);
    source_close(&s);
    return doc;
}

int reading_show(const struct reading *r, json_t *doc, reading_table table)
{
    return reading_show_status(r, doc, table, EXIT_FOUND);
}

int reading_show_status(const struct reading *r, json_t *doc, reading_table table, int status)
{
    struct table_style style;
    if (!doc)
        return EXIT_NOTHING;
    if (r->json) {
        json_dumpf(doc, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        table_style_init(&style, stdout, message_colour(stdout, r->no_colour));
        style.verbose = r->verdict.verbose;
        style.ask = verdict_ask(&r->verdict);
        if (r->query.changes)
            table_since(stdout, doc, &style);
        table(stdout, doc, &style);
    }
    json_decref(doc);
    return message_finish_output(stdout, "standard output", status);
}
