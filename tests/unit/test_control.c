/*
 * tests/unit/test_control.c - orders to a session: which state follows which, what is refused and changes nothing, what
 * limits do, emergency stops from both sides, what the next collector goes on with. The session is a real one
 * without processes; what the policy answers and what limits say is this test's (wrapped at link time).
 */
/* LINK: -Wl,--wrap=policy_set -Wl,--wrap=limits_tick -Wl,--wrap=policy_waits_for */
#include "session_fixture.h"
#include "suite.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "serve/control_state.h"
#include "session/directory.h"

/* ---- what stands around it ---- */

static struct control *control;
static struct policy_spec published;
static uint32_t published_rules[WIRE_RULES_MAX];
static unsigned publications;
static int policy_error;
static bool settled;
static struct limits_verdict verdict;   /* of the next tick */
static unsigned ticks;
static uint64_t events_so_far;
static char told[64][1200];
static struct event told_events[64];
static size_t n_told;

int __wrap_policy_set(struct policy *p, const struct policy_spec *spec);
int __real_policy_set(struct policy *p, const struct policy_spec *spec);
const char *__wrap_policy_waits_for(struct policy *p);
void __wrap_limits_tick(struct limits *l, const struct limits_input *in, struct limits_verdict *out);

int __wrap_policy_set(struct policy *p, const struct policy_spec *spec)
{
    if (policy_error)
        return policy_error;
    if (session_is_emergency(session))
        return -EPERM;
    published = *spec;
    publications++;
    for (size_t i = 0; i < spec->n_rules; i++)
        published_rules[i] = spec->rules[i].number;
    return __real_policy_set(p, spec);
}
const char *__wrap_policy_waits_for(struct policy *p) { return settled ? NULL : "something"; }
void __wrap_limits_tick(struct limits *l, const struct limits_input *in, struct limits_verdict *out)
{
    *out = verdict;
    verdict.what = LIMITS_NOTHING;
    ticks++;
}

static void tell(void *context, const struct event *e)
{
    if (e->type != EVENT_CONTROL || n_told == 64)
        return;
    ck_assert_uint_lt(e->text_bytes, sizeof told[0]);
    memcpy(told[n_told], e->text, e->text_bytes);
    told[n_told][e->text_bytes] = 0;
    told_events[n_told++] = *e;
}
static void measure(void *context, struct limits_input *in) { in->events = events_so_far; }
static void counted(void *context, uint64_t *events, uint64_t *trace_bytes) { *events = events_so_far; *trace_bytes = 0; }
static bool live(void *context, void (*fn)(void *to, uint64_t address), void *to, uint64_t *count)
{
    *count = 0;
    return true;
}

static int control_open(struct control_options o, char **error)
{
    struct control_host host = { .session = session, .tell = tell, .measure = measure, .counted = counted,
                                 .policy = { .session = session, .code = code, .live = live, .tell = tell } };
    return control_new(&control, &host, &o, error);
}

static void begin(void)
{
    char *error;
    setup();
    settled = true;
    ticks = 0;
    publications = 0;
    policy_error = 0;
    n_told = 0;
    verdict.what = LIMITS_NOTHING;
    events_so_far = 0;
    ck_assert_int_eq(control_open((struct control_options){0}, &error), 0);
}

static void end(void)
{
    control_end(control);
    control_free(control);
    teardown();
}

/* ---- orders ---- */

struct asked { const char *verb, *words; int result; json_t *answer; char *error; pthread_t thread; atomic_u32 done; };

static void *ask_run(void *context)
{
    struct asked *a = context;
    struct control_asker who = { .uid = 12, .pid = getpid() };
    a->result = control_do(control, &who, a->verb, a->words, &a->answer, &a->error);
    store_release(&a->done, 1);
    return NULL;
}

static void ask(struct asked *a, const char *verb, const char *words)
{
    *a = (struct asked){ .verb = verb, .words = words };
    ck_assert_int_eq(pthread_create(&a->thread, NULL, ask_run, a), 0);
}

/* Until somebody's order is in the queue. */
static void queue_wait(void)
{
    for (bool any = false; !any; usleep(200)) {
        pthread_mutex_lock(&control->lock);
        any = control->first;
        pthread_mutex_unlock(&control->lock);
    }
}

