/*
 * collector/cli/table_graph.c - `ownscope graph`: what retains most, as a tree;
 * the roots; groups; or one node with the ways to it.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

enum { SNAPSHOT_ROWS = 8, TREE_ROWS = 40, TREE_CHILDREN = 5, ROOT_ROWS = 15, GROUP_ROWS = 40, LIST_ROWS = 15, PATH_ROWS = 24, ESTIMATE_WIDTH = 40 };

static void more(FILE *out, const struct table_style *s, uint64_t all, size_t shown)
{
    struct line l;
    if (all <= shown)
        return;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_format(&l, "  and %s more: --json and -n have them", number_count(all - shown).text);
    line_end(&l);
}

static void dim(FILE *out, const struct table_style *s, const char *text)
{
    line_wrapped(out, s, LOOK_DIM, 2, 4, text);
}

/* ---- what is known ---------------------------------------------------------------- */

static void snapshot_line(FILE *out, const json_t *j, const struct table_style *s)
{
    char *text, *blocks = xasprintf("%s: %s block%s", get_text(j, "process"), number_count(get_number(j, "blocks")).text,
                                    get_number(j, "blocks") == 1 ? "" : "s");
    if (get_number(j, "number"))
        text = xasprintf("%s at %s (%s%s%s), memory %s", blocks, number_time(get_number(j, "ns")).text, get_text(j, "why"),
                         *get_text(j, "mark") ? " " : "", get_text(j, "mark"), get_text(j, "how"));
    else
        text = xasprintf("%s at %s, no snapshot", blocks, number_time(get_number(j, "ns")).text);
    free(blocks);
    if (get_number(j, "pause_ns")) {
        char *longer = xasprintf("%s in a pause of %s", text, number_time(get_number(j, "pause_ns")).text);
        free(text);
        text = longer;
    }
    line_wrapped(out, s, LOOK_PLAIN, 0, 2, text);
    free(text);
    if (*get_text(j, "refused")) {
        text = xasprintf("who holds what is unknown: %s", get_text(j, "refused"));
        line_wrapped(out, s, LOOK_WARN, 2, 4, text);
        free(text);
    }
    if (json_is_true(get(j, "stacks_unknown")))
        line_wrapped(out, s, LOOK_WARN, 2, 4, "some threads could not be stopped: what only they hold counts as lost");
    if (json_is_true(get(j, "doubtful")))
        line_wrapped(out, s, LOOK_WARN, 2, 4, "events were lost before: blocks may be missing or gone");
}

static void class_word(char **text, const json_t *totals, const char *class)
{
    const json_t *c = get(totals, class);
    char *longer = xasprintf("%s, %s %s (%s)", *text, class, number_bytes(get_number(c, "bytes")).text, number_count(get_number(c, "blocks")).text);
    free(*text);
    *text = longer;
}

static void head(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *snapshots = get(doc, "snapshots"), *totals = get(doc, "totals");
    for (size_t i = 0; i < json_array_size(snapshots) && i < SNAPSHOT_ROWS; i++)
        snapshot_line(out, json_array_get(snapshots, i), s);
    more(out, s, json_array_size(snapshots), SNAPSHOT_ROWS);
    if (!json_array_size(snapshots)) {
        line_wrapped(out, s, LOOK_WARN, 0, 2, get_text(doc, "refused"));
        return;
    }
    char *text = xasprintf("%s in %s blocks", number_bytes(get_number(totals, "bytes")).text, number_count(get_number(totals, "blocks")).text);
    if (json_is_object(get(totals, "definite"))) {
        static const char *const classes[] = { "reachable", "possible", "indirect", "definite" };
        for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
            class_word(&text, totals, classes[i]);
    }
    line_wrapped(out, s, LOOK_HEAD, 0, 2, text);
    free(text);
    if (json_is_object(get(totals, "estimated"))) {
        const json_t *e = get(totals, "estimated");
        text = xasprintf("%s of them are samples: the heap has ~%s ±%s in ~%s ±%s blocks; what is below are those that were recorded",
                         number_count(get_number(e, "samples")).text, number_bytes(get_number(e, "bytes")).text, number_bytes(get_number(e, "error_bytes")).text,
                         number_count(get_number(e, "blocks")).text, number_count(get_number(e, "error_blocks")).text);
        line_wrapped(out, s, LOOK_WARN, 2, 4, text);
        free(text);
    }
    if (get_number(doc, "since_ns")) {
        text = xasprintf("below, only blocks made after %s count", number_time(get_number(doc, "since_ns")).text);
        line_wrapped(out, s, LOOK_PLAIN, 0, 2, text);
        free(text);
    }
}

