/*
 * collector/cli/cmd_top.c - `ownscope top`: the live screen of one session, on a
 * terminal; as text where there is none.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/options.h"
#include "cli/origin.h"
#include "cli/top.h"
#include "cli/top_choose.h"
#include "cli/top_terminal.h"
#include "event/units.h"
#include "event/xalloc.h"

enum { WIDTH = 80, ROWS = 40, WIDTH_MOST = 1000, WAIT_MS = 1000 };

struct ask {
    struct options options;
    unsigned pid;
    uint64_t pictures;          /* as text; 0: on a terminal */
    double delay_s;
    bool no_colour;
    size_t rows;                /* of a picture as text; 0: all */
    enum top_screen screen;
};

/* A time, or a number of seconds. */
static double delay_read(const struct options *o)
{
    uint64_t ns;
    char *end;
    double s = strtod(o->argument, &end);
    if (end == o->argument || *end)
        s = parse_time_ns(o->argument, &ns) ? 0 : (double)ns / 1e9;
    if (!(s >= 0.1 && s <= 3600))
        options_fail(o, "--delay takes a time from 100ms to 1h, not '%s'", o->argument);
    return s;
}

static void ask_read(struct ask *a, int argc, char **argv)
{
    struct options *o = &a->options;
    char **words;
    int n;
    *a = (struct ask){ .delay_s = 1, .rows = ROWS };
    options_start(o, &usage_top, argc, argv);
    for (int key; (key = options_next(o)) >= 0;)
        switch (key) {
        case 'p': a->pid = (unsigned)options_count(o, 1, INT32_MAX); break;
        case 'n': a->rows = options_count(o, 0, TOP_ROWS_MAX); break;
        case OPTION_ONCE: a->pictures = 1; break;
        case OPTION_BATCH: a->pictures = options_count(o, 1, INT32_MAX); break;
        case OPTION_DELAY:
            a->delay_s = delay_read(o);
            break;
        case OPTION_SCREEN:
            a->screen = top_screen_find(o->argument);
            if (a->screen == TOP_SCREENS)
                options_fail(o, "--screen takes threads, sites, locks, processes or findings, not '%s'", o->argument);
            break;
        case OPTION_NO_COLOUR: a->no_colour = true; break;
        }
    options_words(o, &words, &n);
    if (n)
        options_fail(o, "takes no '%s'; -p PID says of which process", words[0]);
    if (!a->pictures && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
        a->pictures = 1;
}

/* ---- as text ----------------------------------------------------------------------- */

static void picture_print(struct top *t, unsigned width, size_t rows, bool more)
{
    struct canvas c = { 0 };
    canvas_size(&c, width, top_height(t, rows), t->utf8);
    top_draw(t, &c, true);
    for (unsigned y = 0; y < c.height; y++) {
        char *line = canvas_line(&c, y);
        puts(line);
        free(line);
    }
    if (more)
        putchar('\n');
    fflush(stdout);
    canvas_free(&c);
}

static unsigned text_width(void)
{
    const char *columns = getenv("COLUMNS");
    unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;
    return !width ? WIDTH : width < TOP_WIDTH_LEAST ? TOP_WIDTH_LEAST : width > WIDTH_MOST ? WIDTH_MOST : (unsigned)width;
}

static int batch(struct top *t, const struct ask *a, const char *socket_path)
{
    unsigned width = text_width();
    for (uint64_t i = 0; i < a->pictures; i++) {
        if (i)
            nanosleep(&(struct timespec){ (time_t)a->delay_s, (long)(fmod(a->delay_s, 1) * 1e9) }, NULL);
        top_fetch(socket_path, t->screen, &t->docs);
        if (t->docs.link != TOP_LINK_LIVE && !i)
            message_fail(EXIT_SOURCE, "the collector does not answer on %s: %s", socket_path, t->docs.why ? t->docs.why : "?");
        if (t->docs.link != TOP_LINK_LIVE) {
            message("%s", t->docs.link == TOP_LINK_ENDED ? "the program has ended" : "the collector does not answer any more");
            break;
        }
        top_update(t);
        picture_print(t, width, a->rows, i + 1 < a->pictures);
    }
    return message_finish_output(stdout, "standard output", EXIT_FOUND);
}

/* ---- on a terminal ------------------------------------------------------------------ */

static void answers_take(struct top *t)
{
    char *target;
    json_t *doc;
    int status;
    while (top_feed_answer(t->feed, &target, &doc, &status)) {
        top_answered(t, target, doc, status);
        json_decref(doc);
        free(target);
    }
}

static void screen_run(struct top *t)
{
    struct canvas c = { 0 };
    while (!t->quit) {
        unsigned width, height;
        terminal_size(&width, &height);
        canvas_size(&c, width, height, t->utf8);
        top_draw(t, &c, false);
        terminal_show(&c);
        if (!terminal_wait(top_feed_event(t->feed), WAIT_MS))
            break;
        for (uint32_t key; !t->quit && (key = terminal_key());)
            if (key != 1)
                top_key(t, key, height > 8 ? height - 8 : 1);
        if (top_feed_take(t->feed, &t->docs))
            top_update(t);
        answers_take(t);
    }
    canvas_free(&c);
}

/* The chosen one's socket, malloc'ed; NULL: none was chosen. */
static char *session_choose(const struct ask *a, struct top *t)
{
    struct top_sessions s;
    size_t at = 0, with = 0;
    int error = top_sessions_find(&s);
    if (error)
        origin_list_fail(error);
    if (!s.n)
        message_fail(EXIT_NOTHING, "no program is traced now; start one with ownscope run -- PROGRAM");
    for (size_t i = 0; i < s.n; i++)
        with += s.list[i].processes > 0;
    if (!a->pictures && (with > 1 || (!with && s.n > 1))) {
        if (terminal_begin(message_colour(stdout, a->no_colour)))
            message_fail(EXIT_SOURCE, "this terminal cannot show a screen (TERM=%s); try --once", getenv("TERM") ? getenv("TERM") : "");
        at = top_sessions_choose(&s);
        terminal_end();
    }
    char *path = at < s.n ? xstrdup(s.list[at].socket_path) : NULL;
    t->session = at < s.n ? xstrdup(s.list[at].name) : NULL;
    t->segment_path = at < s.n ? xstrdup(s.list[at].segment_path) : NULL;
    top_sessions_end(&s);
    return path;
}

static void session_of(unsigned pid, struct origin *origin, struct top *t)
{
    struct origin_session s;
    origin_find(origin, pid, NULL);
    if (!origin_session(pid, &s))
        return;
    t->session = s.name;
    t->segment_path = s.segment;
    free(s.trace);
}

int cmd_top(int argc, char **argv)
{
    struct ask a;
    struct top t;
    struct origin origin = { 0 };
    ask_read(&a, argc, argv);
    setlocale(LC_CTYPE, "");
    top_begin(&t, a.screen);
    t.utf8 = terminal_utf8();
    if (a.pid)
        session_of(a.pid, &origin, &t);
    else
        origin.socket_path = session_choose(&a, &t);
    if (!origin.socket_path)
        return EXIT_FOUND;
    if (a.pictures) {
        int status = batch(&t, &a, origin.socket_path);
        top_end(&t);
        return status;
    }
    struct top_feed_options o = { .socket_path = origin.socket_path, .delay_s = a.delay_s, .screen = a.screen };
    t.feed = top_feed_start(&o);
    if (!t.feed)
        message_fail(EXIT_SOURCE, "no thread is to be had to ask the collector with");
    if (terminal_begin(message_colour(stdout, a.no_colour)))
        message_fail(EXIT_SOURCE, "this terminal cannot show a screen (TERM=%s); try --once", getenv("TERM") ? getenv("TERM") : "");
    screen_run(&t);
    terminal_end();
    top_feed_stop(t.feed);
    top_end(&t);
    free(origin.socket_path);
    return EXIT_FOUND;
}
