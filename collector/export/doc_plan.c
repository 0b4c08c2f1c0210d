/*
 * collector/export/doc_plan.c - what a plan promised and what came of it. The promise is an order in the trace; at its end
 * it is told once more, with what it really was since the start was over (control_end): in parts of the program's own, and of one processor, which a
 * plan made of a trace speaks of.
 */
#include "export/plan.h"

#include <stdio.h>
#include <string.h>

/* "cpu=2.1% events/s=100 bytes/h=5": a value by its key, -1: none. */
static double value_of(const char *text, const char *end, const char *key)
{
    size_t n = strlen(key);
    double value;
    for (const char *at = text; at && at < end; at = strchr(at, ' ')) {
        at += strspn(at, " ");
        if (at < end && !strncmp(at, key, n) && sscanf(at + n, "%lf", &value) == 1)
            return value;
    }
    return -1;
}

static json_t *number_or_null(double value) { return value < 0 ? json_null() : json_real(value); }

static json_t *part(const char *text, const char *end, const char *cpu_key)
{
    double cpu = value_of(text, end, cpu_key);
    return json_pack("{s:o,s:o,s:o}", "cpu", number_or_null(cpu < 0 ? cpu : cpu / 100), "events_per_s", number_or_null(value_of(text, end, "events/s=")),
                     "bytes_per_h", number_or_null(value_of(text, end, "bytes/h=")));
}

json_t *doc_plan(const struct view *v)
{
    const struct view_control *last = NULL;
    for (size_t i = 0; i < v->cover.n_controls; i++)
        if (v->cover.controls[i].kind == EVENT_CONTROL_PROMISE)
            last = &v->cover.controls[i];
    if (!last || !last->text)
        return NULL;
    const char *text = last->text, *all = text + strlen(text), *real = strstr(text, " real "), *end = real ? real : all;
    const char *from = real ? real + 5 : all;
    return json_pack("{s:o,s:o}", "promised", part(text, end, "cpu="), "real", part(from, all, strstr(text, " of=processor") ? "processor=" : "cpu="));
}