static void answer_wait(struct asked *a)
{
    while (!load_acquire(&a->done)) {
        control_round(control, session_now_ns(session));
        usleep(200);
    }
    pthread_join(a->thread, NULL);
    control_round(control, session_now_ns(session)); /* notes */
}

/* The order's result; its answer is held against `state`, its reason against `says`. */
static int order(const char *verb, const char *words, const char *state, const char *says)
{
    struct asked a;
    ask(&a, verb, words);
    answer_wait(&a);
    ck_assert((a.answer != NULL) == !a.result && (a.error != NULL) == (a.result != 0));
    if (a.answer) {
        ck_assert_str_eq(json_string_value(json_object_get(a.answer, "verb")), verb);
        ck_assert_str_eq(json_string_value(json_object_get(a.answer, "state")), state);
    }
    ck_assert_msg(!says || (a.error && strstr(a.error, says)), "%s: %s", verb, a.error ? a.error : "-");
    ck_assert_str_eq(control_state_name(control_state(control)), state);
    json_decref(a.answer);
    free(a.error);
    return a.result;
}

static const char *last_told(void) { return n_told ? told[n_told - 1] : ""; }

static void told_last(const char *begins, unsigned kind, unsigned from, unsigned to)
{
    ck_assert_msg(!strncmp(last_told(), begins, strlen(begins)), "%s, not %s", last_told(), begins);
    ck_assert_uint_eq(told_events[n_told - 1].family, kind);
    ck_assert_uint_eq(told_events[n_told - 1].size, from);
    ck_assert_uint_eq(told_events[n_told - 1].address, to);
}

/* ---- tests ---- */

enum { EVERYTHING = WIRE_GATE_LIFE | WIRE_GATE_MEMORY | WIRE_GATE_LOCKS | WIRE_GATE_COPIES };

START_TEST(stop_and_start)
{
    ck_assert_int_eq(order("stop", "", "paused", NULL), 0);
    ck_assert_uint_eq(published.gate, WIRE_GATE_LIFE);
    told_last("stop (uid 12, pid ", EVENT_CONTROL_VERB, EVENT_RECORDING, EVENT_PAUSED);
    unsigned before = publications;
    ck_assert_int_eq(order("stop", "", "paused", NULL), 0);
    ck_assert_uint_eq(publications, before);
    ck_assert_int_eq(order("start", "", "recording", NULL), 0);
    ck_assert_uint_eq(published.gate, EVERYTHING);
    told_last("start (uid 12, pid ", EVENT_CONTROL_VERB, EVENT_PAUSED, EVENT_RECORDING);
    ck_assert_int_eq(order("start", "", "recording", NULL), 0);
    ck_assert_uint_eq(n_told, 4);
}
END_TEST

START_TEST(rules_come_and_go)
{
    ck_assert_int_eq(order("trace", "function=a", "recording", NULL), 0);
    ck_assert_int_eq(order("trace", "exclude function=b", "recording", NULL), 0);
    ck_assert_uint_eq(published.n_rules, 2);
    ck_assert_int_eq(order("trace", "colour=red", "recording", "colour"), -EINVAL);
    told_last("trace colour=red (uid 12", EVENT_CONTROL_VERB, EVENT_RECORDING, EVENT_RECORDING);
    ck_assert_ptr_nonnull(strstr(last_told(), ": refused: no key 'colour'"));
    ck_assert_int_eq(order("untrace", "3", "recording", "no rule 3"), -ENOENT);
    ck_assert_int_eq(order("untrace", "x", "recording", "'x'"), -EINVAL);
    ck_assert_int_eq(order("untrace", "", "recording", "number"), -EINVAL);
    ck_assert_uint_eq(published.n_rules, 2);
    ck_assert_int_eq(order("untrace", "1", "recording", NULL), 0);
    ck_assert_uint_eq(published.n_rules, 1);
    ck_assert_uint_eq(published_rules[0], 2);
    ck_assert_int_eq(order("trace", "function=c", "recording", NULL), 0);
    ck_assert_uint_eq(published_rules[1], 3);
    ck_assert_int_eq(order("untrace", "all", "recording", NULL), 0);
    ck_assert_uint_eq(published.n_rules, 0);
    ck_assert_int_eq(order("untrace", "all", "recording", "no rules"), -ENOENT);
}
END_TEST

