/*
 * collector/serve/policy_threads.c - rules of threads and processes: which are of each slot's
 * thread. Ingest thread.
 *
 * A thread is looked at when it comes, and again for a new name: the kernel has it, whoever
 * gave it. Threads of another pid namespace have no names here, only t3 and p1.
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "serve/policy_state.h"
#include "wire/clock.h"

/* Names are read again this often; of all threads together no more often than that. */
enum { NAME_AGE_NS = 100000000, READ_EVERY_NS = 2500000, EXE_MAX = 4096 };

struct seen {
    uint32_t thread;            /* whose the slot is; 0: nobody's yet */
    uint32_t rules;
    pid_t pid;
    uint64_t read_ns;
    char name[32];              /* "": not known */
    char *exe;                  /* path; NULL: not known */
};

struct policy_threads {
    struct seen *at; size_t n;  /* by slot */
    uint64_t read_ns;           /* when one was read again last */
};

struct policy_threads *threads_names_new(void) { return xcalloc(1, sizeof(struct policy_threads)); }

void threads_names_free(struct policy_threads *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        free(t->at[i].exe);
    free(t->at);
    free(t);
}

void threads_forget(struct policy_threads *t)
{
    for (size_t i = 0; i < t->n; i++)
        t->at[i].thread = 0;
}

/* ---- names ---- */

static bool name_read(pid_t pid, uint32_t tid, char *name, size_t room)
{
    char path[64];
    ssize_t n;
    snprintf(path, sizeof path, "/proc/%d/task/%u/comm", (int)pid, tid);
    int fd = pid ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    n = read(fd, name, room - 1);
    close(fd);
    if (n < 0)
        return false;
    name[n] = 0;
    name[strcspn(name, "\n")] = 0;
    return true;
}

static char *exe_read(pid_t pid)
{
    static const char deleted[] = " (deleted)";
    char link[64], path[EXE_MAX];
    ssize_t n;
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    n = pid ? readlink(link, path, sizeof path - 1) : -1;
    if (n <= 0)
        return NULL;
    size_t bytes = (size_t)n, tail = sizeof deleted - 1;
    path[bytes] = 0;
    if (bytes > tail && !strcmp(path + bytes - tail, deleted))
        path[bytes - tail] = 0;
    return xstrdup(path);
}

/* ---- rules ---- */

/* "t3" for 't' and 3, or "4711" for 4711. */
static bool word_is_number(const char *word, char letter, uint32_t number)
{
    char *end;
    if (letter && *word++ != letter)
        return false;
    if (*word < '0' || *word > '9')
        return false;
    unsigned long value = strtoul(word, &end, 10);
    return !*end && value && value == number;
}

static bool is_thread(const struct rule_words *words, const struct seen *s, uint32_t tid)
{
    for (size_t i = 0; i < words->n; i++) {
        const char *w = words->list[i];
        if (word_is_number(w, 't', s->thread) || word_is_number(w, 0, tid) || (s->name[0] && !fnmatch(w, s->name, 0)))
            return true;
    }
    return !words->n;
}

static bool is_process(const struct rule_words *words, const struct seen *s, uint32_t process)
{
    const char *slash = s->exe ? strrchr(s->exe, '/') : NULL, *last = slash ? slash + 1 : s->exe;
    for (size_t i = 0; i < words->n; i++) {
        const char *w = words->list[i];
        if (word_is_number(w, 'p', process) || (s->pid && word_is_number(w, 0, (uint32_t)s->pid)) ||
            (s->exe && (!fnmatch(w, last, 0) || !fnmatch(w, s->exe, 0))))
            return true;
    }
    return !words->n;
}

static uint32_t rules_of(const struct policy *p, const struct seen *s, uint32_t process, uint32_t tid)
{
    uint32_t rules = 0;
    for (size_t i = 0; i < p->spec.n_rules; i++) {
        const struct rule *r = &p->rules[i];
        if ((r->threads.n || r->processes.n) && is_thread(&r->threads, s, tid) && is_process(&r->processes, s, process))
            rules |= 1u << p->slot_of[i];
    }
    return rules;
}

/* ---- rounds ---- */

struct round { struct policy *p; bool all, named; uint64_t now_ns; };

/* True: it is another one than before, or has another name. */
static bool look(struct round *r, struct seen *s, uint32_t process, uint32_t thread, uint32_t tid)
{
    char name[sizeof s->name] = "";
    if (s->thread != thread) {
        free(s->exe);
        *s = (struct seen){.thread = thread, .pid = session_pid_of(r->p->host.session, process), .read_ns = r->now_ns};
        s->exe = exe_read(s->pid);
        name_read(s->pid, tid, s->name, sizeof s->name);
        return true;
    }
    if (!r->named || r->now_ns - s->read_ns < NAME_AGE_NS || r->now_ns - r->p->threads->read_ns < READ_EVERY_NS)
        return false;
    s->read_ns = r->p->threads->read_ns = r->now_ns;
    if (!name_read(s->pid, tid, name, sizeof name) || !strcmp(name, s->name))
        return false;
    strcpy(s->name, name);
    return true;
}

static void thread_round(void *context, uint32_t slot, uint32_t process, uint32_t thread, uint32_t tid)
{
    struct round *r = context;
    struct policy_threads *t = r->p->threads;
    if (slot >= WIRE_SLOTS_MAX || !thread)
        return;
    if (slot >= t->n) {
        size_t want = slot + 64;
        t->at = xrealloc(t->at, want * sizeof *t->at);
        memset(t->at + t->n, 0, (want - t->n) * sizeof *t->at);
        t->n = want;
    }
    struct seen *s = &t->at[slot];
    if (!look(r, s, process, thread, tid) && !r->all)
        return;
    s->rules = rules_of(r->p, s, process, tid);
    session_thread_rules(r->p->host.session, slot, s->rules);
}

void threads_round(struct policy *p, bool all)
{
    struct round r = {.p = p, .all = all, .now_ns = wire_clock_monotonic_ns()};
    bool any = false;
    for (size_t i = 0; i < p->spec.n_rules; i++) {
        any |= p->rules[i].threads.n || p->rules[i].processes.n;
        r.named |= p->rules[i].threads.n > 0;
    }
    if (any)
        session_each_thread(p->host.session, thread_round, &r);
}
