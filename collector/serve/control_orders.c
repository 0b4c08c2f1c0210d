/*
 * collector/serve/control_orders.c - orders on their way: from the threads that bring them (API) to the ingest
 * thread, which carries them out in their order, and back with an answer.
 *
 * An order lies on the stack of its thread, which leaves when it is `done`. An emergency stop is carried out by the
 * thread that brings it; what the ingest thread gets is a note, which is its own, and which comes before all
 * orders that wait.
 */
#include "serve/control_state.h"
#include "serve/budget.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/directory.h"

/* ---- who asks ---- */

/* The name of a process, for people: plain ASCII. */
static void comm_read(pid_t pid, char comm[CONTROL_COMM + 1])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, comm, CONTROL_COMM);
    if (fd >= 0)
        close(fd);
    if (n > 0 && comm[n - 1] == '\n')
        n--;
    comm[n > 0 ? n : 0] = 0;
    for (char *p = comm; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
}

/* One line of plain text, as it will be printed. */
static bool words_plain(const char *words)
{
    json_t *text = json_string(words);  /* NULL: no UTF-8 */
    bool plain = text && strlen(words) <= CONTROL_WORDS_MAX;
    for (; plain && *words; words++)
        plain = (unsigned char)*words >= ' ' && *words != 0x7f;
    json_decref(text);
    return plain;
}

/* ---- answers ---- */

static json_t *text_take(char *text)
{
    json_t *t = json_string(text);
    free(text);
    return t ? t : json_string("?");
}

static json_t *limits_answer(const struct control *c)
{
    json_t *limits = limits_json(c->limits);
    json_object_set_new(limits, "text", text_take(limits_text(limits_spec_of(c->limits))));
    return limits;
}

json_t *control_rules(const struct control *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_rules; i++) {
        const struct rule *r = &c->rules[i];
        bool spent = false;
        uint64_t hits = policy_hits(c->policy, r->number, &spent);
        json_array_append_new(list, json_pack("{s:I, s:o, s:I, s:b, s:b}", "number", (json_int_t)r->number, "rule", text_take(rule_text(r)),
                                              "hits", (json_int_t)hits, "spent", spent, "unmet", policy_unmet(c->policy, r->number)));
    }
    return list;
}

static json_t *log_list(const struct control *c)
{
    static const char *const kinds[] = { "?", "verb", "limit", "budget", "promise" };
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_log; i++)
        json_array_append_new(list, json_pack("{s:I, s:s, s:o}", "ns", (json_int_t)c->log[i].ns, "kind", kinds[c->log[i].kind],
                                              "text", text_take(xstrdup(c->log[i].text))));
    return list;
}

static json_t *list_answer(const struct control *c)
{
    json_t *o = json_pack("{s:i, s:s, s:I, s:I, s:o, s:o, s:o}", "ownscope", 1, "state", control_state_name(c->state),
                          "since_ns", (json_int_t)c->since_ns, "recorded_ns", (json_int_t)c->recorded_ns, "rules", control_rules(c),
                          "limits", limits_answer(c), "log", log_list(c));
    json_object_set_new(o, "all_drops", json_boolean(policy_all_drops(c->policy)));
    if (c->promise)
        json_object_set_new(o, "promise", text_take(xstrdup(c->promise)));
    return o;
}

static json_t *order_answer(const struct control *c, const struct order *o, enum event_recording state)
{
    uint64_t now_ns = control_clock_ns();
    json_t *a = json_pack("{s:i, s:s, s:s, s:s, s:I}", "ownscope", 1, "verb", control_verbs[o->verb], "state", control_state_name(state),
                          "was", control_state_name(o->was), "took_ns", (json_int_t)(now_ns - o->began_ns));
    if (o->waits || o->verb == CONTROL_EMERGENCY) {
        json_object_set_new(a, "settled", json_boolean(o->settled));
        json_object_set_new(a, "quiet_ns", o->settled ? json_integer((json_int_t)o->quiet_ns) : json_null());
        if (!o->settled && o->waits_for)
            json_object_set_new(a, "waits_for", json_string(o->waits_for));
    }
    return a;
}

