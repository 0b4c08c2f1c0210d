/*
 * collector/cli/cmd_states.c - `ownscope states`: what each thread of a live
 * process does now, with --stacks its native stack.
 */
#include "cli/command.h"
#include "cli/reading.h"
#include "cli/table.h"

int cmd_states(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_states, argc, argv);
    if (r.word_count)
        options_fail(&r.options, "takes no '%s': states are of a live process, -p PID", r.words[0]);
    if (!r.pid)
        options_fail(&r.options, "needs -p PID: the threads of which process; ownscope ps lists them");
    reading_source(&r, NULL);
    return reading_show(&r, reading_ask(&r, "states"), table_states);
}
