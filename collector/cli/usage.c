/*
 * collector/cli/usage.c - what every command takes, as data.
 *
 * Texts fit a line of 80 columns; the man pages say more. tests/e2e/docs.sh
 * checks that the pages and these tables name the same options.
 */
#include "cli/command.h"

#include <string.h>

#include "cli/message.h"

#define END { 0, NULL, NULL, NULL }
#define OPTION_SOURCE \
    { 'p', "pid", "PID", "ask the collector of this live process" }
#define OPTIONS_COLOUR \
    { OPTION_NO_COLOUR, "no-colour", NULL, "never use colour" }, \
    { OPTION_NO_COLOUR, "no-color", NULL, "the same" }
#define OPTIONS_DOCUMENT \
    { OPTION_JSON, "json", NULL, "print one JSON document" }, \
    { OPTION_AT, "at", "TIME", "the state at 350ms, event:N, mark:NAME, peak, end" }, \
    { OPTION_SINCE, "since", "TIME", "only what happened after this moment" }, \
    OPTIONS_COLOUR
#define OPTION_TOP \
    { 'n', "top", "N", "at most N rows a table (0: all)" }
#define OPTION_SILENCED \
    { OPTION_SUPPRESSIONS, "suppressions", "FILE", "findings not to hear of again" }, \
    { OPTION_DEFAULT_SUPPRESSIONS, "default-suppressions", "yes|no", "nor of what libc itself leaks (yes)" }
#define OPTION_GENERATED \
    { OPTION_GEN_SUPPRESSIONS, "gen-suppressions", "no|yes|all", "print what would silence each finding (no)" }
#define OPTIONS_RECORD \
    { OPTION_STACKS, "stacks", "full|caller|none", "how much of the stack to record (full)" }, \
    { OPTION_LOCKS, "locks", "on|off", "record locks and waits (on)" }, \
    { OPTION_COPIES, "copies", "MINBYTES|off", "record copies of at least so many bytes (256)" }, \
    { OPTION_ON_FULL, "on-full", "wait|drop", "when a ring is full (wait)" }, \
    { OPTION_WAIT_MS, "wait-ms", "N", "longest wait of a thread, in all (1000)" }, \
    { OPTION_SNAPSHOT_AT_EXIT, "snapshot-at-exit", NULL, "snapshot of the heap as a process ends (default)" }, \
    { OPTION_NO_SNAPSHOT_AT_EXIT, "no-snapshot-at-exit", NULL, "none" }, \
    { OPTION_SNAPSHOT_AT_MARK, "snapshot-at-mark", NULL, "snapshot at each mark" }, \
    { OPTION_SNAPSHOT, "snapshot", "copy|fork", "how memory is read (copy)" }, \
    { OPTION_CHECKPOINT_EVERY, "checkpoint-every", "EVENTS", "a state in the trace after so many (0: none)" }, \
    { OPTION_ROTATE, "rotate", "SIZE|TIME", "a next file when one is so large or old" }, \
    { OPTION_RING_ONLY, "ring-only", "[=SIZE]", "keep the last in memory, write on a trigger (64M)" }, \
    { OPTION_TRIGGER, "trigger", "WHAT,...", "signal, finding[=RULE,...], rss=SIZE, none" }, \
    { OPTION_KEEP, "keep", "N", "files of --rotate and --ring-only (8)" }, \
    { OPTION_PAUSED, "paused", NULL, "record nothing until ctl start" }, \
    { OPTION_RULES, "rules", "FILE", "what to trace: ownscope-rules(5)" }, \
    { OPTION_LIMITS, "limits", "K=V,...", "cpu=3%, events/s=100k, bytes=1G, rss=2G, time=1h" }, \
    { OPTION_SAMPLE, "sample", "BYTES", "a sample of memory: one block in so many bytes" }, \
    { OPTION_STRICT_ORDER, "strict-order", NULL, "stamp events with a serialising read" }, \
    { OPTION_VERIFY_UNWIND, "verify-unwind", "N", "compare every Nth stack with libunwind's" }