static json_t *answer_make(const struct control *c, const struct order *o)
{
    if (o->verb == CONTROL_LIST)
        return list_answer(c);
    json_t *a = order_answer(c, o, c->state);
    json_object_set_new(a, "at_ns", json_integer((json_int_t)session_now_ns(c->host.session)));
    if (o->verb == CONTROL_TRACE && o->number) {
        json_object_set_new(a, "number", json_integer(o->number));
        json_object_set_new(a, "rule", text_take(xstrdup(o->rule)));
        json_object_set_new(a, "unmet", json_boolean(o->settled && policy_unmet(c->policy, o->number)));
    }
    if (o->verb == CONTROL_LIMITS)
        json_object_set_new(a, "limits", limits_answer(c));
    if (o->verb == CONTROL_TRACE || o->verb == CONTROL_UNTRACE)
        json_object_set_new(a, "rules", json_integer((json_int_t)c->n_rules));
    return a;
}

/* The ingest thread; the order is no longer its own. */
static void answer(struct control *c, struct order *o)
{
    if (!o->result)
        o->answer = answer_make(c, o);
    free(o->rule);
    pthread_mutex_lock(&c->lock);
    o->done = true;
    pthread_cond_broadcast(&c->answered);
    pthread_mutex_unlock(&c->lock);
}

/* ---- the ingest thread ---- */

static struct order *order_next(struct control *c)
{
    pthread_mutex_lock(&c->lock);
    struct order *o = c->first;
    if (o && !(c->first = o->next))
        c->last = &c->first;
    c->notes -= o && o->note;
    pthread_mutex_unlock(&c->lock);
    return o;
}

static void note_free(struct order *o)
{
    free((char *)o->words);
    free(o->error);
    free(o);
}

/* What is settled is what was ordered last, and so is all before it. */
static void settling_look(struct control *c)
{
    struct order *o;
    if (!c->settling)
        return;
    const char *waits_for = policy_waits_for(c->policy);
    bool settled = !waits_for;
    uint64_t now_ns = control_clock_ns();
    struct order **at = &c->settling;
    while ((o = *at)) {
        if (!settled && now_ns < o->until_ns) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        o->settled = settled;
        o->waits_for = waits_for;
        o->quiet_ns = now_ns - o->published_ns;
        answer(c, o);
    }
}

static void order_settles(struct control *c, struct order *o)
{
    struct order **at = &c->settling;
    while (*at)
        at = &(*at)->next;
    o->next = NULL;
    o->until_ns = o->published_ns + CONTROL_SETTLE_NS;
    *at = o;
}

/* The note of an emergency stop; not that one was refused. */
static bool is_stop(const struct order *o) { return o->note && o->verb == CONTROL_EMERGENCY && !o->result; }

/* Who stopped it past its collector has left a line, "NS WHO": when, by CLOCK_MONOTONIC; 0: nobody knows. */
static uint64_t stopped_by(const struct control *c, char **who)
{
    char *text = session_file_take(session_name(c->host.session), "emergency"), *end;
    uint64_t ns = text ? strtoull(text, &end, 10) : 0;
    if (text && *end == ' ')
        end++;
    if (text)
        end[strcspn(end, "\n")] = 0;
    *who = text && words_plain(end) ? xstrndup(end, 200) : xstrdup("nobody knows who");
    free(text);
    return ns < control_clock_ns() ? ns : 0;
}

static void emergency_see(struct control *c)
{
    char *who;
    enum event_recording was = c->state;
    if (was == EVENT_EMERGENCY || !session_is_emergency(c->host.session))
        return;
    pthread_mutex_lock(&c->lock);
    bool noted = c->stopping || (c->first && is_stop(c->first));
    pthread_mutex_unlock(&c->lock);
    if (noted)
        return;
    uint64_t at_ns = stopped_by(c, &who);
    control_emergency(c, at_ns ? at_ns : control_clock_ns());
    char *text = xasprintf("emergency-stop (%s): by the segment, past the collector", who);
    control_tell(c, EVENT_CONTROL_VERB, was, text);
    free(text);
    free(who);
}

static void note_told(struct control *c, uint64_t *told)
{
    pthread_mutex_lock(&c->lock);
    ++*told;
    pthread_cond_broadcast(&c->answered);
    pthread_mutex_unlock(&c->lock);
}

