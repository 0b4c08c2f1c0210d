/*
 * collector/cli/table_leaks.c - `ownscope leaks`: sums by class, then each
 * place whose blocks are lost; the same in short for `report` and `run`. Bytes
 * are exact, as they are held against other tools' and other runs'.
 */
#include "cli/table_leaks.h"

#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

enum { FRAMES = 6, BRIEF_FRAMES = 3, BRIEF_ROWS = 5 };

static const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

static const struct { const char *class, *title; } classes[] = {
    { "definite", "definitely lost" }, { "indirect", "indirectly lost" }, { "possible", "possibly lost" },
    { "reachable", "still reachable" }, { "suppressed", "suppressed" }, { "unknown", "of unknown class" } };

/* "Definitely lost" */
static char *title_of(const char *class)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strcmp(class, classes[i].class)) {
            char *title = xstrdup(classes[i].title);
            *title = (char)(*title - 'a' + 'A');
            return title;
        }
    return xstrdup(class);
}

void table_leaks_totals(FILE *out, const json_t *totals, const struct table_style *s)
{
    struct line l;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const json_t *one = get(totals, classes[i].class);
        uint64_t blocks = get_number(one, "blocks");
        if (i > 3 && !blocks)
            continue;
        line_begin(&l, out, s);
        line_right(&l, 19, classes[i].title);
        line_look(&l, i < 3 && i != 1 && blocks ? LOOK_WARN : LOOK_NUMBER);
        line_right(&l, 16, number_count(get_number(one, "bytes")).text);
        line_look(&l, LOOK_PLAIN);
        line_format(&l, " byte%s in %s block%s", plural(get_number(one, "bytes")), number_count(blocks).text, plural(blocks));
        line_end(&l);
    }
}

/* ---- one place ------------------------------------------------------------ */

static void indirect_line(FILE *out, const json_t *leak, const struct table_style *s)
{
    uint64_t blocks = get_number(get(leak, "indirect"), "blocks");
    struct line l;
    if (!blocks)
        return;
    line_begin(&l, out, s);
    line_look(&l, LOOK_NUMBER);
    char *bytes = xasprintf("+ %s", number_count(get_number(get(leak, "indirect"), "bytes")).text);
    line_right(&l, 12, bytes);
    line_right(&l, 12, number_count(blocks).text);
    line_look(&l, LOOK_PLAIN);
    line_format(&l, "  lost with %s", get_number(leak, "blocks") == 1 ? "it" : "them");
    line_end(&l);
    free(bytes);
}

/* What there is to look further with: "b7, b9, b12 and 3 more; t1, malloc, 1.2 ms to 3.4 s". */
static void example_line(FILE *out, const json_t *leak, const struct table_style *s, bool processes)
{
    const json_t *ids = get(leak, "ids");
    uint64_t more = get_number(leak, "blocks") - json_array_size(ids);
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_to(&l, 26);
    for (size_t i = 0; i < json_array_size(ids); i++)
        line_format(&l, "%s%s", i ? ", " : "", json_string_value(json_array_get(ids, i)));
    if (more && more < get_number(leak, "blocks"))
        line_format(&l, " and %s more", number_count(more).text);
    if (processes)
        line_format(&l, "; %s", get_text(leak, "process"));
    if (*get_text(leak, "thread"))
        line_format(&l, "; %s in %s", get_text(leak, "made_by"), get_text(leak, "thread"));
    if (get_number(leak, "oldest_ns") != get_number(leak, "newest_ns"))
        line_format(&l, ", %s to %s", number_time(get_number(leak, "oldest_ns")).text, number_time(get_number(leak, "newest_ns")).text);
    else
        line_format(&l, " at %s", number_time(get_number(leak, "oldest_ns")).text);
    if (*get_text(leak, "fingerprint"))
        line_format(&l, "  [%s]", get_text(leak, "fingerprint"));
    line_end(&l);
}

/* "type Foo, held by b7 Bar (2 of 3)" */
static void type_line(FILE *out, const json_t *leak, const struct table_style *s)
{
    const char *type = get_text(leak, "type"), *holder = get_text(get(leak, "holder"), "what");
    uint64_t held = get_number(get(leak, "holder"), "blocks"), all = get_number(leak, "blocks");
    struct line l;
    if (!*type && !*holder)
        return;
    line_begin(&l, out, s);
    line_to(&l, 26);
    line_format(&l, "%s%s%s%s", *type ? "type " : "", type, *type && *holder ? ", " : "", *holder ? "held by " : "");
    line_text(&l, holder);
    if (held && held < all)
        line_format(&l, " (%s of %s)", number_count(held).text, number_count(all).text);
    line_end(&l);
}

/* To be cut out and put into a file. */
static void suppression(FILE *out, const json_t *leak, const struct table_style *s)
{
    const char *text = get_text(leak, "suppression");
    if (!*text || (s->ask && (fflush(out) || !s->ask())))
        return;
    for (; *text; text++)
        putc((unsigned char)*text < ' ' && *text != '\n' ? '?' : *text, out);
}

