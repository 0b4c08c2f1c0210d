/*
 * collector/cli/cmd_bisect.c - `ownscope bisect`: the first moment at which a
 * condition on the state, a SELECT of ownscope-sql(7), holds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/sql_session.h"
#include "cli/table_line.h"
#include "event/xalloc.h"

static bool tell(void *context, uint64_t looked_at)
{
    const time_t *start = context;
    char line[64];
    if (!isatty(STDERR_FILENO) || time(NULL) - *start < 2)
        return true;
    int n = snprintf(line, sizeof line, "\rownscope: bisect, moment %llu\033[K", (unsigned long long)looked_at);
    (void)!write(STDERR_FILENO, line, (size_t)n);
    return true;
}

/* The frames of the event's stack, from the inside out; a new reference. */
static json_t *stack_json(struct sql *s, uint32_t stack)
{
    json_t *list = json_array();
    const char *tail;
    char *query = xasprintf("SELECT function, file, line, module, offset, inlined FROM frames WHERE stack = %u ORDER BY depth", stack);
    sqlite3_stmt *st = NULL;
    if (stack && !sql_prepare(s, query, &st, &tail))
        while (sql_step(s, st) > 0) {
            json_t *frame = json_object();
            for (int i = 0; i < 6; i++) {
                const char *text = (const char *)sqlite3_column_text(st, i), *name = sqlite3_column_name(st, i);
                if (sqlite3_column_type(st, i) == SQLITE_NULL)
                    continue;
                json_object_set_new(frame, name, i == 5 ? json_boolean(sqlite3_column_int(st, i)) :
                                    i == 2 || i == 4 ? json_integer(sqlite3_column_int64(st, i)) : json_string(text));
            }
            json_array_append_new(list, frame);
        }
    sqlite3_finalize(st);
    free(query);
    return list;
}

static json_t *id_json(char kind, uint32_t id)
{
    return id ? json_sprintf("%c%u", kind, id) : json_null();
}

static json_t *document(struct sql *s, const struct sql_moment *m, const char *condition)
{
    return json_pack("{s:i, s:s, s:b, s:I, s:I, s:I, s:s, s:o, s:o, s:o, s:s?, s:s?, s:b, s:I}", "ownscope", 1, "condition", condition,
                     "found", m->found, "event", (json_int_t)m->event, "before_event", (json_int_t)m->before, "ns", (json_int_t)m->ns,
                     "type", m->type, "process", id_json('p', m->process), "thread", id_json('t', m->thread),
                     "stack", stack_json(s, m->stack), "value", m->value, "value_before", m->value_before,
                     "from_start", m->from_start, "looked_at", (json_int_t)m->looked_at);
}

static void table(FILE *out, const json_t *doc, const struct table_style *style)
{
    struct line l;
    const json_t *stack = get(doc, "stack");
    line_begin(&l, out, style);
    line_look(&l, LOOK_HEAD);
    line_format(&l, "event %s", number_plain(get_number(doc, "event")).text);
    line_look(&l, LOOK_PLAIN);
    line_format(&l, ", %s, %s of %s", number_time(get_number(doc, "ns")).text, *get_text(doc, "type") ? get_text(doc, "type") : "start",
                *get_text(doc, "thread") ? get_text(doc, "thread") : "the collector");
    line_end(&l);
    if (json_array_size(stack)) {
        struct shown shown = shown_frames(stack, NULL, 12);
        line_begin(&l, out, style);
        line_to(&l, 2);
        line_text(&l, "at ");
        line_stack(&l, stack, &shown);
    }
    line_begin(&l, out, style);
    line_format(&l, "  before  %s", json_is_null(get(doc, "value_before")) ? "(no row)" : get_text(doc, "value_before"));
    line_end(&l);
    line_begin(&l, out, style);
    line_format(&l, "  then    %s", get_text(doc, "value"));
    line_end(&l);
    if (json_is_true(get(doc, "from_start"))) {
        line_begin(&l, out, style);
        line_text(&l, "  it holds at the first moment that was looked at");
        line_end(&l);
    }
}

static const char *words(struct reading *r)
{
    const char *source = r->word_count == 2 ? r->words[0] : NULL, *condition = r->word_count ? r->words[r->word_count - 1] : NULL;
    if (!condition)
        options_fail(&r->options, "the condition is missing: a SELECT that is true from some moment on");
    if (r->word_count > 2)
        options_fail(&r->options, "one source and one condition, not '%s' too: put the condition in quotes", r->words[2]);
    if (source && access(source, F_OK) != 0 && access(condition, F_OK) == 0) {
        source = condition;
        condition = r->words[0];
    }
    reading_source(r, source);
    return condition;
}

int cmd_bisect(int argc, char **argv)
{
    struct reading r;
    struct sql_session s;
    struct sql_moment m;
    time_t start = time(NULL);
    reading_start(&r, &usage_bisect, argc, argv);
    struct sql_bisect b = { .condition = words(&r), .steps = r.steps, .progress = tell, .context = &start };
    sql_session_open(&s, &r);
    int error = sql_bisect(s.sql, &b, &m);
    if (isatty(STDERR_FILENO) && time(NULL) - start >= 2)
        (void)!write(STDERR_FILENO, "\r\033[K", 4);
    if (error)
        message_fail(error == -EINVAL ? EXIT_USAGE : EXIT_SOURCE, "%s", sql_error(s.sql));
    if (!m.found && !r.json)
        message("the condition holds at none of the %llu moments looked at; --steps looks at more", (unsigned long long)m.looked_at);
    json_t *doc = m.found || r.json ? document(s.sql, &m, b.condition) : NULL;
    int status = reading_show_status(&r, doc, table, m.found ? EXIT_FOUND : EXIT_NOTHING);
    sql_moment_free(&m);
    return status;
}
