/*
 * collector/cli/top_feed.c - see top_feed.h.
 */
#include "cli/top_feed.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cli/table_line.h"
#include "event/xalloc.h"
#include "serve/client.h"

enum { BYTES_MAX = 256 << 20, ORDERS_MAX = 16, SITES_EVERY = 10 };

struct order { bool post; char *target; };
struct answer { char *target; json_t *doc; int status; };

struct top_feed {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char *socket_path;
    double delay_s;
    enum top_screen screen;
    bool hurry, ending;
    int event;
    struct order orders[ORDERS_MAX]; size_t n_orders;
    struct answer answers[ORDERS_MAX]; size_t n_answers;
    struct top_docs docs; bool news;
    struct top_docs last;           /* of the thread: what stays between looks */
    unsigned looks;
};

void top_docs_end(struct top_docs *d)
{
    json_decref(d->states);
    json_decref(d->control);
    json_decref(d->screen);
    json_decref(d->sites);
    free(d->why);
    *d = (struct top_docs){ 0 };
}

/* ---- asking ---------------------------------------------------------------------- */

/* The document, NULL: none. *status: of HTTP, or -errno. */
static json_t *ask(const char *socket_path, bool post, const char *target, int *status)
{
    char *body = NULL;
    size_t bytes = 0;
    int error = (post ? client_post_text : client_get_text)(socket_path, target, BYTES_MAX, &body, &bytes, status);
    json_t *doc = error || !bytes ? NULL : json_loadb(body, bytes, 0, NULL);
    free(body);
    if (error)
        *status = error;
    else if (*status == 200 && !json_is_object(doc))
        *status = -EPROTO;
    return doc;
}

/* Some process that ran at that look is there still. */
static bool any_process(const json_t *states)
{
    const json_t *processes = get(states, "processes");
    for (size_t i = 0; i < json_array_size(processes); i++) {
        pid_t pid = (pid_t)get_number(json_array_get(processes, i), "pid");
        if (pid > 0 && !json_is_integer(get(json_array_get(processes, i), "ended_ns")) && (!kill(pid, 0) || errno == EPERM))
            return true;
    }
    return false;
}

static enum top_link link_of(int status, const json_t *states)
{
    if (status == 200)
        return TOP_LINK_LIVE;
    if (status == -EACCES || status == -EPERM || status == 403)
        return TOP_LINK_REFUSED;
    if (status == -ETIMEDOUT || status == 503)
        return TOP_LINK_SLOW;
    return !states || any_process(states) ? TOP_LINK_GONE : TOP_LINK_ENDED;
}

static char *error_text(int status, const json_t *doc)
{
    const char *text = get_text(doc, "error");
    return *text ? xstrdup(text) : xstrdup(status < 0 ? strerror(-status) : "");
}

/* The document of a screen; NULL: not to be had now. */
static json_t *ask_screen(const char *socket_path, const char *target)
{
    int status;
    json_t *doc = ask(socket_path, false, target, &status);
    if (status == 200)
        return doc;
    json_decref(doc);
    return NULL;
}

static void replace(json_t **to, json_t *doc)
{
    json_decref(*to);
    *to = doc;
}

static bool any_threads(const json_t *states)
{
    return json_array_size(get(states, "threads")) > 0;
}

/* What it cannot fetch stays as it was: the last picture is better than none. */
static void fetch(const char *socket_path, enum top_screen screen, unsigned look, struct top_docs *d)
{
    const struct top_layout *l = &top_layouts[screen];
    int status;
    json_t *doc = ask(socket_path, false, "/v1/states", &status);
    d->link = link_of(status, d->states);
    free(d->why);
    d->why = status == 200 ? NULL : error_text(status, doc);
    if (status != 200) {
        json_decref(doc);
        return;
    }
    if (any_threads(d->states) && !any_threads(doc) && !any_process(d->states)) {  /* the last picture is the one with its threads */
        d->link = TOP_LINK_ENDED;
        json_decref(doc);
        return;
    }
    replace(&d->states, doc);
    doc = ask(socket_path, false, "/v1/list", &status);
    replace(&d->control, status == 200 ? json_incref(doc) : NULL);
    json_decref(doc);
    if ((screen == TOP_SITES || look % SITES_EVERY == 0) && (doc = ask_screen(socket_path, "/v1/sites?top=500")))
        replace(&d->sites, doc);
    if (!l->document || (d->of == screen && d->screen && look % l->every))
        return;
    doc = ask_screen(socket_path, l->document);
    if (doc || d->of != screen)
        replace(&d->screen, doc);
    d->of = screen;
}

void top_fetch(const char *socket_path, enum top_screen screen, struct top_docs *d)
{
    fetch(socket_path, screen, 0, d);
}

/* ---- the thread --------------------------------------------------------------------- */

static void feed_free(struct top_feed *f)
{
    for (size_t i = 0; i < f->n_orders; i++)
        free(f->orders[i].target);
    for (size_t i = 0; i < f->n_answers; i++) {
        free(f->answers[i].target);
        json_decref(f->answers[i].doc);
    }
    top_docs_end(&f->docs);
    top_docs_end(&f->last);
    pthread_mutex_destroy(&f->mutex);
    pthread_cond_destroy(&f->changed);
    close(f->event);
    free(f->socket_path);
    free(f);
}

