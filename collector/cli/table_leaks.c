/*
 * collector/cli/table_leaks.c - `ownscope leaks`: sums by class, then each
 * place whose blocks are lost; the same in short for `report` and `run`. Bytes
 * are exact, as they are held against other tools' and other runs'.
 */
#include "cli/table_leaks.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

enum { FRAMES = 12 /* as memcheck */, BRIEF_FRAMES = 3, BRIEF_ROWS = 5, HEADS = 3, PROCESSES = 15 };

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

/* What samples stand for, in a line of its own. */
static void stand_for(struct line *l, unsigned column, const json_t *e)
{
    if (!json_is_object(e))
        return;
    line_look(l, LOOK_DIM);
    line_to(l, column);
    line_format(l, "%s sample%s: ~%s ±%s bytes in ~%s ±%s blocks", number_count(get_number(e, "samples")).text, plural(get_number(e, "samples")),
                number_count(get_number(e, "bytes")).text, number_count(get_number(e, "error_bytes")).text,
                number_count(get_number(e, "blocks")).text, number_count(get_number(e, "error_blocks")).text);
    line_look(l, LOOK_PLAIN);
    line_end(l);
}

/* From the first of `classes` on: without the four, where no memory was read and they are not known. */
static void totals_from(FILE *out, const json_t *totals, size_t first, const struct table_style *s)
{
    struct line l;
    for (size_t i = first; i < sizeof classes / sizeof *classes; i++) {
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
        stand_for(&l, 20, get(one, "estimated"));
    }
}

static bool only_unknown(const json_t *totals)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes - 1; i++)
        if (get_number(get(totals, classes[i].class), "blocks"))
            return false;
    return get_number(get(totals, "unknown"), "blocks") > 0;
}

/* One line a class. */
static void table_leaks_totals(FILE *out, const json_t *totals, const struct table_style *s) { totals_from(out, totals, 0, s); }

/* ---- rows ----------------------------------------------------------------- */

/* Leaks that read the same, in all processes together. */
struct row {
    const json_t *leak;         /* the first one */
    json_t *processes;          /* a set */
    uint64_t leaks, blocks, bytes, indirect_blocks, indirect_bytes, oldest_ns, newest_ns;
};

