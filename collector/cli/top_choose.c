/*
 * collector/cli/top_choose.c - see top_choose.h.
 */
#include "cli/top_choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/top.h"
#include "cli/top_terminal.h"
#include "event/xalloc.h"
#include "session/directory.h"
#include "session/session.h"

enum { WAIT_MS = 1000 };

struct gather { struct top_sessions *to; size_t capacity; };

static int session_take(void *context, const struct session_listing *l)
{
    struct gather *g = context;
    struct top_sessions *s = g->to;
    char path[SESSION_PATH_MAX];
    struct stat st;
    if (l->segment_gone || !l->collector_alive || session_path(path, sizeof path, l->name, "socket") || stat(path, &st))
        return 0;
    s->list = xgrow(s->list, &g->capacity, s->n + 1, sizeof *s->list);
    s->list[s->n++] = (struct top_session){
        .name = xstrdup(l->name), .socket_path = xstrdup(path), .segment_path = xstrdup(l->segment_path), .command = xstrdup(l->command), .processes = l->process_count,
        .pid = l->process_count ? l->processes[0].pid : l->collector_pid,
        .made_ns = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec };
    return 0;
}

/* Those with a program before those without, then the newest. */
static int compare(const void *a, const void *b)
{
    const struct top_session *x = a, *y = b;
    if (!x->processes != !y->processes)
        return !x->processes - !y->processes;
    return x->made_ns > y->made_ns ? -1 : x->made_ns < y->made_ns;
}

int top_sessions_find(struct top_sessions *s)
{
    struct gather g = { .to = s };
    *s = (struct top_sessions){ 0 };
    int error = session_list(session_take, &g);
    if (s->n)
        qsort(s->list, s->n, sizeof *s->list, compare);
    return error < 0 ? error : 0;
}

void top_sessions_end(struct top_sessions *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->list[i].name);
        free(s->list[i].socket_path);
        free(s->list[i].segment_path);
        free(s->list[i].command);
    }
    free(s->list);
    *s = (struct top_sessions){ 0 };
}

static void draw(const struct top_sessions *s, size_t at, struct canvas *c)
{
    size_t rows = c->height > 4 ? c->height - 4 : 1, first = at >= rows ? at - rows + 1 : 0;
    char text[64];
    canvas_text(c, 0, 0, c->width, TOP_BOLD, "ownscope top: which session?");
    canvas_look(c, 0, 2, c->width, TOP_HEAD);
    canvas_text(c, 0, 2, c->width, TOP_HEAD, "     PID  SESSION               COMMAND");
    for (size_t i = first; i < s->n && i < first + rows; i++) {
        unsigned y = (unsigned)(3 + i - first);
        snprintf(text, sizeof text, "%u", s->list[i].pid);
        canvas_right(c, 0, y, 8, TOP_PLAIN, text);
        canvas_text(c, 10, y, 20, TOP_PLAIN, s->list[i].name);
        canvas_text(c, 32, y, c->width, TOP_PLAIN, s->list[i].command);
        if (i == at)
            canvas_look(c, 0, y, c->width, TOP_SELECTED);
    }
    canvas_text(c, 0, c->height - 1, c->width, TOP_DIM, "Enter takes it, q leaves");
}

size_t top_sessions_choose(const struct top_sessions *s)
{
    struct canvas c = { 0 };
    size_t at = 0, chosen = SIZE_MAX;
    for (bool goes_on = true; goes_on;) {
        unsigned width, height;
        terminal_size(&width, &height);
        canvas_size(&c, width, height, terminal_utf8());
        draw(s, at, &c);
        terminal_show(&c);
        goes_on = terminal_wait(-1, WAIT_MS);
        for (uint32_t key; goes_on && (key = terminal_key());) {
            if (key == TOP_KEY_UP || key == 'k')
                at -= at > 0;
            else if (key == TOP_KEY_DOWN || key == 'j')
                at += at + 1 < s->n;
            else if (key == TOP_KEY_ENTER)
                chosen = at;
            goes_on = key != TOP_KEY_ENTER && key != 'q' && key != TOP_KEY_ESCAPE;
        }
    }
    canvas_free(&c);
    return chosen;
}
