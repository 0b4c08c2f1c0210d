/*
 * collector/cli/cmd_report.c - `ownscope report`: totals, top sites, hand-offs, loss.
 */
#include "cli/command.h"
#include "cli/reading.h"
#include "cli/table.h"

int cmd_report(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_report, argc, argv);
    reading_one_source(&r);
    r.need = QUERY_HEAP;
    return reading_show(&r, reading_document(&r, "report", doc_report), table_report);
}
