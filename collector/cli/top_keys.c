/*
 * collector/cli/top_keys.c - what a key does in `ownscope top`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cli/table_line.h"
#include "cli/top.h"
#include "event/xalloc.h"

/* ---- typing ------------------------------------------------------------------------ */

static void prompt_open(struct top *t, enum top_prompt p, const char *text)
{
    t->prompt = p;
    snprintf(t->typed, sizeof t->typed, "%s", text);
}

static void filter_apply(struct top *t, const char *text)
{
    snprintf(t->filter, sizeof t->filter, "%s", text);
    t->first = 0;
    top_again(t);
}

static void prompt_done(struct top *t)
{
    enum top_prompt p = t->prompt;
    t->prompt = TOP_ASK_NOTHING;
    switch (p) {
    case TOP_ASK_FILTER: filter_apply(t, t->typed); break;
    case TOP_ASK_RULE: if (*t->typed) top_order(t, "trace", t->typed); break;
    case TOP_ASK_UNTRACE: if (*t->typed) top_order(t, "untrace", t->typed); break;
    case TOP_ASK_MARK: if (*t->typed) top_order(t, "mark", t->typed); break;
    case TOP_ASK_LIMITS: if (*t->typed) top_order(t, "limits", t->typed); break;
    case TOP_ASK_EMERGENCY:
        if (!strcmp(t->typed, "yes"))
            top_emergency(t);
        else
            top_say(t, TOP_DIM, "nothing was stopped");
        break;
    default: break;
    }
}