void control_orders_round(struct control *c)
{
    struct order *o;
    emergency_see(c);
    while ((o = order_next(c))) {
        if (o->verb == CONTROL_LIST) {
            answer(c, o);
            continue;
        }
        control_carry_out(c, o);
        if (o->note) {
            note_told(c, is_stop(o) ? &c->stops_told : &c->notes_told);
            note_free(o);
        } else if (o->waits && !o->result) {
            order_settles(c, o);
        } else {
            answer(c, o);
        }
    }
    settling_look(c);
}

bool control_hurries(const struct control *c) { return c->settling || c->nears; }

/* A start (names are looked up, memory is mapped) and an end (the heap is looked at) cost what no rule can help. */
enum { PROMISE_AFTER_NS = 1000000000 };

void control_promise_round(struct control *c, uint64_t now_ns)
{
    struct limits_input *to = &c->promise_to;
    if (!c->promise || now_ns < to->now_ns + PROMISE_AFTER_NS)
        return;
    c->host.measure(c->host.context, to);
    to->now_ns = now_ns;
    if (!c->promise_from.now_ns)
        c->promise_from = *to;
}

/* What was promised, once more, and what the CPU was: since the start was over, where it has lasted longer than that. */
static void promise_tell(struct control *c)
{
    const struct limits_input none = { 0 };
    struct limits_input in = c->promise_to;
    bool lasted = in.now_ns > c->promise_from.now_ns;
    if (!c->promise)
        return;
    if (!lasted) {
        c->host.measure(c->host.context, &in);
        in.now_ns = session_now_ns(c->host.session);
    }
    const struct limits_input *from = lasted ? &c->promise_from : &none;
    struct budget_cost cost = budget_cost_between(from, &in);
    double own = budget_cost_sum(&cost), ns = (double)(in.hooks_cpu_ns + in.passed_cpu_ns + in.collector_cpu_ns) -
                                                     (double)(from->hooks_cpu_ns + from->passed_cpu_ns + from->collector_cpu_ns);
    double seconds = in.now_ns > from->now_ns ? (double)(in.now_ns - from->now_ns) / 1e9 : 1;
    char *text = xasprintf("%s real cpu=%.2f%% processor=%.2f%% events/s=%.0f bytes/h=%.0f", c->promise, 100 * own, ns / seconds / 1e7,
                           (double)(in.events - from->events) / seconds, (double)(in.trace_bytes - from->trace_bytes) / seconds * 3600);
    control_tell(c, EVENT_CONTROL_PROMISE, c->state, text);
    free(text);
}

void control_end(struct control *c)
{
    struct order *o, *next;
    promise_tell(c);
    control_orders_round(c);
    pthread_mutex_lock(&c->lock);
    c->ended = true;
    pthread_mutex_unlock(&c->lock);
    control_orders_round(c);    /* what came meanwhile; nothing comes any more */
    for (o = c->settling; o; o = next) {
        next = o->next;
        answer(c, o);
    }
    c->settling = NULL;
}

/* ---- threads that bring orders ---- */

/* False: nobody carries it out any more. */
static bool order_send(struct control *c, struct order *o)
{
    pthread_mutex_lock(&c->lock);
    bool ended = c->ended || (o->note && !is_stop(o) && c->notes >= CONTROL_NOTES_MAX);
    c->notes += !ended && o->note;
    c->notes_came += !ended && o->note && !is_stop(o);
    if (is_stop(o))
        c->stopping--;
    if (!ended && is_stop(o)) {
        c->stops++;
        o->next = c->first;
        c->first = o;
        if (!o->next)
            c->last = &o->next;
    } else if (!ended) {
        o->next = NULL;
        *c->last = o;
        c->last = &o->next;
    }
    pthread_mutex_unlock(&c->lock);
    if (!ended)
        session_wake(c->host.session);
    return !ended;
}

static int order_ask(struct control *c, struct order *o)
{
    if (!order_send(c, o)) {
        o->error = xstrdup("the session is ending");
        return -ECANCELED;
    }
    pthread_mutex_lock(&c->lock);
    while (!o->done)
        pthread_cond_wait(&c->answered, &c->lock);
    pthread_mutex_unlock(&c->lock);
    return o->result;
}