START_TEST(too_many_rules)
{
    for (int i = 0; i < WIRE_RULES_MAX; i++)
        ck_assert_int_eq(order("trace", "function=a", "recording", NULL), 0);
    ck_assert_int_eq(order("trace", "function=a", "recording", "32"), -E2BIG);
    ck_assert_uint_eq(published.n_rules, WIRE_RULES_MAX);
    ck_assert_int_eq(order("untrace", "7", "recording", NULL), 0);
    ck_assert_int_eq(order("trace", "function=b", "recording", NULL), 0);
    ck_assert_uint_eq(published_rules[WIRE_RULES_MAX - 1], WIRE_RULES_MAX + 1);
}
END_TEST

/* What cannot be published changes nothing. */
START_TEST(what_fails_is_taken_back)
{
    ck_assert_int_eq(order("trace", "function=a", "recording", NULL), 0);
    policy_error = -ENOSPC;
    ck_assert_int_eq(order("trace", "function=b", "recording", "no room"), -ENOSPC);
    ck_assert_int_eq(order("untrace", "1", "recording", "no room"), -ENOSPC);
    ck_assert_int_eq(order("untrace", "all", "recording", "no room"), -ENOSPC);
    ck_assert_int_eq(order("stop", "", "recording", "no room"), -ENOSPC);
    policy_error = 0;
    ck_assert_int_eq(order("trace", "function=c", "recording", NULL), 0);
    ck_assert_uint_eq(published.n_rules, 2);
    ck_assert_uint_eq(published_rules[0], 1);
    ck_assert_uint_eq(published_rules[1], 2); /* the number of what was refused */
    ck_assert_uint_eq(published.gate, EVERYTHING);
}
END_TEST

START_TEST(words)
{
    char many[9000];
    memset(many, 'a', sizeof many - 1);
    many[sizeof many - 1] = 0;
    ck_assert_int_eq(order("begin", "", "recording", "no verb"), -EINVAL);
    ck_assert_int_eq(order("snapshot", "", "recording", "no verb"), -EINVAL);
    ck_assert_int_eq(order("stop", "now", "recording", "no words"), -EINVAL);
    ck_assert_int_eq(order("trace", "function=\n", "recording", "plain"), -EINVAL);
    ck_assert_int_eq(order("trace", "function=\xff", "recording", "plain"), -EINVAL);
    ck_assert_int_eq(order("trace", many, "recording", "8192"), -EINVAL);
    ck_assert_uint_eq(n_told, 0); /* nobody could have meant that */
}
END_TEST

START_TEST(limits_change_the_state)
{
    static const struct { int what; const char *state; unsigned from, to; uint32_t gate; } t[] = {
        { LIMITS_DO_TRIP, "tripped", EVENT_RECORDING, EVENT_TRIPPED, WIRE_GATE_LIFE },
        { LIMITS_DO_TRY, "half-open", EVENT_TRIPPED, EVENT_HALF_OPEN, EVERYTHING },
        { LIMITS_DO_TRIP, "tripped", EVENT_HALF_OPEN, EVENT_TRIPPED, WIRE_GATE_LIFE },
        { LIMITS_DO_TRY, "half-open", EVENT_TRIPPED, EVENT_HALF_OPEN, EVERYTHING },
        { LIMITS_DO_CLOSE, "recording", EVENT_HALF_OPEN, EVENT_RECORDING, EVERYTHING },
        { LIMITS_DO_PAUSE, "paused", EVENT_RECORDING, EVENT_PAUSED, WIRE_GATE_LIFE } };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        verdict = (struct limits_verdict){ .what = t[i].what, .why = "because" };
        usleep(110000);
        control_round(control, session_now_ns(session));
        ck_assert_str_eq(control_state_name(control_state(control)), t[i].state);
        ck_assert_uint_eq(published.gate, t[i].gate);
        told_last("because", EVENT_CONTROL_LIMIT, t[i].from, t[i].to);
    }
    verdict = (struct limits_verdict){ .what = LIMITS_DO_TRIP, .why = "never asked" };
    usleep(110000);
    control_round(control, session_now_ns(session)); /* paused: nobody asks */
    ck_assert_str_eq(control_state_name(control_state(control)), "paused");
    verdict.what = LIMITS_NOTHING;
    ck_assert_int_eq(order("start", "", "recording", NULL), 0);
    verdict = (struct limits_verdict){ .what = LIMITS_RATES, .sample_bytes = 4096, .locks_every = 8, .copies_every = 16, .why = "coarser" };
    usleep(110000);
    control_round(control, session_now_ns(session));
    ck_assert_uint_eq(published.sample_bytes, 4096);
    ck_assert_uint_eq(published.locks_every, 8);
    ck_assert_uint_eq(published.copies_every, 16);
    told_last("coarser", EVENT_CONTROL_BUDGET, EVENT_RECORDING, EVENT_RECORDING);
    verdict = (struct limits_verdict){ .what = LIMITS_DO_STOP, .why = "enough" };
    usleep(110000);
    control_round(control, session_now_ns(session));
    ck_assert(session_is_emergency(session));
    told_last("enough", EVENT_CONTROL_LIMIT, EVENT_RECORDING, EVENT_EMERGENCY);
    ck_assert_int_eq(order("reset", "", "recording", NULL), 0);
    ck_assert_uint_eq(published.sample_bytes, 0);
    ck_assert(!session_is_emergency(session));
}
END_TEST

