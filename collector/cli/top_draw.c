/*
 * collector/cli/top_draw.c - the picture of `ownscope top` on a canvas.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "cli/top.h"
#include "event/xalloc.h"

enum { FLEXIBLE_LEAST = 14, FLEXIBLE_WIDE = 24, WIDE = 70, WIDE_KEYS = 110, TALL = 20, MIDDLE = 14 };

/* ---- columns ------------------------------------------------------------------------ */

/* Which columns there is room for: the least important go first. Returns the width of the last. */
static unsigned columns_fit(const struct top_layout *l, unsigned width, bool *shown)
{
    for (size_t i = 0; i < l->n; i++)
        shown[i] = true;
    for (;;) {
        unsigned used = 0;
        size_t worst = l->n;
        for (size_t i = 0; i + 1 < l->n; i++)
            if (shown[i]) {
                used += l->columns[i].width + 1;
                if (l->columns[i].rank && (worst == l->n || l->columns[i].rank > l->columns[worst].rank))
                    worst = i;
            }
        if (used + (width < WIDE ? FLEXIBLE_LEAST : FLEXIBLE_WIDE) <= width || worst == l->n)
            return used < width ? width - used : 0;
        shown[worst] = false;
    }
}

/* Column heads; the one that rows are sorted by has an arrow. */
static void heads_draw(const struct top *t, struct canvas *c, unsigned y, const bool *shown, unsigned last)
{
    const struct top_layout *l = &top_layouts[t->screen];
    unsigned x = 0;
    canvas_look(c, 0, y, c->width, TOP_HEAD);
    for (size_t i = 0; i < l->n; i++) {
        unsigned width = i + 1 < l->n ? l->columns[i].width : last;
        char title[32];
        if (!shown[i])
            continue;
        bool sorted = i == t->sort[t->screen], up = l->columns[i].text != t->reversed[t->screen];
        snprintf(title, sizeof title, "%s%s", l->columns[i].title, !sorted ? "" : c->utf8 ? up ? "▲" : "▼" : up ? "^" : "v");
        if (l->columns[i].text)
            canvas_text(c, x, y, width, TOP_HEAD, title);
        else
            canvas_right(c, x, y, width, TOP_HEAD, title);
        x += width + 1;
    }
}

static void row_draw(const struct top *t, struct canvas *c, unsigned y, const struct top_row *r, const bool *shown, unsigned last, bool selected)
{
    const struct top_layout *l = &top_layouts[t->screen];
    unsigned x = 0;
    for (size_t i = 0; i < l->n; i++) {
        unsigned width = i + 1 < l->n ? l->columns[i].width : last;
        const char *text = r->cells[i].text ? r->cells[i].text : "";
        if (!shown[i])
            continue;
        if (l->columns[i].text)
            canvas_text(c, x, y, width, r->cells[i].look, text);
        else
            canvas_right(c, x, y, width, r->cells[i].look, text);
        x += width + 1;
    }
    if (selected)
        canvas_look(c, 0, y, c->width, TOP_SELECTED);
}

/* ---- tabs and the foot --------------------------------------------------------------- */

static void tabs_draw(const struct top *t, struct canvas *c, unsigned y)
{
    char text[64];
    unsigned x = 0;
    for (unsigned i = 0; i < TOP_SCREENS; i++) {
        snprintf(text, sizeof text, " %u %s ", i + 1, c->width >= 64 ? top_layouts[i].name : top_layouts[i].brief);
        x += canvas_text(c, x, y, c->width, i == t->screen ? TOP_TAB : TOP_DIM, text);
    }
    if (*t->filter)
        snprintf(text, sizeof text, "/%.20s: %zu of %zu ", t->filter, t->rows.n, t->rows_all);
    else
        snprintf(text, sizeof text, "%zu ", t->rows.n);
    if (x + canvas_columns(c, text) < c->width)
        canvas_right(c, x, y, c->width - x, *t->filter ? TOP_WARN : TOP_DIM, text);
}

static const char *prompt_label(enum top_prompt p)
{
    switch (p) {
    case TOP_ASK_FILTER: return "filter: ";
    case TOP_ASK_RULE: return "trace: ";
    case TOP_ASK_UNTRACE: return "untrace number, or all: ";
    case TOP_ASK_MARK: return "mark: ";
    case TOP_ASK_LIMITS: return "limits: ";
    case TOP_ASK_EMERGENCY: return "stop all hooks at once? type yes: ";
    default: return "";
    }
}

static void status_draw(const struct top *t, struct canvas *c, unsigned y)
{
    if (t->prompt) {
        unsigned x = canvas_text(c, 0, y, c->width, t->prompt == TOP_ASK_EMERGENCY ? TOP_BAD : TOP_BOLD, prompt_label(t->prompt));
        unsigned room = c->width > x + 1 ? c->width - x - 1 : 0, columns = canvas_columns(c, t->typed);
        const char *text = t->typed;
        while (columns > room && *text)     /* its end is what is typed */
            columns = canvas_columns(c, ++text);
        x += canvas_text(c, x, y, room, TOP_PLAIN, text);
        canvas_text(c, x, y, 1, TOP_SELECTED, " ");
        canvas_look(c, x, y, 1, TOP_SELECTED);
    } else if (t->docs.link == TOP_LINK_ENDED && !*t->status) {
        canvas_text(c, 0, y, c->width, TOP_BAD, "The program has ended; this is the last picture. q quits.");
    } else if (t->docs.link == TOP_LINK_REFUSED) {
        canvas_text(c, 0, y, c->width, TOP_BAD, "Only the session's owner and root may ask this collector.");
    } else {
        canvas_text(c, 0, y, c->width, t->status_look, t->status);
    }
}

