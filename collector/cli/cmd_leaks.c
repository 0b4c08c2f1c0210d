/*
 * collector/cli/cmd_leaks.c - `ownscope leaks`: what nothing holds any more, by class and stack.
 */
#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/table.h"

int cmd_leaks(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_leaks, argc, argv);
    reading_one_source(&r);
    r.need = QUERY_HEAP;
    r.query.pid = r.query.process ? 0 : r.pid;
    json_t *doc = reading_document(&r, "leaks", doc_leaks);
    bool any = json_array_size(json_object_get(doc, "leaks")) > 0 || json_array_size(json_object_get(doc, "live")) > 0;
    return reading_show_status(&r, doc, table_leaks, any ? EXIT_FOUND : EXIT_NOTHING);
}
