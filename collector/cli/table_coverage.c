/*
 * collector/cli/table_coverage.c - what a document does not know of its matter,
 * under its table.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

static bool is_one_of(const char *kind, const char *const *kinds)
{
    for (; *kinds; kinds++)
        if (!strcmp(kind, *kinds))
            return true;
    return false;
}

void table_not_covered(FILE *out, const json_t *doc, const struct table_style *s, const char *const *kinds)
{
    const json_t *list = get(get(doc, "metadata"), "coverage");
    bool any = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!is_one_of(get_text(item, "kind"), kinds))
            continue;
        if (!any)
            line_heading(out, s, "Not covered");
        any = true;
        char *text = xasprintf("%s: %s", get_text(item, "what"), get_text(item, "why"));
        line_wrapped(out, s, LOOK_PLAIN, 2, 4, text);
        free(text);
    }
}