static void leak_row(FILE *out, const json_t *leak, const struct table_style *s, bool processes)
{
    struct shown shown = s->brief ? shown_frames(get(leak, "stack"), NULL, BRIEF_FRAMES) : shown_plain(get(leak, "stack"), FRAMES);
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_NUMBER);
    line_right(&l, 12, number_count(get_number(leak, "bytes")).text);
    line_right(&l, 12, number_count(get_number(leak, "blocks")).text);
    line_look(&l, LOOK_PLAIN);
    line_text(&l, "  ");
    line_stack(&l, get(leak, "stack"), &shown);
    indirect_line(out, leak, s);
    if (s->brief)
        return;
    type_line(out, leak, s);
    example_line(out, leak, s, processes);
    suppression(out, leak, s);
}

static void columns(FILE *out, const struct table_style *s)
{
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_right(&l, 12, "bytes");
    line_right(&l, 12, "blocks");
    line_text(&l, "  made by");
    line_end(&l);
}

static void leak_rows(FILE *out, const json_t *list, const struct table_style *s, bool processes)
{
    const char *class = "";
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *leak = json_array_get(list, i);
        if (strcmp(class, get_text(leak, "class")) != 0) {
            char *title = title_of(class = get_text(leak, "class"));
            line_heading(out, s, title);
            columns(out, s);
            free(title);
        }
        leak_row(out, leak, s, processes);
    }
}

static void left_out(FILE *out, const json_t *doc, const char *list, const char *total, const struct table_style *s)
{
    size_t n = json_array_size(get(doc, list));
    uint64_t all = get_number(doc, total);
    struct line l;
    if (all <= n)
        return;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_format(&l, "  and %s more: -n 0 shows all", number_count(all - n).text);
    line_end(&l);
}

/* ---- the whole ------------------------------------------------------------ */

/* "p1 (pid 12), at its exit at 3.20 s; it stood still for 1.2 ms" */
static void snapshot_head(FILE *out, const json_t *one, const struct table_style *s)
{
    static const struct { const char *why, *words; } moments[] = {
        { "asked", "asked for" }, { "exit", "at its exit" }, { "abort", "at its abort" }, { "signal", "at a fatal signal" } };
    const char *why = get_text(one, "why"), *words = why;
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
        if (!strcmp(why, moments[i].why))
            words = moments[i].words;
    char *mark = *get_text(one, "mark") ? xasprintf("at the mark %s", get_text(one, "mark")) : NULL;
    char *pause = get_number(one, "pause_ns") ? xasprintf("; it stood still for %s", number_time(get_number(one, "pause_ns")).text) : xstrdup("");
    char *moment = get_number(one, "number") ? xasprintf("%s, at %s", mark ? mark : words, number_time(get_number(one, "ns")).text)
                                             : xstrdup("no snapshot");
    char *text = xasprintf("%s (pid %s), %s%s%s", get_text(one, "process"), number_plain(get_number(one, "pid")).text, moment, pause,
                           json_is_true(get(one, "doubtful")) ? "; events of it were lost before" : "");
    line_wrapped(out, s, LOOK_HEAD, 0, 2, text);
    if (*get_text(one, "refused")) {
        char *refused = xasprintf("%s: %s", strcmp(get_text(one, "how"), "unread") ? "in doubt" : "classes unknown", get_text(one, "refused"));
        line_wrapped(out, s, LOOK_WARN, 2, 4, refused);
        free(refused);
    }
    free(text), free(mark), free(pause), free(moment);
}

void table_leaks(FILE *out, const json_t *doc, const struct table_style *s)
{
    static const char *const kinds[] = { "classes", "lost", "drops", "file", "nothing", NULL };
    const json_t *snapshots = get(doc, "snapshots");
    size_t n = json_array_size(snapshots);
    if (!n)
        line_wrapped(out, s, LOOK_PLAIN, 0, 2, "no heap was looked at: there is no snapshot of this moment");
    for (size_t i = 0; i < n; i++) {
        snapshot_head(out, json_array_get(snapshots, i), s);
        table_leaks_totals(out, get(json_array_get(snapshots, i), "totals"), s);
    }
    if (get_number(doc, "since_ns")) {
        char *text = xasprintf("only blocks made after %s", number_time(get_number(doc, "since_ns")).text);
        line_wrapped(out, s, LOOK_PLAIN, 0, 2, text);
        free(text);
    }
    leak_rows(out, get(doc, "leaks"), s, n > 1);
    left_out(out, doc, "leaks", "leaks_total", s);
    leak_rows(out, get(doc, "live"), s, n > 1);
    left_out(out, doc, "live", "live_total", s);
    if (s->verbose)
        table_suppressions(out, doc, s);
    table_not_covered(out, doc, s, kinds);
}

void table_leaks_brief(FILE *out, const json_t *leaks, const struct table_style *s)
{
    const json_t *list = get(leaks, "top");
    struct table_style brief = *s;
    struct line l;
    brief.brief = true;
    line_heading(out, s, "Leaks");
    table_leaks_totals(out, get(leaks, "totals"), s);
    if (!json_array_size(list))
        return;
    line_begin(&l, out, s);
    line_end(&l);
    columns(out, s);
    for (size_t i = 0; i < json_array_size(list) && i < BRIEF_ROWS; i++)
        leak_row(out, json_array_get(list, i), &brief, false);
    line_look(&l, LOOK_DIM);
    line_text(&l, "  ownscope leaks shows all of them, whole");
    line_end(&l);
}
