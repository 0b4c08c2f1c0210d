/*
 * collector/cli/cmd_graph.c - `ownscope graph`: who holds what, and how much of it.
 */
#include <string.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/table.h"

/* One node was asked for, and there is none such. */
static void no_node(const struct reading *r, const json_t *doc)
{
    const char *refused = json_string_value(json_object_get(doc, "refused"));
    const char *of = r->query.of, *file = r->origin.path;
    const char *what = *of == 'r' ? "root" : strncmp(of, "0x", 2) ? "live block" : "live block or root at";
    if (refused)
        message_fail(EXIT_NOTHING, "nothing is known of %s: %s", of, refused);
    message_fail(EXIT_NOTHING, "the snapshot%s%s has no %s %s", file ? " in " : "", file ? file : "", what, of);
}

int cmd_graph(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_graph, argc, argv);
    reading_one_source(&r);
    r.need = r.query.of ? QUERY_BLOCKS : QUERY_HEAP;
    r.query.pid = r.pid;
    json_t *doc = reading_document(&r, "graph", doc_graph);
    if (r.query.of && json_is_null(json_object_get(doc, "node")))
        no_node(&r, doc);
    bool any = r.query.of || json_array_size(json_object_get(doc, r.query.by ? "groups" : "dominators")) > 0;
    return reading_show_status(&r, doc, table_graph, any ? EXIT_FOUND : EXIT_NOTHING);
}