const struct usage usage_run = {
    .command = "run", .synopsis = "[--] PROGRAM [ARG...]",
    .summary = "run a program under the shim and record who owns its memory",
    .status = EXIT_SOURCE, .stop_at_word = true,
    .options = (const struct option_spec[]){
        { 'o', "output", "FILE", "the trace file (ownscope.NAME.PID.own)" },
        { 'q', "quiet", NULL, "no summary at the end" },
        { OPTION_JSON, "json", "FILE", "write the report as JSON when it ends" },
        OPTIONS_RECORD,
        { OPTION_SNAPSHOT_ON_SIGNAL, "snapshot-on-signal", NULL, "snapshot as a signal ends a process: by ptrace" },
        { OPTION_FOLLOW, "follow", "tree|none|NAME...", "programs that are traced after exec (tree)" },
        OPTION_SILENCED, OPTION_GENERATED,
        { OPTION_FAIL_ON, "fail-on", "RULE,...", "exit with an error when these rules were broken" },
        { OPTION_ERROR_EXITCODE, "error-exitcode", "N", "the exit status of --fail-on (99)" },
        { 'v', "verbose", NULL, "say which suppressions were used" },
        END } };

const struct usage usage_report = {
    .command = "report", .synopsis = "[SOURCE]",
    .summary = "totals, top sites, hand-offs, loss, coverage",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){ OPTION_SOURCE, OPTIONS_DOCUMENT, OPTION_TOP, OPTION_SILENCED, END } };

const struct usage usage_threads = {
    .command = "threads", .synopsis = "[SOURCE]",
    .summary = "what each thread made, dropped and owns; hand-offs",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){ OPTION_SOURCE, OPTIONS_DOCUMENT, OPTION_TOP, END } };

const struct usage usage_locks = {
    .command = "locks", .synopsis = "[SOURCE]",
    .summary = "who waits for whom; lock order; contention, wait and hold times",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){ OPTION_SOURCE, OPTIONS_DOCUMENT, OPTION_TOP, END } };

const struct usage usage_copies = {
    .command = "copies", .synopsis = "[SOURCE]",
    .summary = "bytes copied by site, flows between blocks",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){ OPTION_SOURCE, OPTIONS_DOCUMENT, OPTION_TOP, END } };

const struct usage usage_findings = {
    .command = "findings", .synopsis = "[SOURCE]",
    .summary = "the rules of ownership that were broken, with every stack",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        OPTION_SOURCE, OPTIONS_DOCUMENT, OPTION_TOP, OPTION_SILENCED, OPTION_GENERATED,
        { 'v', "verbose", NULL, "say which suppressions were used" },
        END } };

const struct usage usage_leaks = {
    .command = "leaks", .synopsis = "[SOURCE]",
    .summary = "what nothing holds any more, by leak class and stack",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        OPTION_SOURCE,
        { OPTION_CLASS, "class", "CLASS,...", "definite, possible, indirect, reachable; all" },
        { OPTION_PROCESS, "process", "ID", "only this process" },
        { OPTION_SINCE, "since", "TIME", "only blocks that were made after this moment" },
        { OPTION_JSON, "json", NULL, "print one JSON document" },
        { OPTION_AT, "at", "TIME", "by the newest snapshot of that moment" },
        OPTIONS_COLOUR, OPTION_TOP, OPTION_SILENCED, OPTION_GENERATED,
        { 'v', "verbose", NULL, "say which suppressions were used" },
        END } };

const struct usage usage_graph = {
    .command = "graph", .synopsis = "[SOURCE]",
    .summary = "who holds what: owners, holders, retained sizes, roots",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        OPTION_SOURCE,
        { OPTION_OF, "of", "ID|ADDR", "one node: who holds it, how, and what it holds" },
        { OPTION_BY, "by", "KEY", "in groups: type, site, module, thread, root" },
        { OPTION_DEPTH, "depth", "N", "levels of the tree (3)" },
        { OPTION_PROCESS, "process", "ID", "only this process" },
        { OPTION_JSON, "json", NULL, "print one JSON document" },
        { OPTION_SINCE, "since", "TIME", "only blocks that were made later count" },
        { OPTION_AT, "at", "TIME", "by the newest snapshot of that moment" },
        OPTIONS_COLOUR, OPTION_TOP, END } };

const struct usage usage_diff = {
    .command = "diff", .synopsis = "A B | --since TIME [SOURCE]",
    .summary = "what grew and what went, by site and type",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        OPTION_SOURCE,
        { OPTION_SINCE, "since", "TIME", "the first of two moments of one source" },
        { OPTION_AT, "at", "TIME", "the second one: 350ms, mark:NAME, peak, end" },
        { OPTION_FAIL_IF_GROWN, "fail-if-grown", "BYTES", "fail when more came, in all or in one place" },
        { OPTION_ERROR_EXITCODE, "error-exitcode", "N", "the exit status of that (99)" },
        { OPTION_JSON, "json", NULL, "print one JSON document" },
        OPTIONS_COLOUR, OPTION_TOP, END } };

