/*
 * collector/export/export_dot.c - the document `graph` as a drawing for graphviz
 * (doc.h): so much of it as can be looked at. What is left out is said in the
 * drawing.
 *
 * Of the dominator tree an arrow says who holds whom. Around one node, arrows
 * are pointers; those that hold are bold.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/doc.h"

enum { ROWS_DEFAULT = 20, NODES_MAX = 400, NAME_BYTES_MAX = 60 };

struct drawing { doc_sink sink; void *context; int error; size_t nodes; json_t *drawn; size_t left_out; };

static void put(struct drawing *d, const char *text)
{
    if (!d->error)
        d->error = d->sink(d->context, text, strlen(text));
}

/* Between double quotes: what graphviz takes for something else is escaped; control bytes become blanks. */
static void put_label(struct drawing *d, const char *text, size_t most)
{
    char out[2] = { 0 };
    size_t n = strlen(text), shown = n > most ? most : n;
    while (shown < n && ((unsigned char)text[shown] & 0xc0) == 0x80)
        shown--;
    for (size_t i = 0; i < shown; i++) {
        if (text[i] == '"' || text[i] == '\\')
            put(d, "\\");
        *out = (unsigned char)text[i] < ' ' ? ' ' : text[i];
        put(d, out);
    }
    if (shown < n)
        put(d, "...");
}

static const char *str(const json_t *j, const char *key)
{
    const char *text = json_string_value(json_object_get(j, key));
    return text ? text : "";
}

static void put_bytes(struct drawing *d, const char *what, const json_t *n)
{
    char text[64];
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double value = (double)json_integer_value(n);
    unsigned unit = 0;
    for (; value >= 1024 && unit < 4; unit++)
        value /= 1024;
    snprintf(text, sizeof text, unit ? "\\n%s%.1f %s" : "\\n%s%.0f %s", what, value, units[unit]);
    put(d, text);
}

/* Once each. */
static void put_node(struct drawing *d, const json_t *j, bool centre)
{
    const char *id = str(j, "id"), *kind = str(j, "kind"), *class = str(j, "class");
    bool root = !strcmp(kind, "root"), lost = !strcmp(kind, "lost");
    if (json_object_get(d->drawn, id))
        return;
    json_object_set_new(d->drawn, id, json_true());
    d->nodes++;
    put(d, "  \"");
    put(d, id);
    put(d, "\" [label=\"");
    put(d, id);
    put(d, " ");
    put_label(d, root ? str(j, "where") : lost ? "nothing holds it" : str(j, "type"), NAME_BYTES_MAX);
    if (!root && !lost)
        put_bytes(d, "", json_object_get(j, "size_bytes"));
    if (json_is_integer(json_object_get(j, "retained_bytes")))
        put_bytes(d, "retains ", json_object_get(j, "retained_bytes"));
    put(d, "\"");
    put(d, root ? ", shape=ellipse" : lost || !strcmp(class, "definite") ? ", color=red" : !strcmp(class, "possible") ? ", color=orange" : "");
    put(d, centre ? ", style=bold];\n" : "];\n");
}

static void put_edge(struct drawing *d, const json_t *from, const json_t *to, const json_t *pointer, bool holds)
{
    const json_t *offset = pointer ? json_object_get(pointer, "offset_bytes") : NULL;
    char text[40];
    put(d, "  \"");
    put(d, str(from, "id"));
    put(d, "\" -> \"");
    put(d, str(to, "id"));
    put(d, "\" [");
    if (json_is_integer(offset)) {
        snprintf(text, sizeof text, "label=\"+0x%llx\", ", (unsigned long long)json_integer_value(offset));
        put(d, text);
    }
    put(d, pointer && json_is_true(json_object_get(pointer, "interior")) ? "arrowhead=empty, " : "");
    put(d, holds ? "style=bold];\n" : "style=solid];\n");
}

/* At most as deep as the document's tree. */
static void put_tree(struct drawing *d, const json_t *list, const json_t *holder)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i), *children = json_object_get(j, "children");
        if (d->nodes >= NODES_MAX) {
            d->left_out++;
            continue;
        }
        put_node(d, j, false);
        if (holder)
            put_edge(d, holder, j, NULL, true);
        put_tree(d, children, j);
        d->left_out += (size_t)json_integer_value(json_object_get(j, "children_total")) - json_array_size(children);
    }
}

static void put_around(struct drawing *d, const json_t *doc)
{
    const json_t *node = json_object_get(doc, "node"), *path = json_object_get(doc, "path");
    const json_t *pointed = json_object_get(doc, "pointed_by"), *holds = json_object_get(doc, "holds");
    json_t *edges = json_object();  /* "from to": each pointer of the path is one of pointed_by too */
    put_node(d, node, true);
    for (size_t i = 0; i + 1 < json_array_size(path) && d->nodes < NODES_MAX; i++) {
        const json_t *from = json_array_get(path, i), *to = json_array_get(path, i + 1);
        put_node(d, from, false);
        put_node(d, to, false);
        put_edge(d, from, to, from, false);
        json_object_set_new(edges, str(from, "id"), json_true());
    }
    for (size_t i = 0; i < json_array_size(pointed) && d->nodes < NODES_MAX; i++) {
        const json_t *from = json_array_get(pointed, i);
        if (json_object_get(edges, str(from, "id")))
            continue;
        put_node(d, from, false);
        put_edge(d, from, node, from, false);
        json_object_set_new(edges, str(from, "id"), json_true());
    }
    for (size_t i = 0; i < json_array_size(holds) && d->nodes < NODES_MAX; i++) {
        const json_t *to = json_array_get(holds, i);
        put_node(d, to, false);
        put_edge(d, node, to, json_is_true(json_object_get(to, "pointed")) ? to : NULL, json_is_true(json_object_get(to, "dominated")));
    }
    json_decref(edges);
    d->left_out = (size_t)json_integer_value(json_object_get(doc, "holds_total")) - json_array_size(holds);
}

int doc_export_dot(const struct view *v, const struct doc_context *c, const struct doc_options *o, doc_sink sink, void *sink_context)
{
    struct doc_options rows = *o;
    rows.sites = o->sites && o->sites < NODES_MAX ? o->sites : ROWS_DEFAULT;
    rows.by = NULL;
    json_t *doc = doc_graph(v, c, &rows);
    if (o->of && json_is_null(json_object_get(doc, "node"))) {
        json_decref(doc);
        return -ENOENT;
    }
    struct drawing d = { .sink = sink, .context = sink_context, .drawn = json_object() };
    put(&d, "digraph ownscope {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n  edge [fontsize=8];\n");
    if (o->of)
        put_around(&d, doc);
    else
        put_tree(&d, json_object_get(doc, "dominators"), NULL);
    if (!o->of)
        d.left_out += (size_t)json_integer_value(json_object_get(doc, "dominators_total")) - json_array_size(json_object_get(doc, "dominators"));
    if (d.left_out) {
        char text[160];
        snprintf(text, sizeof text, "  \"rest\" [shape=plaintext, label=\"and %zu more that are not drawn: see ownscope graph\"];\n", d.left_out);
        put(&d, text);
    }
    put(&d, "}\n");
    json_decref(d.drawn);
    json_decref(doc);
    return d.error;
}
