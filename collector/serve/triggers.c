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

void triggers_begin(struct triggers *t, const struct trigger_options *o) { *t = (struct triggers){ .options = *o }; }

void triggers_end(struct triggers *t)
{
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
            t->gone[t->n_gone++] = events[i].process;
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

static char *end_text(const struct graph *g, uint32_t process)
{
    int status;
    switch (graph_process_end(g, process, &status)) {
    case GRAPH_END_SAID:
        return WIFSIGNALED(status) ? xasprintf("signal %d (%s) ended process p%" PRIu32, WTERMSIG(status),
                                               strsignal(WTERMSIG(status)), process) : NULL;
    default:
        return NULL;
    }
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
    for (size_t i = 0; i < t->n_gone; i++)
        add(&all, end_text(g, t->gone[i]));
    t->n_gone = 0;
    if (t->options.rss_bytes && now_ns - t->rss_ns >= RSS_EVERY_NS) {
        t->rss_ns = now_ns;
        sizes_look(t, s, &all);
    }
    return all;
}
