/*
 * collector/cli/record.c - see record.h.
 */
#include "cli/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ctl_print.h"
#include "cli/message.h"
#include "cli/table.h"
#include "event/xalloc.h"
#include "export/doc_leaks.h"
#include "session/segment.h"
#include "session/shim.h"

void record_options_init(struct record_options *r)
{
    *r = (struct record_options){.verdict = {.status = VERDICT_STATUS}, .session = {.stacks = WIRE_STACKS_FULL, .on_full = WIRE_ON_FULL_WAIT,
                                             .wait_ms = 1000, .follow = WIRE_FOLLOW_TREE, .locks = true,
                                             .copies_min_bytes = RECORD_COPIES_MIN_BYTES, .snapshots = WIRE_SNAPSHOT_AT_EXIT}};
}

static const char *const stack_choices[] = {"none", "caller", "full", NULL};
static const char *const full_choices[] = {"wait", "drop", NULL};
static const char *const snapshot_choices[] = {"copy", "fork", NULL};
static const char *const lock_choices[] = {"off", "on", NULL};

/* Of copies of no bytes there is nothing to tell. */
static uint64_t copies_min_bytes(const struct options *o)
{
    uint64_t bytes;
    if (!strcmp(o->argument, "off"))
        return UINT64_MAX;
    if (parse_bytes(o->argument, &bytes) || !bytes || bytes == UINT64_MAX)
        options_fail(o, "--copies takes a number of bytes from 1, or off, not '%s'", o->argument);
    return bytes;
}

/* tree, none, or names between commas. */
static void follow_set(struct record_options *r, const char *text)
{
    static char names[sizeof(((struct wire_plan *)0)->follow_names)];
    size_t n = strlen(text);
    char *at;
    if (!strcmp(text, "tree")) {
        r->session.follow = WIRE_FOLLOW_TREE;
        return;
    }
    if (!strcmp(text, "none")) {
        r->session.follow = WIRE_FOLLOW_NONE;
        return;
    }
    if (n + 2 > sizeof names)
        message_fail(EXIT_SOURCE, "--follow takes at most %zu bytes of names", sizeof names - 2);
    memset(names, 0, sizeof names);
    memcpy(names, text, n);
    for (at = names; at < names + n; at++)
        if (*at == ',')
            *at = 0;
    r->session.follow = WIRE_FOLLOW_NAMES;
    r->session.follow_names = names;
}

/* ---- control ---- */

enum { RULES_BYTES_MAX = 1 << 20 };

static void rules_set(struct record_options *r, const struct options *o)
{
    FILE *in = fopen(o->argument, "re");
    char *text = xmalloc(RULES_BYTES_MAX + 1);
    size_t n = in ? fread(text, 1, RULES_BYTES_MAX + 1, in) : 0;
    if (!in || ferror(in))
        message_fail(EXIT_SOURCE, "cannot read the rules in %s: %s", o->argument, strerror(errno));
    fclose(in);
    if (n > RULES_BYTES_MAX || memchr(text, 0, n))
        message_fail(EXIT_SOURCE, "%s is no file of rules; ownscope-rules(5) says what is", o->argument);
    text[n] = 0;
    r->rules_file = o->argument;
    r->control.rules = text;
}

/* Given more than once, they add up. */
static void limits_add(struct record_options *r, const struct options *o)
{
    r->control.limits = r->control.limits ? xasprintf("%s %s", r->control.limits, o->argument) : xstrdup(o->argument);
}

static void sample_set(struct record_options *r, const struct options *o)
{
    if (parse_bytes(o->argument, &r->control.sample_bytes) || !r->control.sample_bytes || r->control.sample_bytes > INT64_MAX)
        options_fail(o, "--sample takes the bytes from one sampled block to the next, on average (512K), not '%s'", o->argument);
}

void record_ready(struct record_options *r, const struct options *o)
{
    struct control_options rules = { .rules = r->control.rules, .sample_bytes = r->control.sample_bytes }, limits = { .limits = r->control.limits };
    char *error;
    if (control_check(&rules, &error))
        options_fail(o, "--rules %s: %s", r->rules_file, error);
    if (control_check(&limits, &error))
        options_fail(o, "--limits: %s", error);
    bounds_ready(&r->bounds, o);
}