START_TEST(emergency)
{
    ck_assert_int_eq(order("stop", "", "paused", NULL), 0);
    ck_assert_int_eq(order("emergency-stop", "", "emergency", NULL), 0);
    ck_assert(session_is_emergency(session));
    told_last("emergency-stop (uid 12", EVENT_CONTROL_VERB, EVENT_PAUSED, EVENT_EMERGENCY);
    ck_assert_ptr_nonnull(strstr(last_told(), "all hooks quiet after"));
    ck_assert_int_eq(order("stop", "", "emergency", "start or reset"), -EPERM);
    ck_assert_int_eq(order("emergency-stop", "", "emergency", NULL), 0);
    ck_assert_int_eq(order("trace", "function=a", "emergency", NULL), 0);
    ck_assert_int_eq(order("reset", "", "paused", NULL), 0); /* as it was before the first one */
    ck_assert_uint_eq(published.n_rules, 1);
    ck_assert_int_eq(order("emergency-stop", "", "emergency", NULL), 0);
    ck_assert_int_eq(order("start", "", "recording", NULL), 0);
    ck_assert(!session_is_emergency(session));
    ck_assert_uint_eq(published.gate, EVERYTHING);
    policy_error = -ENOSPC;
    ck_assert_int_eq(order("emergency-stop", "", "emergency", NULL), 0);
    ck_assert_int_eq(order("start", "", "emergency", "no room"), -ENOSPC); /* it holds on */
    ck_assert(session_is_emergency(session));
}
END_TEST

/* An order from before the emergency stop does not lift it. */
START_TEST(what_came_before_an_emergency)
{
    struct asked start, stop;
    ask(&start, "start", "");
    queue_wait();
    ask(&stop, "emergency-stop", "");
    pthread_join(stop.thread, NULL); /* needs nobody here */
    ck_assert_int_eq(stop.result, 0);
    ck_assert(session_is_emergency(session));
    answer_wait(&start);
    ck_assert_int_eq(start.result, -EPERM);
    ck_assert_str_eq(control_state_name(control_state(control)), "emergency");
    ck_assert(session_is_emergency(session));
    free(start.error);
    json_decref(stop.answer);
    ck_assert_int_eq(order("start", "", "recording", NULL), 0);
}
END_TEST

START_TEST(emergency_past_the_collector)
{
    ck_assert_int_eq(session_file_put(session_name(session), "emergency", "5 uid 7, pid 8 somebody\n"), 0);
    ck_assert_int_eq(segment_emergency(session_segment_path(session)), 0);
    ck_assert_str_eq(control_state_name(control_state(control)), "emergency"); /* before the next round */
    control_round(control, session_now_ns(session));
    told_last("emergency-stop (uid 7, pid 8 somebody): by the segment", EVENT_CONTROL_VERB, EVENT_RECORDING, EVENT_EMERGENCY);
    size_t before = n_told;
    control_round(control, session_now_ns(session));
    ck_assert_uint_eq(n_told, before);
    ck_assert_int_eq(order("reset", "", "recording", NULL), 0);
    ck_assert_int_eq(session_file_put(session_name(session), "emergency", "\x1b[2J\n"), 0);
    ck_assert_int_eq(segment_emergency(session_segment_path(session)), 0);
    control_round(control, session_now_ns(session));
    told_last("emergency-stop (nobody knows who)", EVENT_CONTROL_VERB, EVENT_RECORDING, EVENT_EMERGENCY);
}
END_TEST

