/*
 * collector/serve/policy_names.c - functions of rules by name: asked for by the ingest
 * thread, looked up in a thread of its own, a module at a time.
 *
 * First all modules' symbol tables, then debug information, for what was inlined. Answers
 * are kept as long as a rule asks the same. What the look-up touches is its job alone.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "serve/aside.h"
#include "serve/policy_names.h"
#include "symbols/seek.h"

enum { PATTERNS_AT_ONCE = 64 /* a bit each */, FOUND_MAX = 1 << 20 };

enum answer_state { ANSWER_ASKED, ANSWER_TABLES /* debug information is still to be asked */, ANSWER_WHOLE };

struct answers { struct names_answer *at; size_t n, capacity; };

struct found { uint64_t which, begin, end; };
struct job {
    uint32_t module;
    char *path;
    uint8_t build_id[CODE_BUILD_ID_MAX];
    size_t build_id_bytes;
    bool inlined;
    char *patterns[PATTERNS_AT_ONCE];
    size_t n;
    struct found *found; size_t n_found, capacity;
    enum symbols_state state;
    const atomic_u32 *stop;
};

struct policy_names {
    struct session *session;
    const struct code *code;
    struct answers *modules;    /* by id */
    size_t n_modules;
    size_t waiting;             /* answers that are not whole */
    uint64_t turn;
    struct job job;
    struct aside aside;
    bool working;
    atomic_u32 stop;
};

struct policy_names *names_find_new(struct session *s, const struct code *code)
{
    struct policy_names *n = xcalloc(1, sizeof *n);
    n->session = s;
    n->code = code;
    return n;
}

static void job_clear(struct job *j)
{
    for (size_t i = 0; i < j->n; i++)
        free(j->patterns[i]);
    free(j->path);
    free(j->found);
    *j = (struct job){0};
}

static void answer_clear(struct names_answer *a)
{
    free(a->pattern);
    free(a->at);
}

void names_find_free(struct policy_names *n)
{
    if (!n)
        return;
    store_relaxed(&n->stop, 1);
    aside_ended(&n->aside, true);
    job_clear(&n->job);
    for (size_t m = 0; m < n->n_modules; m++) {
        for (size_t i = 0; i < n->modules[m].n; i++)
            answer_clear(&n->modules[m].at[i]);
        free(n->modules[m].at);
    }
    free(n->modules);
    free(n);
}

/* ---- the look-up, in its own thread ---- */

static uint64_t which(void *context, const char *function, const char *linkage)
{
    const struct job *j = context;
    uint64_t bits = 0;
    for (size_t i = 0; i < j->n; i++)
        bits |= (uint64_t)symbols_name_matches(j->patterns[i], function, linkage) << i;
    return bits;
}

static void found(void *context, uint64_t bits, uint64_t begin, uint64_t end)
{
    struct job *j = context;
    if (begin >= end || j->n_found == FOUND_MAX)
        return;
    j->found = xgrow(j->found, &j->capacity, j->n_found + 1, sizeof *j->found);
    j->found[j->n_found++] = (struct found){bits, begin, end};
}

static void look_up(void *context)
{
    struct job *j = context;
    const struct symbols_seek seek = {.which = which, .found = found, .context = j, .inlined = j->inlined, .stop = j->stop};
    j->state = symbols_seek(j->path, j->build_id, j->build_id_bytes, &seek);
}

/* ---- what is known ---- */

static struct answers *answers_of(struct policy_names *n, uint32_t module)
{
    if (module >= n->n_modules) {
        size_t want = module + 64;
        n->modules = xrealloc(n->modules, want * sizeof *n->modules);
        memset(n->modules + n->n_modules, 0, (want - n->n_modules) * sizeof *n->modules);
        n->n_modules = want;
    }
    return &n->modules[module];
}

static struct names_answer *answer_find(const struct answers *m, const char *pattern)
{
    for (size_t i = 0; i < m->n; i++)
        if (!strcmp(m->at[i].pattern, pattern))
            return &m->at[i];
    return NULL;
}