/* ---- a node's name ------------------------------------------------------------------ */

/* "b12 Foo[] 320 B", "r3 app:table" */
static char *node_name(const json_t *j)
{
    const char *type = get_text(j, "type"), *class = get_text(j, "class");
    if (!strcmp(get_text(j, "kind"), "root"))
        return xasprintf("%s %s", get_text(j, "id"), get_text(j, "where"));
    if (!strcmp(get_text(j, "kind"), "lost"))
        return xstrdup("lost: nothing holds it");
    bool telling = *class && strcmp(class, "reachable") != 0;
    return xasprintf("%s %s, %s%s%s", get_text(j, "id"), *type ? type : get_text(j, "family"), number_bytes(get_number(j, "size_bytes")).text,
                     telling ? ", " : "", telling ? class : "");
}

/* Of which process, where there are several. */
static void of_process(struct line *l, const json_t *doc, const json_t *j)
{
    if (json_array_size(get(doc, "snapshots")) > 1)
        line_format(l, " (%s)", get_text(j, "process"));
    line_end(l);
}

static void node_end(struct line *l, const json_t *doc, const json_t *j)
{
    char *name = node_name(j);
    line_text(l, name);
    free(name);
    of_process(l, doc, j);
}

/* ---- the tree ------------------------------------------------------------------------ */

static void tree_row(FILE *out, const json_t *doc, const json_t *j, uint64_t whole, unsigned depth, size_t *left, const struct table_style *s)
{
    const json_t *children = get(j, "children");
    struct line l;
    if (!*left)
        return;
    --*left;
    line_begin(&l, out, s);
    line_look(&l, LOOK_NUMBER);
    line_right(&l, 12, number_bytes(get_number(j, "retained_bytes")).text);
    line_look(&l, LOOK_PLAIN);
    line_right(&l, 8, number_share(get_number(j, "retained_bytes"), whole).text);
    line_right(&l, 12, number_count(get_number(j, "retained_blocks")).text);
    line_text(&l, "  ");
    for (unsigned i = 0; i < depth; i++)
        line_text(&l, "  ");
    node_end(&l, depth ? NULL : doc, j);    /* its children are the same one's */
    for (size_t i = 0; i < json_array_size(children) && i < TREE_CHILDREN; i++)
        tree_row(out, doc, json_array_get(children, i), whole, depth + 1, left, s);
}

static void tree(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "dominators"), *totals = get(doc, "totals");
    uint64_t whole = get_number(totals, "bytes") + get_number(totals, "mapped_bytes");
    size_t left = TREE_ROWS, shown = 0;
    struct line l;
    if (!json_array_size(list))
        return;
    line_heading(out, s, "Who holds most (indented: what would go with it)");
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_text(&l, "    retained   share      blocks  by");
    line_end(&l);
    for (; shown < json_array_size(list) && left; shown++)
        tree_row(out, doc, json_array_get(list, shown), whole, 0, &left, s);
    more(out, s, get_number(doc, "dominators_total"), shown);
}

static void roots(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "roots");
    size_t shown = 0;
    struct line l;
    if (!json_array_size(list))
        return;
    line_heading(out, s, "Roots");
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_text(&l, "    retained      blocks    pointers  root");
    line_end(&l);
    for (; shown < json_array_size(list) && shown < ROOT_ROWS; shown++) {
        const json_t *j = json_array_get(list, shown);
        line_look(&l, LOOK_NUMBER);
        line_right(&l, 12, number_bytes(get_number(j, "retained_bytes")).text);
        line_look(&l, LOOK_PLAIN);
        line_right(&l, 12, number_count(get_number(j, "retained_blocks")).text);
        line_right(&l, 12, number_count(get_number(j, "pointers")).text);
        line_text(&l, "  ");
        node_end(&l, doc, j);
    }
    more(out, s, get_number(doc, "roots_total"), shown);
}

/* ---- groups ---------------------------------------------------------------------------- */

static void group_name(struct line *l, const json_t *doc, const json_t *j, const char *by)
{
    const char *kind = get_text(j, "kind");
    if (!strcmp(by, "site") && json_is_array(get(j, "stack"))) {
        struct shown shown = shown_frames(get(j, "stack"), NULL, 2);
        line_stack(l, get(j, "stack"), &shown);
        return;
    }
    if (!strcmp(by, "root") && !strcmp(kind, "root"))
        line_format(l, "%s %s", get_text(j, "id"), get_text(j, "where"));
    else if (!strcmp(by, "root"))
        line_text(l, !strcmp(kind, "several") ? "held by several roots" : !strcmp(kind, "loose") ? "mappings that nothing points to" : "lost: nothing holds it");
    else if (!strcmp(by, "thread"))
        line_format(l, "%s%s%s%s", *get_text(j, "thread") ? get_text(j, "thread") : get_text(j, "process"), *get_text(j, "name") ? " (" : "",
                    get_text(j, "name"), *get_text(j, "name") ? ")" : "");
    else
        line_text(l, *get_text(j, by) ? get_text(j, by) : "not known");
    of_process(l, strcmp(by, "root") ? NULL : doc, j);
}

