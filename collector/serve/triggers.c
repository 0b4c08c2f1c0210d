/*
 * collector/serve/triggers.c - see triggers.h.
 */
#include "serve/triggers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "graph/view.h"

enum { RUNNING_MOST = 4096, LARGE_PART = 10 };  /* a process is large again once it was a tenth below the bound */
#define RSS_EVERY_NS 1000000000ull
#define END_WAIT_NS 2000000000ull   /* until its parent has waited for a process */

void triggers_begin(struct triggers *t, const struct trigger_options *o) { *t = (struct triggers){ .options = *o }; }

void triggers_end(struct triggers *t)
{
    ends_clear(&t->ends);
    free(t->gone);
    free(t->large);
    *t = (struct triggers){ 0 };
}

void triggers_see(struct triggers *t, const struct event *events, size_t count)
{
    if (!t->options.signal)
        return;
    for (size_t i = 0; i < count; i++)
        if (events[i].type == EVENT_PROCESS_GONE) {
            t->gone = xgrow(t->gone, &t->gone_capacity, t->n_gone + 1, sizeof *t->gone);
            t->gone[t->n_gone++] = (struct gone){ .process = events[i].process, .ns = events[i].ns };
        } else if (events[i].type == EVENT_PROCESS_START) {
            t->started = true;
        }
}

/* Takes `text` over. */
static void add(char **all, char *text)
{
    if (!text)
        return;
    if (!*all) {
        *all = text;
        return;
    }
    char *longer = xasprintf("%s; %s", *all, text);
    free(*all);
    free(text);
    *all = longer;
}

static char *end_text(int status, uint32_t process)
{
    return WIFSIGNALED(status) ? xasprintf("signal %d (%s) ended process p%" PRIu32, WTERMSIG(status),
                                           strsignal(WTERMSIG(status)), process) : NULL;
}

/* False: how it ended is not known yet. */
static bool end_told(struct triggers *t, const struct graph *g, const struct gone *gone, uint64_t now_ns, char **all)
{
    int status = 0, known = 1;
    if (graph_process_end(g, gone->process, &status) == GRAPH_END_UNSEEN)
        known = ends_status(&t->ends, gone->process, &status);
    if (!known && now_ns - gone->ns < END_WAIT_NS)
        return false;
    if (known > 0)
        add(all, end_text(status, gone->process));
    ends_forget(&t->ends, gone->process);
    return true;
}

static void ends_look(struct triggers *t, const struct graph *g, const struct session *s, uint64_t now_ns, char **all)
{
    size_t left = 0;
    if (t->started)
        ends_watch(&t->ends, s);
    t->started = false;
    for (size_t i = 0; i < t->n_gone; i++)
        if (!end_told(t, g, &t->gone[i], now_ns, all))
            t->gone[left++] = t->gone[i];
    t->n_gone = left;
}

static char *rules_text(uint32_t rules)
{
    char *names = NULL;
    for (unsigned i = 0; i < RULES; i++)
        if (rules & 1u << i)
            add(&names, xstrdup(rule_names[i]));
    if (!names)
        return NULL;
    char *text = xasprintf("finding %s", names);
    free(names);
    return text;
}

/* ---- sizes ---- */

static uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    unsigned long long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%*u %llu", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The place of a process among the large ones; n_large: it is none. */
static size_t large_place(const struct triggers *t, uint32_t process)
{
    size_t i = 0;
    while (i < t->n_large && t->large[i] != process)
        i++;
    return i;
}

/* True: it has passed the bound since the last look. */
static bool grew(struct triggers *t, uint32_t process, uint64_t bytes)
{
    size_t i = large_place(t, process);
    uint64_t bound = t->options.rss_bytes;
    if (i < t->n_large) {
        if (bytes < bound - bound / LARGE_PART)
            t->large[i] = t->large[--t->n_large];
        return false;
    }
    if (bytes <= bound)
        return false;
    t->large = xgrow(t->large, &t->large_capacity, t->n_large + 1, sizeof *t->large);
    t->large[t->n_large++] = process;
    return true;
}

static void sizes_look(struct triggers *t, const struct session *s, char **all)
{
    uint32_t list[RUNNING_MOST];
    size_t n = session_running(s, list, RUNNING_MOST);
    for (size_t i = 0; i < n && i < RUNNING_MOST; i++) {
        pid_t pid = session_pid_of(s, list[i]);
        uint64_t bytes = pid ? resident_bytes(pid) : 0;
        if (bytes && grew(t, list[i], bytes))
            add(all, xasprintf("process p%" PRIu32 " has %" PRIu64 " resident bytes, more than %" PRIu64, list[i], bytes,
                               t->options.rss_bytes));
    }
}

char *triggers_look(struct triggers *t, const struct graph *g, const struct session *s, uint64_t now_ns)
{
    char *all = NULL;
    add(&all, rules_text(graph_found(g, &t->seen) & t->options.rules));
    ends_look(t, g, s, now_ns, &all);
    if (t->options.rss_bytes && now_ns - t->rss_ns >= RSS_EVERY_NS) {
        t->rss_ns = now_ns;
        sizes_look(t, s, &all);
    }
    return all;
}
