/*
 * collector/cli/cmd_locks.c - `ownscope locks`: who waits for whom, orders that
 * close a circle, contention, how long locks were waited for and held.
 */
#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/table.h"

int cmd_locks(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_locks, argc, argv);
    reading_one_source(&r);
    json_t *doc = reading_document(&r, "locks", doc_locks);
    bool any = json_array_size(json_object_get(doc, "locks")) > 0;
    return reading_show_status(&r, doc, table_locks, any ? EXIT_FOUND : EXIT_NOTHING);
}