/* Ten times a second, and at once when what a limit counts is reached. */
START_TEST(when_limits_are_looked_at)
{
    uint64_t now_ns = session_now_ns(session) + 3600 * 1000000000ull;
    unsigned before;
    ck_assert_int_eq(order("limits", "events=1000", "recording", NULL), 0);
    control_round(control, now_ns);
    before = ticks;
    events_so_far = 999;
    control_round(control, now_ns + 1);
    ck_assert_uint_eq(ticks, before);
    events_so_far = 1000;
    control_round(control, now_ns + 2);
    ck_assert_uint_eq(ticks, before + 1);
    events_so_far = 0;
    control_round(control, now_ns + 3);
    ck_assert_uint_eq(ticks, before + 1);
    control_round(control, now_ns + 2 + 100000000);
    ck_assert_uint_eq(ticks, before + 2);
}
END_TEST

START_TEST(nobody_waits_for_ever)
{
    struct asked a;
    json_int_t took;
    settled = false;
    ask(&a, "stop", "");
    answer_wait(&a);
    took = json_integer_value(json_object_get(a.answer, "took_ns"));
    ck_assert(json_is_false(json_object_get(a.answer, "settled")) && json_is_null(json_object_get(a.answer, "quiet_ns")));
    ck_assert_int_ge(took, 900000000);
    json_decref(a.answer);
    ask(&a, "trace", "function=a");
    queue_wait();
    control_round(control, session_now_ns(session));
    ck_assert(control_hurries(control));
    control_end(control); /* while it waits */
    pthread_join(a.thread, NULL);
    ck_assert_int_eq(a.result, 0);
    json_decref(a.answer);
    ask(&a, "start", "");
    pthread_join(a.thread, NULL);
    ck_assert_int_eq(a.result, -ECANCELED);
    free(a.error);
    ck_assert_ptr_null(control_list(control));
}
END_TEST

/* What is ordered and not told in a round that never comes. */
START_TEST(notes_have_an_end)
{
    struct control_asker who = { .uid = 99, .pid = 1 };
    for (int i = 0; i < 1000; i++)
        control_note(control, &who, i % 2 ? "stop" : "emergency-stop", "", -EACCES, "may not");
    control_note(control, &who, "dance", "", -EACCES, "may not");
    ck_assert(!session_is_emergency(session));
    control_round(control, session_now_ns(session));
    ck_assert_uint_eq(n_told, 64);
    told_last("stop (uid 99", EVENT_CONTROL_VERB, EVENT_RECORDING, EVENT_RECORDING);
    ck_assert_ptr_nonnull(strstr(last_told(), ": refused: may not"));
    n_told = 0;
    control_note(control, &who, "mark", "here", 0, NULL);
    control_round(control, session_now_ns(session));
    told_last("mark here (uid 99", EVENT_CONTROL_VERB, EVENT_RECORDING, EVENT_RECORDING);
}
END_TEST

static void again(struct control_options o)
{
    char *error;
    control_end(control);
    control_free(control);
    n_told = 0;
    ck_assert_int_eq(control_open(o, &error), 0);
}

START_TEST(the_next_collector_goes_on)
{
    char path[SESSION_PATH_MAX];
    struct stat st;
    ck_assert_int_eq(order("trace", "function='operator new*',b size=4K..", "recording", NULL), 0);
    ck_assert_int_eq(order("trace", "events=lock sample=1/100", "recording", NULL), 0);
    ck_assert_int_eq(order("untrace", "1", "recording", NULL), 0);
    ck_assert_int_eq(order("trace", "exclude function=c", "recording", NULL), 0);
    ck_assert_int_eq(order("limits", "events=1M", "recording", NULL), 0);
    ck_assert_int_eq(order("stop", "", "paused", NULL), 0);
    ck_assert_int_eq(session_path(path, sizeof path, session_name(session), "control"), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    again((struct control_options){0});
    ck_assert_str_eq(control_state_name(control_state(control)), "paused");
    ck_assert_uint_eq(published.gate, WIRE_GATE_LIFE);
    ck_assert_uint_eq(published.n_rules, 2);
    ck_assert_uint_eq(published_rules[0], 2);
    ck_assert_uint_eq(published_rules[1], 3);
    ck_assert_str_eq(told[0], "paused as the collector before left it");
    ck_assert_int_eq(order("emergency-stop", "", "emergency", NULL), 0);
    again((struct control_options){0});
    ck_assert_str_eq(control_state_name(control_state(control)), "emergency");
    ck_assert_int_eq(order("reset", "", "paused", NULL), 0);
    ck_assert_int_eq(order("trace", "function=d", "paused", NULL), 0);
    ck_assert_uint_eq(published_rules[2], 4);
}
END_TEST

static void *list_run(void *answer)
{
    *(json_t **)answer = control_list(control);
    return NULL;
}

static json_t *list(void)
{
    pthread_t thread;
    json_t *answer = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, list_run, &answer), 0);
    while (pthread_tryjoin_np(thread, NULL)) {
        control_round(control, session_now_ns(session));
        usleep(200);
    }
    ck_assert_ptr_nonnull(answer);
    return answer;
}

