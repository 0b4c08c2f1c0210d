/*
 * collector/cli/table_since.c - the line above a table that tells only what
 * happened after a moment.
 */
#include <stdlib.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

void table_since(FILE *out, const json_t *doc, const struct table_style *s)
{
    if (!json_is_integer(get(doc, "since_ns")))
        return;
    char *text = xasprintf("what happened after %s; what lives, owns and holds is of the later moment", number_time(get_number(doc, "since_ns")).text);
    line_wrapped(out, s, LOOK_DIM, 0, 2, text);
    free(text);
}