/* The trace has all notes that came so far, if the ingest thread is not long in coming. */
static void note_wait(struct control *c, const uint64_t *came, const uint64_t *told, uint64_t most_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + most_ns;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&c->lock);
    uint64_t mine = *came;
    while (*told < mine && !c->ended && !pthread_cond_timedwait(&c->answered, &c->lock, &until))
        ;
    pthread_mutex_unlock(&c->lock);
}

/* At once; the stream is told of it afterwards. */
static void emergency_do(struct control *c, struct order *o)
{
    struct order *note = xcalloc(1, sizeof *note);
    char who[80] = "some hook may still be at its last record";
    uint32_t pid, tid;
    pthread_mutex_lock(&c->lock);
    c->stopping++;
    pthread_mutex_unlock(&c->lock);
    o->was = control_state(c);
    session_emergency(c->host.session);
    o->quiet_ns = session_wait_quiet(c->host.session, CONTROL_QUIET_NS);
    o->settled = o->quiet_ns != UINT64_MAX;
    if (!o->settled && session_acts(c->host.session, &pid, &tid))
        snprintf(who, sizeof who, "thread %u of process %u is still at its last record", tid, pid);
    *note = *o;
    o->waits_for = who;
    note->words = xstrdup("");
    note->note = true;
    if (order_send(c, note))
        note_wait(c, &c->stops, &c->stops_told, CONTROL_TOLD_NS);
    else
        note_free(note);
    o->answer = order_answer(c, o, EVENT_EMERGENCY);
}

static int verb_find(const char *verb)
{
    for (int i = 0; i < CONTROL_NAMES; i++)
        if (!strcmp(verb, control_verbs[i]))
            return i;
    return -1;
}

void control_note(struct control *c, const struct control_asker *who, const char *verb, const char *words, int error, const char *why)
{
    int v = verb_find(verb);
    struct order *o;
    if (v < 0 || !words_plain(words))
        return;
    o = xcalloc(1, sizeof *o);
    *o = (struct order){ .verb = (enum control_verb)v, .words = xstrdup(words), .who = *who, .note = true, .began_ns = control_clock_ns(),
                         .result = error, .error = why ? xstrdup(why) : NULL };
    comm_read(who->pid, o->comm);
    if (!order_send(c, o))
        note_free(o);
    else if (error != -EACCES) /* what comes after it stands after it; whom nobody knows waits for nobody here */
        note_wait(c, &c->notes_came, &c->notes_told, CONTROL_TOLD_NS);
}

static bool takes_words(int verb) { return verb == CONTROL_TRACE || verb == CONTROL_UNTRACE || verb == CONTROL_LIMITS; }

int control_do(struct control *c, const struct control_asker *who, const char *verb, const char *words, json_t **out, char **error)
{
    int v = verb_find(verb), e;
    struct order o = { .words = words, .who = *who, .began_ns = control_clock_ns() };
    *out = NULL;
    *error = NULL;
    if (v >= CONTROL_VERBS)
        v = -1;
    if (v < 0 || !words_plain(words) || (*words && !takes_words(v))) {
        *error = v < 0 ? xasprintf("there is no verb '%.60s'", verb)
                       : xasprintf(takes_words(v) ? "what %s takes is one line of plain text, of at most %d bytes" : "%s takes no words", verb,
                                   CONTROL_WORDS_MAX);
        return -EINVAL;
    }
    o.verb = (enum control_verb)v;
    comm_read(who->pid, o.comm);
    if (o.verb == CONTROL_EMERGENCY) {
        emergency_do(c, &o);
        e = 0;
    } else {
        e = order_ask(c, &o);
    }
    *out = o.answer;
    *error = o.error;
    return e;
}

json_t *control_list(struct control *c)
{
    struct order o = { .verb = CONTROL_LIST, .words = "" };
    if (order_ask(c, &o))
        free(o.error);
    return o.answer;
}

enum event_recording control_state(const struct control *c)
{
    return session_is_emergency(c->host.session) ? EVENT_EMERGENCY : (enum event_recording)load_relaxed(&c->shown);
}