static uint64_t listed(const char *key)
{
    json_t *answer = list();
    uint64_t n = (uint64_t)json_integer_value(json_object_get(answer, key));
    json_decref(answer);
    return n;
}

/* Time of recording goes on, also where nobody was there; what paused by a limit, too, and since when. */
START_TEST(time_goes_on)
{
    usleep(130000);
    uint64_t before = listed("recorded_ns"), began = listed("since_ns");
    ck_assert_uint_ge(before, 130000000);
    control_leave(control);
    control_free(control);
    usleep(30000);
    char *error;
    ck_assert_int_eq(control_open((struct control_options){0}, &error), 0);
    ck_assert_uint_ge(listed("recorded_ns"), before + 30000000);
    ck_assert_uint_eq(listed("since_ns"), began);
    ck_assert_int_eq(order("limits", "time=1h", "recording", NULL), 0);
    verdict = (struct limits_verdict){ .what = LIMITS_DO_PAUSE, .why = "enough" };
    usleep(110000);
    control_round(control, session_now_ns(session));
    ck_assert_str_eq(control_state_name(control_state(control)), "paused");
    before = listed("recorded_ns");
    began = listed("since_ns");
    usleep(20000);
    again((struct control_options){0});
    ck_assert_uint_eq(listed("recorded_ns"), before);
    ck_assert_uint_eq(listed("since_ns"), began);
    json_t *answer = list();
    uint64_t now = (uint64_t)json_integer_value(json_object_get(json_object_get(json_object_get(answer, "limits"), "time"), "now"));
    json_decref(answer);
    ck_assert_uint_gt(now, 0);
    ck_assert_uint_le(now, before);
    ck_assert_int_eq(order("emergency-stop", "", "emergency", NULL), 0);
    again((struct control_options){0});
    usleep(20000);
    ck_assert_uint_eq(listed("recorded_ns"), before);
}
END_TEST

/* A rule that was used up stays so; its hits count on. */
START_TEST(rules_go_on)
{
    struct fake_writer w = { 0 };
    ck_assert_int_eq(fake_claim(&w, &shared, fake_process(&shared)), 0);
    ck_assert_int_eq(order("trace", "size=1..9 limit=40", "recording", NULL), 0);
    ck_assert_int_eq(session_tokens(session, 0), 40);
    store_relaxed(&wire_home_of(&shared, w.ring.slot)->hits[0], 40);
    session_tokens_set(session, 0, 0);
    for (int i = 0; i < 2; i++) {
        json_t *answer = list(), *rule = json_array_get(json_object_get(answer, "rules"), 0);
        ck_assert_int_eq(json_integer_value(json_object_get(rule, "hits")), 40);
        ck_assert(json_is_true(json_object_get(rule, "spent")));
        json_decref(answer);
        ck_assert_int_eq(session_tokens(session, 0), 0);
        again((struct control_options){0});
    }
}
END_TEST

/* A limit on events is looked at as soon as they are there, however lately that was done; shortly before, rounds hurry. */
START_TEST(looked_at_when_reached)
{
    ck_assert_int_eq(order("limits", "events=1000", "recording", NULL), 0);
    uint64_t at = session_now_ns(session) + 1000000000;
    control_round(control, at);
    unsigned before = ticks;
    events_so_far = 100;
    control_round(control, at + 10000000);
    ck_assert(ticks == before && !control_hurries(control));
    events_so_far = 900; /* at that pace, 2 ms more */
    control_round(control, at + 20000000);
    ck_assert(ticks == before && control_hurries(control));
    events_so_far = 999;
    control_round(control, at + 21000000);
    ck_assert_uint_eq(ticks, before);
    events_so_far = 1000;
    control_round(control, at + 22000000);
    ck_assert_uint_eq(ticks, before + 1);
}
END_TEST