bool record_option(struct record_options *r, struct options *o, int key)
{
    switch (key) {
    case 'o': r->output = o->argument; return true;
    case 'q': r->quiet = true; return true;
    case OPTION_STACKS: r->session.stacks = (uint32_t)options_choice(o, stack_choices); return true;
    case OPTION_LOCKS: r->session.locks = options_choice(o, lock_choices) == 1; return true;
    case OPTION_COPIES: r->session.copies_min_bytes = copies_min_bytes(o); return true;
    case OPTION_ON_FULL: r->session.on_full = (uint32_t)options_choice(o, full_choices); return true;
    case OPTION_WAIT_MS: r->session.wait_ms = (uint32_t)options_count(o, 0, 3600000); return true;
    case OPTION_SNAPSHOT: r->snapshot_fork = options_choice(o, snapshot_choices) == 1; return true;
    case OPTION_SNAPSHOT_AT_EXIT: r->session.snapshots |= WIRE_SNAPSHOT_AT_EXIT; return true;
    case OPTION_NO_SNAPSHOT_AT_EXIT: r->session.snapshots &= ~(uint32_t)WIRE_SNAPSHOT_AT_EXIT; return true;
    case OPTION_SNAPSHOT_AT_MARK: r->session.snapshots |= WIRE_SNAPSHOT_AT_MARK; return true;
    case OPTION_CHECKPOINT_EVERY:
        r->checkpoints = (struct checkpoints_options){.given = true, .every = options_count(o, 0, UINT64_MAX)};
        return true;
    case OPTION_STRICT_ORDER: r->session.strict_order = true; return true;
    case OPTION_VERIFY_UNWIND: r->session.verify_unwind = (uint32_t)options_count(o, 1, UINT32_MAX); return true;
    case OPTION_PAUSED: r->control.paused = r->session.paused = true; return true;
    case OPTION_RULES: rules_set(r, o); return true;
    case OPTION_LIMITS: limits_add(r, o); return true;
    case OPTION_SAMPLE: sample_set(r, o); return true;
    case OPTION_FOLLOW: follow_set(r, o->argument); return true;
    }
    return bounds_option(&r->bounds, o, key);
}

void record_find_shim(struct record_options *r)
{
    const char *why = shim_find(r->preload_path, sizeof r->preload_path);
    if (why)
        message_fail(EXIT_SOURCE, "%s", why);
    r->session.preload_path = r->preload_path;
}

static void refuse_session(int error)
{
    const struct segment_shortage *s = segment_shortage();
    const char *more = session_error_text();
    if (error == -ENOSPC && s->needed_bytes)
        message_fail(EXIT_SOURCE, "%s has %llu KiB free and %llu KiB are needed; free some, or name another directory in OWNSCOPE_SHM",
                     s->directory, (unsigned long long)s->free_bytes >> 10, (unsigned long long)(s->needed_bytes + 1023) >> 10);
    if (error == -EPERM)
        message_fail(EXIT_SOURCE, "the session directory is not safe to use%s%s; set OWNSCOPE_DIR to a directory of yours with mode 0700",
                     *more ? ": " : "", more);
    if (error == -EBUSY)
        message_fail(EXIT_SOURCE, "another collector serves this session%s%s; ownscope serve --takeover asks it to hand the session over", *more ? ": " : "", more);
    message_fail(EXIT_SOURCE, "no session can be made: %s%s%s; OWNSCOPE_DIR and OWNSCOPE_SHM choose other places",
                 strerror(-error), *more ? ": " : "", more);
}

/* Shared memory that is not where everybody looks for it. Never silently: such a place may be a disk. */
static void place_say(const struct session *s)
{
    const char *path = session_segment_path(s), *only = getenv("OWNSCOPE_SHM"), *why;
    uint64_t room = segment_place_free("/dev/shm", &why);
    if ((only && *only) || !strncmp(path, "/dev/shm/", 9))
        return;
    if (room)
        message("/dev/shm has only %llu KiB free: the session's memory is the file %s", (unsigned long long)room >> 10, path);
    else
        message("/dev/shm cannot be used, %s: the session's memory is the file %s", why, path);
}

void record_say_yielded(struct collector *c)
{
    const char *to = collector_yielded(c);
    if (to)
        message("%s has taken session %s over; all so far is in %s, and the report is its own", to,
                session_name(collector_session(c)), collector_trace_path(c));
    else
        message("another collector has taken this session over; the report is its own");
}

