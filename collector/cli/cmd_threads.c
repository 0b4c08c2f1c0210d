/*
 * collector/cli/cmd_threads.c - `ownscope threads`: what each thread made,
 * dropped and owns, and the hand-offs between them.
 */
#include "cli/command.h"
#include "cli/reading.h"
#include "cli/table.h"

int cmd_threads(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_threads, argc, argv);
    reading_one_source(&r);
    return reading_show(&r, reading_document(&r, "threads", doc_threads), table_threads);
}