const struct names_answer *names_ask(struct policy_names *n, uint32_t module, const char *pattern)
{
    struct answers *m = answers_of(n, module);
    struct names_answer *a = answer_find(m, pattern);
    if (!a) {
        m->at = xgrow(m->at, &m->capacity, m->n + 1, sizeof *m->at);
        a = &m->at[m->n++];
        *a = (struct names_answer){.pattern = xstrdup(pattern)};
        n->waiting++;
    }
    a->turn = n->turn;
    return a;
}

/* Nobody asked for it any more, the last time that all was asked for. */
static void sweep(struct policy_names *n, struct answers *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (m->at[i].turn == n->turn) {
            m->at[kept++] = m->at[i];
            continue;
        }
        n->waiting -= m->at[i].state != ANSWER_WHOLE;
        answer_clear(&m->at[i]);
    }
    m->n = kept;
}

bool names_pending(const struct policy_names *n) { return n->waiting; }

/* ---- one job after the other ---- */

/* The first module with something to ask for of this state. */
static bool job_next(struct policy_names *n, enum answer_state state)
{
    for (size_t m = 0; m < n->n_modules; m++) {
        const struct code_module *module = code_module(n->code, (uint32_t)m);
        struct job *j = &n->job;
        for (size_t i = 0; i < n->modules[m].n && j->n < PATTERNS_AT_ONCE; i++)
            if (n->modules[m].at[i].state == state)
                j->patterns[j->n++] = xstrdup(n->modules[m].at[i].pattern);
        if (!j->n)
            continue;
        j->module = (uint32_t)m;
        j->path = xstrdup(module ? module->path : "");
        j->build_id_bytes = module ? module->build_id_bytes : 0;
        memcpy(j->build_id, module ? module->build_id : j->build_id, j->build_id_bytes);
        j->inlined = state == ANSWER_TABLES;
        j->stop = &n->stop;
        return true;
    }
    return false;
}

static enum names_news job_take(struct policy_names *n)
{
    struct job *j = &n->job;
    struct answers *m = &n->modules[j->module];
    enum names_news news = NAMES_NO_NEWS;
    for (size_t k = 0; k < j->n; k++) {
        struct names_answer *a = answer_find(m, j->patterns[k]);
        if (!a)
            continue; /* nobody wants to know any more */
        for (size_t i = 0; i < j->n_found; i++) {
            if (!(j->found[i].which >> k & 1))
                continue;
            a->at = xgrow(a->at, &a->capacity, a->n + 1, sizeof *a->at);
            a->at[a->n++] = (struct names_span){j->found[i].begin, j->found[i].end};
            news = NAMES_FOUND;
        }
        a->state = !j->inlined && j->state == SYMBOLS_DEBUG ? ANSWER_TABLES : ANSWER_WHOLE;
        a->whole = a->state == ANSWER_WHOLE;
        n->waiting -= a->whole;
        if (a->whole && news == NAMES_NO_NEWS)
            news = NAMES_NO_MORE;
    }
    job_clear(j);
    return news;
}

static void job_start(struct policy_names *n)
{
    if (n->working || !n->waiting || !(job_next(n, ANSWER_ASKED) || job_next(n, ANSWER_TABLES)))
        return;
    n->working = true;
    aside_start(&n->aside, n->session, look_up, &n->job);
}

void names_begin(struct policy_names *n) { n->turn++; }

void names_end(struct policy_names *n)
{
    for (size_t m = 0; m < n->n_modules; m++)
        sweep(n, &n->modules[m]);
    job_start(n);
}

enum names_news names_round(struct policy_names *n)
{
    enum names_news news = NAMES_NO_NEWS;
    if (n->working) {
        if (!aside_ended(&n->aside, false))
            return NAMES_NO_NEWS;
        n->working = false;
        news = job_take(n);
    }
    job_start(n);
    return news;
}