struct collector *record_open(const struct collector_options *o)
{
    struct collector *c;
    enum collector_step step;
    int r;
    session_sweep(SESSION_KEPT_NS);
    r = collector_open(&c, o, &step);
    if (!r && !o->attach)
        place_say(collector_session(c));
    if (!r)
        return c;
    if (step == COLLECTOR_SESSION)
        refuse_session(r);
    if (step == COLLECTOR_CONTROL)
        message_fail(EXIT_SOURCE, "the rules cannot be put to use: %s", r == -E2BIG || r == -EINVAL ? "there are too many" : strerror(-r));
    if (r == -EBADMSG)
        message_fail(EXIT_SOURCE, "the trace cannot be gone on with: %s", trace_error_text(NULL));
    message_fail(EXIT_SOURCE, "cannot write the trace %s: %s; choose another place with -o",
                 o->trace_path ? o->trace_path : "of that session",
                 r == -ENOTSUP ? "it is no regular file, beside which others could be kept" : strerror(-r));
}

static void write_json(const json_t *doc, const char *path)
{
    FILE *out = fopen(path, "we");
    if (!out || json_dumpf(doc, out, JSON_INDENT(1)) || fputc('\n', out) == EOF || fclose(out))
        message("cannot write the report to %s: %s", path, strerror(errno));
}

/* The findings one by one, each with what would silence it. */
static void generate(const struct view *v, const struct doc_context *c, const struct doc_options *o, const struct table_style *style)
{
    struct doc_options every = *o;
    every.sites = UINT32_MAX;
    every.blocks = true;
    json_t *doc = doc_findings(v, c, &every);
    fputc('\n', stderr);
    table_findings(stderr, doc, style);
    json_decref(doc);
}

static struct record_verdict judge(const struct view *v, const struct doc_context *c, const struct verdict *verdict)
{
    struct leak_book book;
    struct frames *f = frames_new(c->symbols, v, NULL);
    const struct view *kept = leak_book_open_end(&book, v, f, verdict->fail_on.leak_kinds, verdict->suppressions);
    struct record_verdict said = {.broken = verdict_text(verdict->fail_on.rules, &book.all, kept)};
    said.unanswered = verdict_unanswered(&verdict->fail_on, v, c, &said.fails);
    leak_book_close(&book);
    frames_free(f);
    return said;
}

/* What became of the rules that held at the end. */
static void rules_say(struct collector *c, const struct table_style *style)
{
    json_t *rules = control_rules(collector_control(c));
    if (json_array_size(rules))
        ctl_print_rules(stderr, rules, style);
    json_decref(rules);
}

struct record_verdict record_summary(struct collector *c, const struct record_options *r)
{
    const struct verdict *verdict = &r->verdict;
    const char *unwritten = bounds_unwritten(c);
    struct doc_context context = {.meta = collector_meta(c), .trace_path = unwritten ? NULL : collector_trace_path(c),
                                  .unwritten_events = collector_trace_dropped(c), .complete = true};
    struct doc_options options = {.suppressions = verdict->suppressions};
    struct table_style style;
    struct view *v;
    json_t *doc = NULL;

    if (collector_trace_error(c))
        message("the trace %s ends early: %s; %llu events are in this report and not in the file", collector_trace_path(c),
                strerror(-collector_trace_error(c)), (unsigned long long)collector_trace_dropped(c));
    if (unwritten && !r->quiet)
        message("%s", unwritten);
    if (r->quiet && !r->json && !verdict->fail_on.rules && verdict->gen == GEN_NO && !verdict->verbose)
        return (struct record_verdict){0};
    v = collector_last_view(c);
    context.duration_ns = v->at_ns;
    context.symbols = symbols_new();
    if (!r->quiet || r->json || verdict->verbose)
        doc = doc_report(v, &context, &options);
    table_style_init(&style, stderr, message_colour(stderr, false));
    style.brief = true;
    style.ask = verdict_ask(verdict);
    if (!r->quiet)
        table_report(stderr, doc, &style);
    if (!r->quiet)
        rules_say(c, &style);
    if (verdict->gen != GEN_NO)
        generate(v, &context, &options, &style);
    if (verdict->verbose)
        table_suppressions(stderr, doc, &style);
    if (r->json)
        write_json(doc, r->json);
    struct record_verdict said = judge(v, &context, verdict);
    json_decref(doc);
    symbols_free(context.symbols);
    view_free(v);
    return said;
}
