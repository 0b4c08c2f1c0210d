/*
 * collector/cli/cmd_findings.c - `ownscope findings`: the rules that were broken, with every stack.
 */
#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/table.h"

int cmd_findings(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_findings, argc, argv);
    reading_one_source(&r);
    r.need = QUERY_HEAP;
    json_t *doc = reading_document(&r, "findings", doc_findings);
    bool any = json_array_size(json_object_get(doc, "findings")) > 0;
    return reading_show_status(&r, doc, table_findings, any ? EXIT_FOUND : EXIT_NOTHING);
}