const struct usage usage_events = {
    .command = "events", .synopsis = "[SOURCE]",
    .summary = "the ordered events, one a line",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        { 'n', "top", "N", "at most the first N events (0: all)" },
        { OPTION_TYPE, "type", "TYPE,...", "only new, drop, move, borrow, acquire, ..." },
        { OPTION_SITE, "site", "REGEX", "only where a function, file or module matches" },
        { OPTION_SIZE, "size", "MIN..MAX", "only memory of such a size: 4096, 4K..1M, 64K.." },
        { OPTION_ADDRESS, "address", "LOW..HIGH", "only what touches these addresses, or one" },
        { OPTION_THREAD, "thread", "ID", "only what this thread did" },
        { OPTION_PROCESS, "process", "ID", "only what this process did" },
        { OPTION_SINCE, "since", "TIME", "only what came after this moment" },
        { OPTION_AT, "at", "TIME", "up to 350ms, event:N, mark:NAME, peak, end" },
        { OPTION_JSON, "json", NULL, "print JSON Lines: one document an event" },
        OPTION_SOURCE, OPTIONS_COLOUR, END } };

const struct usage usage_history = {
    .command = "history", .synopsis = "[SOURCE] ID|ADDR",
    .summary = "the life of a block or lock: every event that touched it",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){ OPTION_SOURCE, OPTIONS_DOCUMENT, END } };

const struct usage usage_export = {
    .command = "export", .synopsis = "[SOURCE]",
    .summary = "the whole ownership graph as a document",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        OPTION_SOURCE,
        { 'f', "format", "FORMAT", "json (the default), dot, heapsnapshot" },
        { OPTION_OF, "of", "ID|ADDR", "dot: what is around this node" },
        { 'o', "output", "FILE", "write there instead of standard output" },
        { OPTION_EVENTS, "events", NULL, "with the events" },
        { OPTION_ALL, "all", NULL, "with the nodes that are gone" },
        { OPTION_AT, "at", "TIME", "the state at 350ms, event:N, mark:NAME, peak, end" },
        { OPTION_SINCE, "since", "TIME", "json: only what changed after this moment" },
        { OPTION_JSON, "json", NULL, "the same as -f json" },
        END } };

const struct usage usage_sql = {
    .command = "sql", .synopsis = "[SOURCE] [QUERY]",
    .summary = "questions in SQL: events, blocks, sites, threads, locks, edges",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        OPTION_SOURCE,
        { 'f', "format", "FORMAT", "table (the default), csv, json, lines" },
        { 'i', "input", "FILE", "read the questions there (-: standard input)" },
        { OPTION_AT, "at", "TIME", "the state at 350ms, event:N, mark:NAME, peak, end" },
        { OPTION_SINCE, "since", "TIME", "events and blocks that came after this moment" },
        { OPTION_JSON, "json", NULL, "the same as -f json" },
        { OPTION_STATS, "stats", NULL, "say how much of the trace was read" },
        OPTIONS_COLOUR, END } };

const struct usage usage_bisect = {
    .command = "bisect", .synopsis = "[SOURCE] CONDITION",
    .summary = "the first moment at which a condition on the state holds",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        OPTION_SOURCE,
        { OPTION_STEPS, "steps", "N", "moments looked at before halving (64)" },
        { OPTION_AT, "at", "TIME", "look no further than this moment" },
        { OPTION_SINCE, "since", "TIME", "look from this moment on" },
        { OPTION_JSON, "json", NULL, "print one JSON document" },
        OPTIONS_COLOUR, END } };

const struct usage usage_top = {
    .command = "top", .synopsis = "",
    .summary = "the live screen: threads, sites, locks, processes, findings",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        OPTION_SOURCE,
        { OPTION_SCREEN, "screen", "NAME", "threads, sites, locks, processes, findings" },
        { OPTION_DELAY, "delay", "TIME", "between two looks (1s)" },
        { OPTION_ONCE, "once", NULL, "print one picture as text" },
        { OPTION_BATCH, "batch", "N", "print so many" },
        { 'n', "top", "N", "rows in a printed picture (40; 0: all)" },
        OPTIONS_COLOUR, END } };

const struct usage usage_states = {
    .command = "states", .synopsis = "",
    .summary = "what each thread of a live process does now, and where it stands",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        OPTION_SOURCE,
        { OPTION_NATIVE, "stacks", NULL, "native ones too: each thread is stopped shortly" },
        { OPTION_THREAD, "thread", "ID", "only this thread" },
        { OPTION_PROCESS, "process", "ID", "only this process" },
        { OPTION_JSON, "json", NULL, "print one JSON document" },
        OPTIONS_COLOUR, END } };