static void keys_draw(const struct top *t, struct canvas *c, unsigned y)
{
    static const char *const list[][2] = { { "h", "Help" }, { "Enter", "Open" }, { "/", "Filter" }, { "<>", "Sort" }, { "s", "Stop" }, { "t", "Trace" },
                                           { "u", "Untrace" }, { "l", "Limits" }, { "m", "Mark" }, { "S", "Snapshot" }, { "E", "Emergency" }, { "q", "Quit" } };
    static const char *const detail[][2] = { { "Esc", "Back" }, { "r", "Again" }, { "PgDn", "More" }, { "t", "Trace" }, { "q", "Quit" } };
    static const char *const typing[][2] = { { "Enter", "Do it" }, { "Esc", "Leave it" } };
    const char *const(*keys)[2] = t->prompt ? typing : t->mode == TOP_LIST ? list : detail;
    size_t n = t->prompt ? 2 : t->mode == TOP_LIST ? sizeof list / sizeof *list : sizeof detail / sizeof *detail;
    unsigned x = 0;
    for (size_t i = 0; i < n; i++) {
        const char *word = keys[i][1];
        if (!strcmp(word, "Stop") && (!strcmp(top_recording(t), "paused") || !strcmp(top_recording(t), "emergency")))
            word = "Start";
        if (x + strlen(keys[i][0]) + strlen(word) + 2 > c->width)
            return;
        x += canvas_text(c, x, y, c->width, TOP_KEY, keys[i][0]) + (c->width >= WIDE_KEYS);
        x += canvas_text(c, x, y, c->width, TOP_PLAIN, word) + 1;
    }
}

/* ---- the whole ------------------------------------------------------------------------- */

static const char *nothing_text(const struct top *t)
{
    if (!top_document(t))
        return "";
    if (t->rows_all)
        return "Nothing here has that in it; Esc shows all again.";
    switch (t->screen) {
    case TOP_THREADS: return "No traced thread runs.";
    case TOP_SITES: return "Nothing was allocated so far.";
    case TOP_LOCKS: return "No lock was used so far.";
    case TOP_FINDINGS: return "No rule of ownership was broken so far.";
    default: return "No traced process runs.";
    }
}

static void list_draw(struct top *t, struct canvas *c, unsigned y, unsigned rows, bool whole)
{
    const struct top_layout *l = &top_layouts[t->screen];
    bool shown[TOP_COLUMNS_MAX];
    unsigned last = columns_fit(l, c->width, shown);
    heads_draw(t, c, y++, shown, last);
    if (t->at < t->first)
        t->first = t->at;
    if (rows && t->at >= t->first + rows)
        t->first = t->at - rows + 1;
    if (t->first + rows > t->rows.n)
        t->first = t->rows.n > rows ? t->rows.n - rows : 0;
    for (size_t i = t->first; i < t->rows.n && i < t->first + rows; i++)
        row_draw(t, c, y++, &t->rows.rows[i], shown, last, !whole && i == t->at);
    if (!t->rows.n && rows)
        canvas_text(c, 1, y, c->width, TOP_DIM, nothing_text(t));
}

static void lines_draw(struct top *t, struct canvas *c, unsigned y, unsigned rows)
{
    size_t most = t->lines.n > rows ? t->lines.n - rows : 0;
    t->lines_first = t->lines_first < most ? t->lines_first : most;
    for (size_t i = t->lines_first; i < t->lines.n && i < t->lines_first + rows; i++)
        canvas_text(c, 0, y++, c->width, t->lines.lines[i].look, t->lines.lines[i].text);
}

unsigned top_height(const struct top *t, size_t rows)
{
    rows = rows && rows < t->rows.n ? rows : t->rows.n;
    return 4 + 2 + (unsigned)(rows ? rows : 1);
}

void top_draw(struct top *t, struct canvas *c, bool whole)
{
    if (!whole && (c->width < TOP_WIDTH_LEAST || c->height < TOP_HEIGHT_LEAST)) {
        char text[64];
        snprintf(text, sizeof text, "too small: %ux%u", c->width, c->height);
        canvas_text(c, 0, 0, c->width, TOP_WARN, text);
        canvas_text(c, 0, 1, c->width, TOP_DIM, "40x10 is the least");
        return;
    }
    unsigned foot = whole ? 0 : 2, y = top_head(t, c, whole || c->height >= TALL ? 4 : c->height >= MIDDLE ? 3 : 2);
    if (t->mode == TOP_LIST) {
        tabs_draw(t, c, y++);
        list_draw(t, c, y, c->height - y - 1 - foot, whole);
    } else {
        canvas_look(c, 0, y, c->width, TOP_HEAD);
        canvas_text(c, 0, y, c->width, TOP_HEAD, t->mode == TOP_HELP ? " Help" : top_layouts[t->screen].name);
        lines_draw(t, c, y + 1, c->height - y - 1 - foot);
    }
    if (foot) {
        status_draw(t, c, c->height - 2);
        keys_draw(t, c, c->height - 1);
    }
}
