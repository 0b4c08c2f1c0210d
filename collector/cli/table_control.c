/*
 * collector/cli/table_control.c - `ownscope report`: what orders and limits did to
 * the recording; one line of it in the summary of `ownscope run`.
 */
#include <stdlib.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

enum { BRIEF_LOG = 3, WHOLE_LOG = 20 };

/* "recording 58.1 s, tripped 1.903 s" */
static char *times_text(const json_t *times)
{
    char *text = xstrdup("");
    const char *key;
    json_t *n;
    json_object_foreach((json_t *)times, key, n) {
        char *more = xasprintf("%s%s%s %s", text, *text ? ", " : "", key, number_time((uint64_t)json_integer_value(n)).text);
        free(text);
        text = more;
    }
    return text;
}

static void row(FILE *out, const struct table_style *s, const json_t *j)
{
    char *text = xasprintf("%-10s %s", number_time(get_number(j, "ns")).text, get_text(j, "text"));
    line_wrapped(out, s, LOOK_PLAIN, 2, 13, text);
    free(text);
}

static void rows(FILE *out, const struct table_style *s, const json_t *list, uint64_t all, const char *what)
{
    size_t n = json_array_size(list), most = s->brief ? BRIEF_LOG : WHOLE_LOG, first = n > most ? n - most : 0;
    if (all > n - first) {
        struct line l;
        line_begin(&l, out, s);
        line_look(&l, LOOK_DIM);
        line_format(&l, "  %s%s before these: ownscope events --type control", number_count(all - (n - first)).text, what);
        line_end(&l);
    }
    for (size_t i = first; i < n; i++)
        row(out, s, json_array_get(list, i));
}

void table_control(FILE *out, const json_t *control, const struct table_style *s)
{
    const json_t *budget = get(control, "budget");
    uint64_t changes = get_number(budget, "changes"), orders = get_number(control, "orders");
    if (!control)
        return;
    char *times = times_text(get(control, "time_ns"));
    char *title = xasprintf("Control (%s; now %s)", times, get_text(control, "state"));
    line_heading(out, s, title);
    rows(out, s, get(control, "log"), orders > changes ? orders - changes : 0, "");
    if (changes && !s->brief) {
        char *heading = xasprintf("Rates (%s change%s)", number_count(changes).text, changes == 1 ? "" : "s");
        line_heading(out, s, heading);
        free(heading);
    }
    rows(out, s, get(budget, "log"), changes, s->brief ? " changes of rates" : "");
    free(times), free(title);
}
