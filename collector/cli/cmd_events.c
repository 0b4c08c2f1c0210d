/*
 * collector/cli/cmd_events.c - `ownscope events`: the ordered events, one a
 * line, as they come: a trace of any length needs no memory of its length. A
 * collector gives JSON Lines, of which a table is made line by line; the events of a file
 * go straight into it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/table.h"
#include "event/xalloc.h"

enum { LINE_MAX_BYTES = 16 << 20 };

struct printer {
    struct table_style style;
    struct event_table *table;  /* NULL: nothing was printed yet */
    bool json;
    uint64_t printed;
    char *line;             /* the beginning of a line that has not ended */
    size_t bytes, capacity;
};

static struct event_table *table_of(struct printer *p)
{
    if (p->printed++)
        return p->table;
    p->table = table_events_new(stdout, &p->style);
    table_events_head(p->table);
    return p->table;
}

static int print_event(struct printer *p, const char *line, size_t bytes)
{
    json_t *event = json_loadb(line, bytes, 0, NULL);
    if (!event)
        return -EPROTO;
    table_event(table_of(p), event);
    json_decref(event);
    return ferror(stdout) ? -EIO : 0;
}

/* doc_event_take */
static int print_fact(void *context, const struct fact *f, struct frames *frames, uint32_t stack)
{
    struct printer *p = context;
    table_event_fact(table_of(p), f, frames, stack);
    return ferror_unlocked(stdout) ? -EIO : 0;
}

/* doc_sink: takes lines apart. */
static int print_sink(void *context, const char *bytes, size_t n)
{
    struct printer *p = context;
    if (p->json) {
        p->printed += n > 0;
        return fwrite(bytes, 1, n, stdout) == n ? 0 : -EIO;
    }
    while (n) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t)(end - bytes) : n, taken = part + (end != NULL);
        if (p->bytes + part > LINE_MAX_BYTES)
            return -EPROTO;
        p->line = xgrow(p->line, &p->capacity, p->bytes + part + 1, 1);
        memcpy(p->line + p->bytes, bytes, part);
        p->bytes += part;
        if (end) {
            int error = p->bytes ? print_event(p, p->line, p->bytes) : 0;
            if (error)
                return error;
            p->bytes = 0;
        }
        bytes += taken;
        n -= taken;
    }
    return 0;
}

static ssize_t print_cookie(void *context, const char *bytes, size_t n)
{
    return print_sink(context, bytes, n) ? 0 : (ssize_t)n;
}

static void events_of_collector(struct reading *r, struct printer *p)
{
    FILE *into = fopencookie(p, "w", (cookie_io_functions_t){ .write = print_cookie });
    if (!into)
        message_fail(EXIT_SOURCE, "no memory for a stream");
    reading_ask_stream(r, "events", into);
    if (fclose(into) && !ferror(stdout))
        message_fail(EXIT_SOURCE, "the collector of process %u sent a line that is no event", r->pid);
}

int cmd_events(int argc, char **argv)
{
    struct reading r;
    struct printer p = { .json = false };
    reading_start(&r, &usage_events, argc, argv);
    reading_one_source(&r);
    p.json = r.json;
    r.query.frames = p.json ? 0 : 1;    /* a table shows one */
    table_style_init(&p.style, stdout, message_colour(stdout, r.no_colour));
    if (r.origin.socket_path) {
        events_of_collector(&r, &p);
    } else {
        struct source s;
        struct query_range range;
        reading_open(&r, &s, QUERY_TRACE);
        reading_check(&r, &s, query_range(&s, &r.query, &range));
        reading_check(&r, &s, p.json ? query_events(&s, &range, print_sink, &p) : query_events_each(&s, &range, print_fact, &p));
        source_close(&s);
    }
    free(p.line);
    if (p.table)
        table_events_free(p.table);
    return message_finish_output(stdout, "standard output", p.printed ? EXIT_FOUND : EXIT_NOTHING);
}
