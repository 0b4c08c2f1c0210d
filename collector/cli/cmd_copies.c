/*
 * collector/cli/cmd_copies.c - `ownscope copies`: what is copied where, and from which blocks to which.
 */
#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/table.h"

int cmd_copies(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_copies, argc, argv);
    reading_one_source(&r);
    json_t *doc = reading_document(&r, "copies", doc_copies);
    bool any = json_array_size(json_object_get(doc, "sites")) > 0;
    return reading_show_status(&r, doc, table_copies, any ? EXIT_FOUND : EXIT_NOTHING);
}