const struct usage usage_ps = {
    .command = "ps", .synopsis = "",
    .summary = "live traced processes and their collectors",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        { OPTION_CLEAR, "clear", NULL, "first remove sessions that are dead" },
        { OPTION_JSON, "json", NULL, "print one JSON document" },
        OPTIONS_COLOUR, END } };

const struct usage usage_serve = {
    .command = "serve", .synopsis = "",
    .summary = "collect from programs started with LD_PRELOAD alone",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        { 'o', "output", "FILE", "the trace file (ownscope.serve.PID.own)" },
        { 'q', "quiet", NULL, "no summary at the end" },
        { OPTION_ATTACH, "attach", "NAME|PID", "take over a session whose collector died" },
        { OPTION_TAKEOVER, "takeover", NULL, "ask a living collector to hand over its own" },
        OPTIONS_RECORD,
        END } };

const struct usage usage_ctl = {
    .command = "ctl", .synopsis = "VERB [WORDS]",
    .summary = "control tracing while it runs: start stop status list trace RULE untrace N\n"
               "limits K=V reset emergency-stop snapshot dump mark NAME",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        { 'p', "pid", "PID", "the collector of this live process" },
        { OPTION_JSON, "json", NULL, "print one JSON document" },
        OPTIONS_COLOUR, END } };

const struct usage usage_plan = {
    .command = "plan", .synopsis = "[SOURCE]",
    .summary = "a rules file that fits a budget and keeps what matters",
    .status = EXIT_USAGE,
    .options = (const struct option_spec[]){
        OPTION_SOURCE,
        { OPTION_SECONDS, "seconds", "N", "with -p: how long to look (60)" },
        { OPTION_CPU, "cpu", "SHARE", "of the program's own CPU (3%)" },
        { 'o', "output", "FILE", "write there instead of standard output" },
        END } };

const struct usage usage_doctor = {
    .command = "doctor", .synopsis = "[[--] PROGRAM [ARG...]]",
    .summary = "what is possible here, what is not, and why",
    .status = EXIT_USAGE, .stop_at_word = true,
    .options = (const struct option_spec[]){
        { 'p', "pid", "PID", "look at this process too" },
        { OPTION_JSON, "json", NULL, "print one JSON document" },
        OPTIONS_COLOUR, END } };

const struct usage *const usages[] = {
    &usage_run, &usage_report, &usage_threads, &usage_locks, &usage_copies, &usage_findings, &usage_leaks, &usage_graph, &usage_diff, &usage_events, &usage_history,
    &usage_export, &usage_sql, &usage_bisect, &usage_top, &usage_states, &usage_ps, &usage_serve, &usage_ctl, &usage_plan, &usage_doctor, NULL
};

const struct usage *usage_find(const char *command)
{
    for (size_t i = 0; usages[i]; i++)
        if (strcmp(usages[i]->command, command) == 0)
            return usages[i];
    return NULL;
}

const struct option_spec *usage_option(const struct usage *u, const char *name, size_t name_bytes)
{
    for (const struct option_spec *s = u->options; s->name; s++)
        if (strlen(s->name) == name_bytes && memcmp(s->name, name, name_bytes) == 0)
            return s;
    return NULL;
}

const struct option_spec *usage_letter(const struct usage *u, int letter)
{
    for (const struct option_spec *s = u->options; s->name; s++)
        if (s->key == letter)
            return s;
    return NULL;
}

static void print_option(FILE *out, int key, const char *name, const char *argument, const char *text)
{
    char letter[4] = "   ", left[80];
    if (key < 128) {
        letter[0] = '-';
        letter[1] = (char)key;
        letter[2] = ',';
    }
    int n = snprintf(left, sizeof left, "  %s --%s%s%s", letter, name, argument && *argument != '[' ? " " : "", argument ? argument : "");
    if (n < 30)
        fprintf(out, "%-30s %s\n", left, text);
    else
        fprintf(out, "%s\n%31s%s\n", left, "", text);
}

void usage_print(FILE *out, const struct usage *u)
{
    fprintf(out, "usage: ownscope %s [OPTIONS]%s%s\n\n%s\n\noptions:\n", u->command,
            *u->synopsis ? " " : "", u->synopsis, u->summary);
    for (const struct option_spec *s = u->options; s->name; s++)
        if (s->text)
            print_option(out, s->key, s->name, s->argument, s->text);
    print_option(out, 'h', "help", NULL, "print this");
    fprintf(out, "\nmore: man ownscope-%s\n", u->command);
}
