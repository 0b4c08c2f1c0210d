/*
 * preload/hooks_mark.c - the program says where it is: ownscope.h, the only
 * functions of ours that a program calls by name.
 */
#include "preload/hold.h"
#include "preload/record.h"

void ownscope_told_mark(const char *name);

EXPORT void ownscope_told_mark(const char *name)
{
    struct context *c = HOOK_ENTER_IF(WIRE_GATE_LIFE, CONTEXT_RECORD, true);
    if (!c)
        return;
    record_text(c, WIRE_MARK, 0, NULL, 0, name ? name : "", name ? strlen(name) : 0);
    hook_leave(c);
    hold_after_mark(HOOK_SITE);
}