START_TEST(looked_at_in_time)
{
    uint64_t earliest = session_now_ns(session), latest;
    ck_assert_int_eq(order("limits", "time=100s", "recording", NULL), 0);
    latest = session_now_ns(session);
    control_round(control, earliest + 99950000000);
    unsigned before = ticks;
    control_round(control, earliest + 99999000000);
    ck_assert_uint_eq(ticks, before);
    control_round(control, latest + 100000000000);
    ck_assert_uint_eq(ticks, before + 1);
}
END_TEST

/* It is a file: what stands in it may be anything. */
START_TEST(a_file_that_was_bent)
{
    static const char *const t[] = { "", "\n\n", "state dancing\nnext -1\nrule x\ntrace function=\nlimits x=y\n", "state", "rule 4294967295\ntrace function=a\n",
                                     "next 99999999999999999999\n", "\xff\xff\nstate paused\x01\n", "trace",
                                     "state recording\nrecorded 99999999999999999 1 2\nrecorded 5 99999999999999999 0\nrecorded -1 -1 -1\nrecorded\n",
                                     "limits time=1h\nheld time\ncounted time -9 1 2\ncounted time nan nan nan\nlevel 99999999999 1\n",
                                     "limits events=5\nheld\nbreaker open events 5 5\nbreaker half-open events 5\n" };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char *error;
        control_end(control);
        control_free(control);
        ck_assert_int_eq(session_file_put(session_name(session), "control", t[i]), 0);
        ck_assert_int_eq(control_open((struct control_options){0}, &error), 0);
        ck_assert_str_eq(control_state_name(control_state(control)), "recording");
    }
}
END_TEST

START_TEST(options)
{
    static const struct { struct control_options o; const char *says; } t[] = {
        { { .rules = "trace function=a\ntrace b\n" }, "line 2: 'b'" }, { { .rules = "dance" }, "line 1: 'dance'" }, { { .limits = "x=y" }, "x" } };
    char *error;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        ck_assert_int_eq(control_check(&t[i].o, &error), -EINVAL);
        ck_assert_msg(strstr(error, t[i].says), "%s", error);
        free(error);
    }
    struct control_options o = { .paused = true, .sample_bytes = 65536, .rules = "# x\ntrace function=a # y\n\nlimits time=1h\npromise cpu=2%\r\n", .limits = "events=5" };
    ck_assert_int_eq(control_check(&o, &error), 0);
    again(o);
    ck_assert_uint_eq(published.gate, WIRE_GATE_LIFE);
    ck_assert_uint_eq(published.n_rules, 2);
    ck_assert_str_eq(told[0], "paused from the start");
    ck_assert_str_eq(told[1], "trace function=a (rule 1)");
    ck_assert_str_eq(told[2], "trace sample=64K (rule 2)");
    ck_assert_int_eq(strncmp(told[3], "limits ", 7), 0);
    ck_assert_ptr_nonnull(strstr(told[3], "time=1h"));
    ck_assert_ptr_nonnull(strstr(told[3], "events=5"));
    told_last("cpu=2%", EVENT_CONTROL_PROMISE, EVENT_PAUSED, EVENT_PAUSED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("control");
    TCase *c = tcase_create("control");
    tcase_add_checked_fixture(c, begin, end);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, stop_and_start);
    tcase_add_test(c, rules_come_and_go);
    tcase_add_test(c, too_many_rules);
    tcase_add_test(c, what_fails_is_taken_back);
    tcase_add_test(c, words);
    tcase_add_test(c, limits_change_the_state);
    tcase_add_test(c, emergency);
    tcase_add_test(c, what_came_before_an_emergency);
    tcase_add_test(c, emergency_past_the_collector);
    tcase_add_test(c, when_limits_are_looked_at);
    tcase_add_test(c, nobody_waits_for_ever);
    tcase_add_test(c, notes_have_an_end);
    tcase_add_test(c, the_next_collector_goes_on);
    tcase_add_test(c, time_goes_on);
    tcase_add_test(c, rules_go_on);
    tcase_add_test(c, looked_at_when_reached);
    tcase_add_test(c, looked_at_in_time);
    tcase_add_test(c, a_file_that_was_bent);
    tcase_add_test(c, options);
    suite_add_tcase(s, c);
    return suite_run(s);
}
