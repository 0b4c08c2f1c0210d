/*
 * collector/cli/cmd_leaks.c - `ownscope leaks`: what nothing holds any more, by class and stack.
 */
#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/table.h"

/* What libc is known to leave behind is nothing found. */
static bool found(const json_t *doc)
{
    const json_t *leaks = json_object_get(doc, "leaks");
    for (size_t i = 0; i < json_array_size(leaks); i++)
        if (!json_object_get(json_array_get(leaks, i), "known"))
            return true;
    return json_array_size(json_object_get(doc, "live")) > 0;
}

int cmd_leaks(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_leaks, argc, argv);
    reading_one_source(&r);
    r.need = QUERY_HEAP;
    r.query.pid = r.query.process ? 0 : r.pid;
    json_t *doc = reading_document(&r, "leaks", doc_leaks);
    return reading_show_status(&r, doc, table_leaks, found(doc) ? EXIT_FOUND : EXIT_NOTHING);
}