static void tell(const struct top_feed *f)
{
    uint64_t one = 1;
    if (write(f->event, &one, sizeof one) != sizeof one)
        return; /* it is full of news as it is */
}

/* Under the mutex, given back meanwhile. */
static void order_do(struct top_feed *f)
{
    struct order o = f->orders[0];
    struct answer a = { .target = o.target };
    memmove(f->orders, f->orders + 1, --f->n_orders * sizeof *f->orders);
    pthread_mutex_unlock(&f->mutex);
    a.doc = ask(f->socket_path, o.post, o.target, &a.status);
    pthread_mutex_lock(&f->mutex);
    if (f->n_answers == ORDERS_MAX) {
        free(f->answers[0].target);
        json_decref(f->answers[0].doc);
        memmove(f->answers, f->answers + 1, --f->n_answers * sizeof *f->answers);
    }
    f->answers[f->n_answers++] = a;
    tell(f);
}

static void look_do(struct top_feed *f)
{
    enum top_screen screen = f->screen;
    unsigned look = f->looks++;
    f->hurry = false;
    pthread_mutex_unlock(&f->mutex);
    fetch(f->socket_path, screen, look, &f->last);
    pthread_mutex_lock(&f->mutex);
    top_docs_end(&f->docs);
    f->docs = (struct top_docs){ json_incref(f->last.states), json_incref(f->last.control), json_incref(f->last.screen),
                                 json_incref(f->last.sites), f->last.of, f->last.link, f->last.why ? xstrdup(f->last.why) : NULL };
    f->news = true;
    tell(f);
}

/* Until the next look is due, or there is something to do. */
static void feed_wait(struct top_feed *f, const struct timespec *began)
{
    struct timespec until = *began;
    until.tv_sec += (time_t)f->delay_s;
    until.tv_nsec += (long)((f->delay_s - (double)(time_t)f->delay_s) * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!f->ending && !f->hurry && !f->n_orders)
        if (pthread_cond_clockwait(&f->changed, &f->mutex, CLOCK_MONOTONIC, &until) == ETIMEDOUT)
            break;
}

static void *feed_run(void *context)
{
    struct top_feed *f = context;
    struct timespec began;
    pthread_mutex_lock(&f->mutex);
    while (!f->ending) {
        clock_gettime(CLOCK_MONOTONIC, &began);
        if (f->n_orders) {
            order_do(f);
            f->hurry = true;
            continue;
        }
        look_do(f);
        feed_wait(f, &began);
    }
    pthread_mutex_unlock(&f->mutex);
    feed_free(f);
    return NULL;
}

struct top_feed *top_feed_start(const struct top_feed_options *o)
{
    struct top_feed *f = xcalloc(1, sizeof *f);
    sigset_t all, old;
    pthread_t thread;
    f->socket_path = xstrdup(o->socket_path);
    f->delay_s = o->delay_s;
    f->screen = o->screen;
    f->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&f->mutex, NULL);
    pthread_cond_init(&f->changed, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = f->event < 0 ? errno : pthread_create(&thread, NULL, feed_run, f);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error) {
        feed_free(f);
        return NULL;
    }
    pthread_detach(thread);
    return f;
}

void top_feed_stop(struct top_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    f->ending = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->mutex);    /* it frees itself */
}

void top_feed_screen(struct top_feed *f, enum top_screen screen)
{
    pthread_mutex_lock(&f->mutex);
    f->hurry |= f->screen != screen;
    f->screen = screen;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->mutex);
}

void top_feed_hurry(struct top_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    f->hurry = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->mutex);
}

void top_feed_order(struct top_feed *f, bool post, const char *target)
{
    pthread_mutex_lock(&f->mutex);
    if (f->n_orders < ORDERS_MAX)
        f->orders[f->n_orders++] = (struct order){ post, xstrdup(target) };
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->mutex);
}

bool top_feed_take(struct top_feed *f, struct top_docs *d)
{
    uint64_t events;
    pthread_mutex_lock(&f->mutex);
    bool news = f->news;
    if (read(f->event, &events, sizeof events) < 0)
        events = 0;
    if (news) {
        top_docs_end(d);
        *d = f->docs;
        f->docs = (struct top_docs){ 0 };
        f->news = false;
    }
    pthread_mutex_unlock(&f->mutex);
    return news;
}

bool top_feed_answer(struct top_feed *f, char **target, json_t **doc, int *status)
{
    pthread_mutex_lock(&f->mutex);
    bool there = f->n_answers;
    if (there) {
        *target = f->answers[0].target;
        *doc = f->answers[0].doc;
        *status = f->answers[0].status;
        memmove(f->answers, f->answers + 1, --f->n_answers * sizeof *f->answers);
    }
    pthread_mutex_unlock(&f->mutex);
    return there;
}

int top_feed_event(const struct top_feed *f) { return f->event; }
