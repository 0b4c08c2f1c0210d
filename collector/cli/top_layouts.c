/*
 * collector/cli/top_layouts.c - the screens of `ownscope top`: their columns, and
 * the document that each is made of (top_model.h).
 */
#include <strings.h>

#include "cli/top_model.h"

#define COLUMNS(list) .columns = list, .n = sizeof list / sizeof *list

static const struct top_column threads[] = {
    { "ID", 5, true, 0 }, { "TID", 7, false, 7 }, { "NAME", 12, true, 2 }, { "STATE", 8, true, 3 }, { "CPU%", 6, false, 1 },
    { "EVENT/S", 8, false, 4 }, { "ALLOC/S", 8, false, 6 }, { "BYTE/S", 10, false, 8 }, { "OWNS", 10, false, 5 }, { "DOING", 0, true, 0 } };
static const struct top_column sites[] = {
    { "LIVE", 10, false, 0 }, { "GROWN", 11, false, 1 }, { "LAST", 11, false, 4 }, { "ALLOC/S", 8, false, 2 }, { "BLOCKS", 9, false, 5 },
    { "ALLOCS", 9, false, 6 }, { "MADE BY", 0, true, 0 } };
static const struct top_column locks[] = {
    { "LOCK", 6, true, 3 }, { "KIND", 8, true, 6 }, { "HOLDER", 7, true, 1 }, { "WAIT", 5, false, 1 }, { "CONTENDED", 10, false, 4 },
    { "WAITED", 10, false, 2 }, { "TAKEN", 9, false, 7 }, { "LONGEST", 10, false, 5 }, { "WHERE", 0, true, 0 } };
static const struct top_column processes[] = {
    { "ID", 5, true, 0 }, { "PID", 8, false, 1 }, { "THREADS", 7, false, 5 }, { "CPU%", 6, false, 2 }, { "RESIDENT", 10, false, 3 },
    { "LIVE", 10, false, 0 }, { "BLOCKS", 9, false, 6 }, { "ALLOC/S", 8, false, 4 }, { "COMMAND", 0, true, 0 } };
static const struct top_column findings[] = {
    { "COUNT", 6, false, 0 }, { "RULE", 20, true, 1 }, { "THREAD", 6, true, 3 }, { "FIRST AT", 10, false, 2 }, { "MESSAGE", 0, true, 0 } };

const struct top_layout top_layouts[TOP_SCREENS] = {
    [TOP_THREADS] = { "Threads", "Thr", NULL, 1, COLUMNS(threads), .sort = 5 },
    [TOP_SITES] = { "Sites", "Sit", NULL, 1, COLUMNS(sites), .sort = 0 },
    [TOP_LOCKS] = { "Locks", "Lck", "/v1/locks?top=500", 1, COLUMNS(locks), .sort = 5 },
    [TOP_PROCESSES] = { "Processes", "Prc", NULL, 1, COLUMNS(processes), .sort = 5 },
    [TOP_FINDINGS] = { "Findings", "Fnd", "/v1/findings?top=500", 4, COLUMNS(findings), .sort = 0 },
};

enum top_screen top_screen_find(const char *name)
{
    unsigned i = 0;
    while (i < TOP_SCREENS && strcasecmp(name, top_layouts[i].name))
        i++;
    return (enum top_screen)i;
}