/* What a group's samples stand for: "~12.0 KiB ±3.1 KiB in ~15 ±6"; nothing of one that is known whole. */
static void group_estimate(struct line *l, const json_t *e)
{
    char *text = json_is_object(e) ? xasprintf("~%s ±%s in ~%s ±%s", number_bytes(get_number(e, "bytes")).text, number_bytes(get_number(e, "error_bytes")).text,
                                               number_count(get_number(e, "blocks")).text, number_count(get_number(e, "error_blocks")).text) : xstrdup("");
    line_text(l, "  ");
    line_left(l, ESTIMATE_WIDTH, text);
    free(text);
}

static void groups(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "groups");
    const char *by = get_text(doc, "by");
    bool sampled = json_is_object(get(get(doc, "totals"), "estimated"));
    size_t shown = 0;
    struct line l;
    char *title = xasprintf("By %s", by);
    line_heading(out, s, title);
    free(title);
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_text(&l, "    retained       bytes      blocks  ");
    if (sampled)
        line_left(&l, ESTIMATE_WIDTH + 2, "standing for, in all");
    line_text(&l, by);
    line_end(&l);
    for (; shown < json_array_size(list) && shown < GROUP_ROWS; shown++) {
        const json_t *j = json_array_get(list, shown);
        line_look(&l, LOOK_NUMBER);
        line_right(&l, 12, json_is_integer(get(j, "retained_bytes")) ? number_bytes(get_number(j, "retained_bytes")).text : "-");
        line_look(&l, LOOK_PLAIN);
        line_right(&l, 12, number_bytes(get_number(j, "bytes")).text);
        line_right(&l, 12, number_count(get_number(j, "blocks")).text);
        if (sampled)
            group_estimate(&l, get(j, "estimated"));
        line_text(&l, "  ");
        group_name(&l, doc, j, by);
    }
    more(out, s, get_number(doc, "groups_total"), shown);
}

/* ---- one node ---------------------------------------------------------------------------- */

static void field(FILE *out, const struct table_style *s, const char *label, const char *text)
{
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_text(&l, "  ");
    line_left(&l, 12, label);
    line_look(&l, LOOK_PLAIN);
    line_text(&l, text);
    line_end(&l);
}

/* Of a block, where its document names none. */
static const char *no_holder(const json_t *block)
{
    const char *class = get_text(block, "class");
    bool lost = !strcmp(class, "definite") || json_is_true(get(block, "loose"));
    return lost ? "nothing" : *class ? "no single one" : "not known";
}

static void node_fields(FILE *out, const json_t *doc, const struct table_style *s)
{
    static const char *const by[] = { "vtable", "its vtable", "frame", "the function that allocates it", "site", "where it was made" };
    const json_t *j = get(doc, "node"), *holder = get(doc, "holder_node"), *borrowers = get(doc, "borrowers"), *stack = get(j, "stack");
    char *name = node_name(j), *text;
    line_heading(out, s, name);
    free(name);
    if (*get_text(j, "address"))
        field(out, s, "address", get_text(j, "address"));
    for (size_t i = 0; i < sizeof by / sizeof *by; i += 2)
        if (!strcmp(get_text(j, "type_by"), by[i]) && i < 4) {
            text = xasprintf("%s, told by %s", get_text(j, "type"), by[i + 1]);
            field(out, s, "type", text);
            free(text);
        }
    if (json_is_object(get(j, "sampled"))) {
        text = xasprintf("~%.1f blocks like it, being a sample", json_number_value(get(get(j, "sampled"), "stands_for")));
        field(out, s, "stands for", text);
        free(text);
    }
    if (*get_text(j, "class"))
        field(out, s, "class", get_text(j, "class"));
    if (json_is_integer(get(j, "retained_bytes"))) {
        text = xasprintf("%s in %s block%s", number_bytes(get_number(j, "retained_bytes")).text, number_count(get_number(j, "retained_blocks")).text,
                         get_number(j, "retained_blocks") == 1 ? "" : "s");
        field(out, s, "retains", text);
        free(text);
    }
    if (*get_text(doc, "owner"))
        field(out, s, "owner", get_text(doc, "owner"));
    if (strcmp(get_text(j, "kind"), "root") != 0) {
        text = json_is_object(holder) ? node_name(holder) : xstrdup(no_holder(j));
        field(out, s, "holder", text);
        free(text);
    }
    for (size_t i = 0; i < json_array_size(borrowers); i++)
        field(out, s, "borrowed by", get_text(json_array_get(borrowers, i), "thread"));
    if (json_array_size(stack)) {
        struct shown shown = shown_frames(stack, NULL, 4);
        struct line l;
        line_begin(&l, out, s);
        line_look(&l, LOOK_DIM);
        line_text(&l, "  ");
        line_left(&l, 12, "made at");
        line_look(&l, LOOK_PLAIN);
        line_stack(&l, stack, &shown);
    }
}