static bool is_same(const json_t *a, const json_t *b)
{
    static const char *const keys[] = { "class", "fingerprint", "stack", "type", "known" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if ((get(a, keys[i]) || get(b, keys[i])) && !json_equal((json_t *)get(a, keys[i]), (json_t *)get(b, keys[i])))
            return false;
    return true;
}

static void row_add(struct row *r, const json_t *leak)
{
    uint64_t oldest = get_number(leak, "oldest_ns"), newest = get_number(leak, "newest_ns");
    if (!r->leaks++) {
        r->leak = leak;
        r->oldest_ns = oldest;
        r->processes = json_object();
    }
    json_object_set_new(r->processes, get_text(leak, "process"), json_true());
    r->blocks += get_number(leak, "blocks");
    r->bytes += get_number(leak, "bytes");
    r->indirect_blocks += get_number(get(leak, "indirect"), "blocks");
    r->indirect_bytes += get_number(get(leak, "indirect"), "bytes");
    r->oldest_ns = oldest < r->oldest_ns ? oldest : r->oldest_ns;
    r->newest_ns = newest > r->newest_ns ? newest : r->newest_ns;
}

/* In the document's order. */
static struct row *rows_of(const json_t *list, size_t *n)
{
    size_t all = json_array_size(list), slots = 64;
    struct row *rows = xcalloc(all + 1, sizeof *rows);
    while (slots < all * 2)
        slots *= 2;
    uint32_t *index = xcalloc(slots, sizeof *index);    /* open addressing: position + 1 */
    *n = 0;
    for (size_t i = 0; i < all; i++) {
        const json_t *leak = json_array_get(list, i);
        const char *print = get_text(leak, "fingerprint");
        size_t at = XXH3_64bits(print, strlen(print)) & (slots - 1);
        while (index[at] && !is_same(rows[index[at] - 1].leak, leak))
            at = (at + 1) & (slots - 1);
        if (!index[at])
            index[at] = (uint32_t)++*n;
        row_add(&rows[index[at] - 1], leak);
    }
    free(index);
    return rows;
}

static void rows_free(struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_decref(rows[i].processes);
    free(rows);
}

/* ---- one place ------------------------------------------------------------ */

static void indirect_line(FILE *out, const struct row *r, const struct table_style *s)
{
    struct line l;
    if (!r->indirect_blocks)
        return;
    line_begin(&l, out, s);
    line_look(&l, LOOK_NUMBER);
    char *bytes = xasprintf("+ %s", number_count(r->indirect_bytes).text);
    line_right(&l, 12, bytes);
    line_right(&l, 12, number_count(r->indirect_blocks).text);
    line_look(&l, LOOK_PLAIN);
    line_format(&l, "  lost with %s", r->blocks == 1 ? "it" : "them");
    line_end(&l);
    free(bytes);
}

/* What there is to look further with: "b7, b9, b12 and 3 more; t1, malloc, 1.2 ms to 3.4 s". */
static void example_line(FILE *out, const struct row *r, const struct table_style *s, bool processes)
{
    const json_t *leak = r->leak, *ids = get(leak, "ids");
    uint64_t more = r->blocks - json_array_size(ids);
    size_t in = json_object_size(r->processes);
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_to(&l, 26);
    for (size_t i = 0; i < json_array_size(ids); i++)
        line_format(&l, "%s%s", i ? ", " : "", json_string_value(json_array_get(ids, i)));
    if (more && more < r->blocks)
        line_format(&l, " and %s more", number_count(more).text);
    if (in > 1)
        line_format(&l, "; in %zu processes", in);
    else if (processes)
        line_format(&l, "; %s", get_text(leak, "process"));
    if (*get_text(leak, "thread"))
        line_format(&l, "; %s in %s%s", get_text(leak, "made_by"), get_text(leak, "thread"), in > 1 ? " first" : "");
    if (r->oldest_ns != r->newest_ns)
        line_format(&l, ", %s to %s", number_time(r->oldest_ns).text, number_time(r->newest_ns).text);
    else
        line_format(&l, " at %s", number_time(r->oldest_ns).text);
    if (*get_text(leak, "fingerprint"))
        line_format(&l, "  [%s]", get_text(leak, "fingerprint"));
    line_end(&l);
}

/* "type Foo, held by b7 Bar (2 of 3)" */
static void type_line(FILE *out, const struct row *r, const struct table_style *s)
{
    const json_t *leak = r->leak;
    const char *type = get_text(leak, "type"), *holder = r->leaks == 1 ? get_text(get(leak, "holder"), "what") : "";
    uint64_t held = get_number(get(leak, "holder"), "blocks"), all = get_number(leak, "blocks");
    struct line l;
    if (!*type && !*holder)
        return;
    line_begin(&l, out, s);
    line_to(&l, 26);
    line_format(&l, "%s%s%s%s", *type ? "type " : "", type, *type && *holder ? ", " : "", *holder ? "held by " : "");
    line_text(&l, holder);
    if (*holder && held < all)
        line_format(&l, " (%s of %s)", number_count(held).text, number_count(all).text);
    line_end(&l);
}

/* What default.supp says of it. */
static void known_line(FILE *out, const struct row *r, const struct table_style *s)
{
    struct line l;
    if (!*get_text(r->leak, "known"))
        return;
    line_begin(&l, out, s);
    line_to(&l, 26);
    line_format(&l, "known: no finding (%s)", get_text(r->leak, "known"));
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

static void leak_row(FILE *out, const struct row *r, const struct table_style *s, bool processes)
{
    const json_t *stack = get(r->leak, "stack");
    struct shown shown = s->brief ? shown_frames(stack, NULL, BRIEF_FRAMES) : shown_long(stack, FRAMES);
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_NUMBER);
    line_right(&l, 12, number_count(r->bytes).text);
    line_right(&l, 12, number_count(r->blocks).text);
    line_look(&l, LOOK_PLAIN);
    line_text(&l, "  ");
    line_stack(&l, stack, &shown);
    if (r->leaks == 1)
        stand_for(&l, 26, get(r->leak, "estimated"));
    indirect_line(out, r, s);
    if (s->brief)
        return;
    type_line(out, r, s);
    known_line(out, r, s);
    example_line(out, r, s, processes);
    suppression(out, r->leak, s);
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
    size_t n;
    struct row *rows = rows_of(list, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(class, get_text(rows[i].leak, "class")) != 0) {
            char *title = title_of(class = get_text(rows[i].leak, "class"));
            line_heading(out, s, title);
            columns(out, s);
            free(title);
        }
        leak_row(out, &rows[i], s, processes);
    }
    rows_free(rows, n);
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
static bool classes_unknown(const json_t *one) { return *get_text(one, "refused") && !strcmp(get_text(one, "how"), "unread"); }

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
        char *refused = xasprintf("%s: %s", classes_unknown(one) ? "classes unknown" : "in doubt", get_text(one, "refused"));
        line_wrapped(out, s, LOOK_WARN, 2, 4, refused);
        free(refused);
    }
    free(text), free(mark), free(pause), free(moment);
}

