/*
 * collector/cli/cmd_plan.c - `ownscope plan`: from a trace, or from a while of a live process, a rules file that fits a budget
 * of CPU and keeps what matters.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "event/xalloc.h"
#include "export/plan.h"
#include "serve/measure.h"
#include "wire/clock.h"

enum { SECONDS = 60 };
/* Of trace: samples are less alike than what they are taken of, so a trace of everything does not tell. */
enum { EVENT_BYTES = 3, FIXED_BYTES = 900 /* a second */ };

/* CPU that a process has used, in s; -1: not known. */
static double cpu_of(unsigned pid)
{
    char path[64], text[1024], *p;
    unsigned long user, kernel;
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = 0;
    p = strrchr(text, ')');
    if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2)
        return -1;
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static void sleep_s(uint64_t seconds)
{
    struct timespec t = { .tv_sec = (time_t)seconds };
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

/* Asks for what happens in the next while. The CPU is read before the report, which costs, is made. */
static void watch(struct reading *r, uint64_t seconds, struct plan_ask *ask)
{
    static char since[32];
    json_t *before = reading_ask(r, "status");
    uint64_t began_ns = wire_clock_monotonic_ns();
    double used = cpu_of(r->pid);
    snprintf(since, sizeof since, "%lldns", (long long)json_integer_value(json_object_get(before, "at_ns")));
    json_decref(before);
    sleep_s(seconds);
    double now = cpu_of(r->pid), slept_ns = (double)(wire_clock_monotonic_ns() - began_ns);
    if (used >= 0 && now > used)
        ask->program_cpu = (now - used) * 1e9 / slept_ns;
    r->query.since = since;
    r->query.changes = true;
}

static struct plan_model model_of(const struct measure_model *m)
{
    return (struct plan_model){ m->record_ns, m->sparse_ns, m->passed_ns, m->tried_ns, m->collector_ns, m->fixed_ns };
}

static double cpu_share(const struct options *o)
{
    char *end;
    double share = strtod(o->argument, &end);
    if (end == o->argument || strcmp(end, "%") || !(share > 0 && share <= 1000))
        options_fail(o, "--cpu takes parts of the program's own CPU, as 3%%, not '%s'", o->argument);
    return share / 100;
}

int cmd_plan(int argc, char **argv)
{
    struct reading r;
    struct plan_ask ask = { .cpu = 0.03 };
    uint64_t seconds = SECONDS;
    struct options o;
    options_start(&o, &usage_plan, argc, argv);
    for (int key; (key = options_next(&o)) >= 0;)
        if (key == OPTION_CPU)
            ask.cpu = cpu_share(&o);
        else if (key == OPTION_SECONDS)
            seconds = options_count(&o, 1, 86400);
    optind = 0;
    reading_start(&r, &usage_plan, argc, argv);
    reading_one_source(&r);
    if (r.pid)
        watch(&r, seconds, &ask);
    r.query.top = 0;
    r.query.top_given = true;
    json_t *doc = reading_document(&r, "report", doc_report);
    char *source = r.pid ? xasprintf("process %u", r.pid) : xstrdup(r.origin.path);
    ask.source = source;
    ask.usual = model_of(&MEASURE_USUAL);
    ask.most = model_of(&MEASURE_MOST);
    ask.event_bytes = EVENT_BYTES;
    ask.fixed_bytes = FIXED_BYTES;
    char *rules = doc ? plan_rules(doc, &ask) : NULL;
    json_decref(doc);
    if (!rules)
        message_fail(EXIT_NOTHING, "nothing was allocated in %s: there is nothing to plan", source);
    FILE *out = r.output ? fopen(r.output, "we") : stdout;
    if (!out)
        message_fail(EXIT_SOURCE, "cannot write %s: %s", r.output, strerror(errno));
    fputs(rules, out);
    free(rules);
    int status = message_finish_output(out, r.output ? r.output : "standard output", EXIT_FOUND);
    free(source);
    return status;
}