static void typed_add(struct top *t, uint32_t key)
{
    size_t n = strlen(t->typed);
    char bytes[4];
    size_t more = 1;
    if (key < 0x80) {
        bytes[0] = (char)key;
    } else if (key < 0x800) {
        bytes[0] = (char)(0xc0 | key >> 6);
        bytes[1] = (char)(0x80 | (key & 0x3f));
        more = 2;
    } else if (key < 0x10000) {
        bytes[0] = (char)(0xe0 | key >> 12);
        bytes[1] = (char)(0x80 | (key >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (key & 0x3f));
        more = 3;
    } else {
        bytes[0] = (char)(0xf0 | key >> 18);
        bytes[1] = (char)(0x80 | (key >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (key >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (key & 0x3f));
        more = 4;
    }
    if (n + more >= sizeof t->typed)
        return;
    memcpy(t->typed + n, bytes, more);
    t->typed[n + more] = 0;
}

static void typed_cut(struct top *t)
{
    size_t n = strlen(t->typed);
    while (n && ((unsigned char)t->typed[n - 1] & 0xc0) == 0x80)
        n--;
    t->typed[n ? n - 1 : 0] = 0;
}

static void prompt_key(struct top *t, uint32_t key)
{
    if (key == TOP_KEY_ENTER)
        prompt_done(t);
    else if (key == TOP_KEY_ESCAPE || key == 3 /* Ctrl-C */)
        t->prompt = TOP_ASK_NOTHING;
    else if (key == TOP_KEY_BACKSPACE)
        typed_cut(t);
    else if (key == 21 /* Ctrl-U */)
        *t->typed = 0;
    else if (key >= ' ' && key < TOP_KEY_UP && key != 0x7f)
        typed_add(t, key);
    if (t->prompt == TOP_ASK_FILTER)
        filter_apply(t, t->typed);
}

/* ---- looking ------------------------------------------------------------------------- */

static void screen_set(struct top *t, enum top_screen screen)
{
    t->mode = TOP_LIST;
    if (screen == t->screen)
        return;
    t->screen = screen;
    t->at = t->first = 0;
    free(t->selected);
    t->selected = NULL;
    if (t->feed)
        top_feed_screen(t->feed, screen);
    top_again(t);
}

static void sort_move(struct top *t, int by)
{
    size_t n = top_layouts[t->screen].n;
    t->sort[t->screen] = (t->sort[t->screen] + n + (size_t)by) % n;
    t->reversed[t->screen] = false;
    top_again(t);
}

/* Where a key leads among n, `page` of which are seen; SIZE_MAX: it is no such key. */
static size_t moved(uint32_t key, size_t at, size_t n, size_t page)
{
    switch (key) {
    case TOP_KEY_UP: case 'k': return at ? at - 1 : 0;
    case TOP_KEY_DOWN: case 'j': return at + 1;
    case TOP_KEY_PAGE_UP: return at > page ? at - page : 0;
    case TOP_KEY_PAGE_DOWN: case ' ': return at + page;
    case TOP_KEY_HOME: case 'g': return 0;
    case TOP_KEY_END: case 'G': return n ? n - 1 : 0;
    default: return SIZE_MAX;
    }
}

static bool lines_key(struct top *t, uint32_t key, unsigned page)
{
    size_t at = moved(key, t->lines_first, t->lines.n, page);
    if (at != SIZE_MAX)
        t->lines_first = at < t->lines.n ? at : t->lines.n;
    else if (key == TOP_KEY_ESCAPE || key == TOP_KEY_ENTER || key == TOP_KEY_LEFT || key == TOP_KEY_BACKSPACE || key == TOP_KEY_QUIT || key == 'q' || key == 'h')
        t->mode = TOP_LIST;
    else if (key == 'r' && t->mode == TOP_DETAIL && top_rows_find(&t->rows, t->detail_key) != SIZE_MAX) {
        t->at = top_rows_find(&t->rows, t->detail_key);
        top_detail_open(t);
    } else
        return false;
    return true;
}

/* ---- verbs --------------------------------------------------------------------------- */

static void untrace_ask(struct top *t)
{
    const json_t *rules = get(t->docs.control, "rules");
    size_t n = json_array_size(rules);
    char text[32] = "";
    if (!n) {
        top_say(t, TOP_DIM, "there is no rule to take away: everything is recorded");
        return;
    }
    snprintf(text, sizeof text, "%llu", (unsigned long long)get_number(json_array_get(rules, n - 1), "number"));
    prompt_open(t, TOP_ASK_UNTRACE, text);
}

static bool verb_key(struct top *t, uint32_t key)
{
    const char *state = top_recording(t);
    char *rule;
    switch (key) {
    case 's':
        top_order(t, strcmp(state, "paused") && strcmp(state, "emergency") && strcmp(state, "tripped") ? "stop" : "start", "");
        return true;
    case 't':
        rule = top_rule(t);
        prompt_open(t, TOP_ASK_RULE, rule);
        free(rule);
        return true;
    case 'u': untrace_ask(t); return true;
    case 'l': prompt_open(t, TOP_ASK_LIMITS, ""); return true;
    case 'm': prompt_open(t, TOP_ASK_MARK, ""); return true;
    case 'S': top_order(t, "snapshot", t->screen == TOP_PROCESSES && t->at < t->rows.n ? get_text(t->rows.rows[t->at].doc, "id") : ""); return true;
    case 'R': top_order(t, "reset", ""); return true;
    case 'E': prompt_open(t, TOP_ASK_EMERGENCY, ""); return true;
    default: return false;
    }
}

static void list_key(struct top *t, uint32_t key, unsigned page)
{
    size_t at = moved(key, t->at, t->rows.n, page);
    if (at != SIZE_MAX) {
        top_select(t, at);
        return;
    }
    switch (key) {
    case TOP_KEY_ENTER: top_detail_open(t); break;
    case TOP_KEY_TAB: case TOP_KEY_RIGHT: screen_set(t, (enum top_screen)((t->screen + 1) % TOP_SCREENS)); break;
    case TOP_KEY_BACKTAB: case TOP_KEY_LEFT: screen_set(t, (enum top_screen)((t->screen + TOP_SCREENS - 1) % TOP_SCREENS)); break;
    case '>': case TOP_KEY_SORT: sort_move(t, 1); break;
    case '<': sort_move(t, -1); break;
    case 'I':
        t->reversed[t->screen] = !t->reversed[t->screen];
        top_again(t);
        break;
    case '/': case TOP_KEY_FILTER: prompt_open(t, TOP_ASK_FILTER, t->filter); break;
    case TOP_KEY_ESCAPE: filter_apply(t, ""); break;
    case 'z':
        top_growth_reset(&t->growth);
        t->live_first = json_number_value(get(get(t->docs.states, "totals"), "live_bytes"));
        t->first_s = (double)get_number(t->docs.states, "at_ns") / 1e9;
        top_again(t);
        break;
    case 'q': case TOP_KEY_QUIT: t->quit = true; break;
    default: break;
    }
}

void top_key(struct top *t, uint32_t key, unsigned page)
{
    page = page ? page : 1;
    if (t->prompt) {
        prompt_key(t, key);
        return;
    }
    *t->status = 0;
    if (key >= '1' && key < '1' + TOP_SCREENS) {
        screen_set(t, (enum top_screen)(key - '1'));
        return;
    }
    if (t->mode != TOP_LIST && lines_key(t, key, page))
        return;
    if (verb_key(t, key))
        return;
    if (key == 'h' || key == '?' || key == TOP_KEY_HELP)
        top_help_make(t);
    else if (key == 'r' && t->feed)
        top_feed_hurry(t->feed);
    else if (t->mode == TOP_LIST)
        list_key(t, key, page);
}