/* Many processes: sums of all, and a line for each that lost anything. */
static void process_lines(FILE *out, const json_t *snapshots, const struct table_style *s)
{
    static const char *const shown[] = { "definite", "indirect", "possible", "reachable", "unknown" };
    size_t n = json_array_size(snapshots), told = 0, quiet = 0;
    struct line l;
    line_begin(&l, out, s);
    line_end(&l);
    line_look(&l, LOOK_DIM);
    line_text(&l, "  process       pid  definite bytes    indirect    possible   reachable     unknown");
    line_end(&l);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(snapshots, i), *totals = get(one, "totals");
        if (!get_number(get(totals, "definite"), "blocks") && !get_number(get(totals, "possible"), "blocks") &&
            !get_number(get(totals, "unknown"), "blocks")) {
            quiet++;
            continue;
        }
        if (told++ >= PROCESSES)
            continue;
        line_to(&l, 2);
        line_left(&l, 7, get_text(one, "process"));
        line_right(&l, 10, number_plain(get_number(one, "pid")).text);
        for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
            line_look(&l, k ? LOOK_PLAIN : LOOK_NUMBER);
            line_right(&l, k ? 12 : 16, k < 4 && classes_unknown(one) ? "-" : number_count(get_number(get(totals, shown[k]), "bytes")).text);
        }
        line_look(&l, LOOK_PLAIN);
        line_end(&l);
    }
    line_look(&l, LOOK_DIM);
    if (told > PROCESSES) {
        line_format(&l, "  and %zu more: --process ID shows one", told - PROCESSES);
        line_end(&l);
    }
    if (quiet) {
        line_format(&l, "  and %zu process%s that lost nothing", quiet, quiet == 1 ? "" : "es");
        line_end(&l);
    }
}

static void heads(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *snapshots = get(doc, "snapshots");
    size_t n = json_array_size(snapshots);
    if (!n) {
        const char *why = *get_text(doc, "refused") ? get_text(doc, "refused") : "there is no snapshot of this moment";
        char *text = xasprintf("no heap was looked at: %s", why);
        line_wrapped(out, s, LOOK_PLAIN, 0, 2, text);
        free(text);
    }
    for (size_t i = 0; i < n && n <= HEADS; i++) {
        snapshot_head(out, json_array_get(snapshots, i), s);
        totals_from(out, get(json_array_get(snapshots, i), "totals"), classes_unknown(json_array_get(snapshots, i)) ? 4 : 0, s);
    }
    if (n <= HEADS)
        return;
    char *text = xasprintf("%zu processes, by the newest snapshot of each", n);
    line_wrapped(out, s, LOOK_HEAD, 0, 2, text);
    free(text);
    table_leaks_totals(out, get(doc, "totals"), s);
    process_lines(out, snapshots, s);
}

void table_leaks(FILE *out, const json_t *doc, const struct table_style *s)
{
    static const char *const kinds[] = { "classes", "lost", "drops", "file", "nothing", NULL };
    bool processes = json_array_size(get(doc, "snapshots")) > 1;
    heads(out, doc, s);
    if (get_number(doc, "since_ns")) {
        char *text = xasprintf("only blocks made after %s", number_time(get_number(doc, "since_ns")).text);
        line_wrapped(out, s, LOOK_PLAIN, 0, 2, text);
        free(text);
    }
    leak_rows(out, get(doc, "leaks"), s, processes);
    left_out(out, doc, "leaks", "leaks_total", s);
    leak_rows(out, get(doc, "live"), s, processes);
    left_out(out, doc, "live", "live_total", s);
    if (s->verbose)
        table_suppressions(out, doc, s);
    table_not_covered(out, doc, s, kinds);
}

void table_leaks_brief(FILE *out, const json_t *leaks, const struct table_style *s)
{
    struct table_style brief = *s;
    struct line l;
    size_t n;
    struct row *rows = rows_of(get(leaks, "top"), &n);
    brief.brief = true;
    line_heading(out, s, "Leaks");
    totals_from(out, get(leaks, "totals"), only_unknown(get(leaks, "totals")) ? 4 : 0, s);
    if (n) {
        line_begin(&l, out, s);
        line_end(&l);
        columns(out, s);
        for (size_t i = 0; i < n && i < BRIEF_ROWS; i++)
            leak_row(out, &rows[i], &brief, false);
        line_look(&l, LOOK_DIM);
        line_text(&l, "  ownscope leaks shows all of them, and more of their stacks");
        line_end(&l);
    }
    rows_free(rows, n);
}