static void pointer_text(struct line *l, const json_t *j)
{
    const json_t *offset = get(j, "offset_bytes");
    line_look(l, LOOK_DIM);
    if (json_is_integer(offset))
        line_format(l, "  +0x%llx", (unsigned long long)json_integer_value(offset));
    if (json_is_true(get(j, "interior")))
        line_text(l, json_is_true(get(j, "good")) ? "  inside, as good as the start" : "  inside");
}

static void path(FILE *out, const json_t *doc, const char *key, const char *title, const struct table_style *s)
{
    const json_t *list = get(doc, key);
    size_t n = json_array_size(list);
    struct line l;
    if (n < 2)
        return;
    line_heading(out, s, title);
    line_begin(&l, out, s);
    for (size_t i = 0; i < n; i++) {
        const json_t *j = json_array_get(list, i);
        if (n > PATH_ROWS && i == PATH_ROWS / 2) {
            i = n - PATH_ROWS / 2;
            line_look(&l, LOOK_DIM);
            line_format(&l, "    ... %zu more ...", n - PATH_ROWS);
            line_end(&l);
            j = json_array_get(list, i);
        }
        char *name = node_name(j);
        line_look(&l, LOOK_PLAIN);
        line_text(&l, i ? "    -> " : "  ");
        line_text(&l, name);
        pointer_text(&l, j);
        line_end(&l);
        free(name);
    }
}

static void holds(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "holds");
    size_t shown = 0;
    struct line l;
    if (!json_array_size(list))
        return;
    line_heading(out, s, "Holds, or only points to (*)");
    line_begin(&l, out, s);
    for (; shown < json_array_size(list) && shown < LIST_ROWS; shown++) {
        const json_t *j = json_array_get(list, shown);
        char *name = node_name(j);
        line_look(&l, LOOK_NUMBER);
        line_right(&l, 12, number_bytes(get_number(j, "retained_bytes")).text);
        line_look(&l, LOOK_PLAIN);
        line_text(&l, json_is_true(get(j, "dominated")) ? "   " : " * ");
        line_text(&l, name);
        pointer_text(&l, j);
        line_end(&l);
        free(name);
    }
    more(out, s, get_number(doc, "holds_total"), shown);
}

static void pointed(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "pointed_by");
    size_t shown = 0;
    struct line l;
    if (!json_array_size(list))
        return;
    line_heading(out, s, "Pointed to by");
    line_begin(&l, out, s);
    for (; shown < json_array_size(list) && shown < LIST_ROWS; shown++) {
        char *name = node_name(json_array_get(list, shown));
        line_look(&l, LOOK_PLAIN);
        line_text(&l, "  ");
        line_text(&l, name);
        pointer_text(&l, json_array_get(list, shown));
        line_end(&l);
        free(name);
    }
    more(out, s, get_number(doc, "pointed_by_total"), shown);
}

void table_graph(FILE *out, const json_t *doc, const struct table_style *s)
{
    head(out, doc, s);
    if (get(doc, "node")) {
        node_fields(out, doc, s);
        path(out, doc, "path", "Shortest way from a root", s);
        if (!json_equal(get(doc, "path"), get(doc, "path_strong")))
            path(out, doc, "path_strong", "Way with the fewest pointers to the inside of blocks", s);
        pointed(out, doc, s);
        holds(out, doc, s);
        return;
    }
    if (json_is_array(get(doc, "groups"))) {
        groups(out, doc, s);
        return;
    }
    tree(out, doc, s);
    roots(out, doc, s);
    if (json_array_size(get(doc, "roots")))
        dim(out, s, "One node: ownscope graph --of ID.  In groups: --by type, site, module, thread, root.");
}
