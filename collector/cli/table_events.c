/*
 * collector/cli/table_events.c - `ownscope events`: one event a line.
 *
 * Into a file or a pipe plain rows are put together by hand (row_plain), a
 * million a second; what is not plain (a terminal, colour, text that needs care) goes through
 * line_*, which says the same: tests/unit/test_table.c holds both against each other.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/event_row.h"
#include "cli/table_line.h"
#include "event/xalloc.h"

enum { WIDE = 110, STAMP_WIDTH = 13, THREAD_WIDTH = 7, NODE_WIDTH = 10, BYTES_WIDTH = 11 };

/* The frame that tells most of one stack, as text. */
struct event_place {
    char *full, *brief;     /* brief: where the name is too long for the line */
    unsigned where_columns, function_columns;
    bool named;
};

struct event_table {
    FILE *out;
    struct table_style style;
    struct event_place *places; /* by stack, of one struct frames */
    size_t places_count;
};

struct event_table *table_events_new(FILE *out, const struct table_style *s)
{
    struct event_table *t = xcalloc(1, sizeof *t);
    t->out = out;
    t->style = *s;
    return t;
}

void table_events_head(struct event_table *t)
{
    struct line l;
    line_begin(&l, t->out, &t->style);
    line_look(&l, LOOK_HEAD);
    line_right(&l, STAMP_WIDTH, "seconds");
    line_text(&l, "  ");
    line_left(&l, THREAD_WIDTH, "thread");
    line_left(&l, NODE_WIDTH, "node");
    line_right(&l, BYTES_WIDTH, "bytes");
    line_text(&l, "  event");
    line_end(&l);
}

void table_events_free(struct event_table *t)
{
    for (size_t i = 0; i < t->places_count; i++) {
        free(t->places[i].full);
        free(t->places[i].brief);
    }
    free(t->places);
    free(t);
}

struct row_texts {
    char stamp[ROW_STAMP_TEXT], who[ROW_ID_TEXT], node[ROW_ID_TEXT];
    struct number bytes;
    size_t stamp_bytes, who_bytes, node_bytes, event_bytes;
    char event[EVENT_ROW_TEXT];
};

static void texts_fill(struct row_texts *t, const struct event_row *r, const struct table_style *s)
{
    t->stamp_bytes = row_stamp_text(r->ns, t->stamp);
    t->who_bytes = row_id_text(r->thread.kind ? r->thread : r->process, "", t->who);
    t->node_bytes = row_id_text(r->node, "-", t->node);
    t->event_bytes = event_row_text(r, s->whole || s->width >= WIDE, t->event);
    if (event_row_has_size(r))
        t->bytes = number_count(r->size);
    else
        t->bytes.text[0] = 0;
}

/* ---- with care ---- */

static void row_line(const struct event_table *table, const struct row_texts *t, const json_t *frame)
{
    const struct table_style *s = &table->style;
    struct line l;
    line_begin(&l, table->out, s);
    line_look(&l, LOOK_DIM);
    line_right(&l, STAMP_WIDTH, t->stamp);
    line_look(&l, LOOK_PLAIN);
    line_text(&l, "  ");
    line_left(&l, THREAD_WIDTH, t->who);
    line_left(&l, NODE_WIDTH, t->node);
    line_right(&l, BYTES_WIDTH, t->bytes.text);
    line_text(&l, "  ");
    line_text(&l, t->event);
    if (frame && (s->whole || line_room(&l) > 12)) {
        char *text = frame_text(frame, line_room(&l) > 2 ? line_room(&l) - 2 : 0, s->whole);
        line_look(&l, LOOK_DIM);
        line_text(&l, "  ");
        line_text(&l, text);
        free(text);
    }
    line_end(&l);
}

/* ---- plainly ---- */

static bool is_plain(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e)
            return false;
    return !n || (text[0] != ' ' && text[n - 1] != ' ');
}

static char *put_left(char *p, const char *text, size_t n, size_t width)
{
    memcpy(p, text, n);
    if (n < width)
        memset(p + n, ' ', width - n);
    return p + (n < width ? width : n);
}

static char *put_right(char *p, const char *text, size_t n, size_t width)
{
    size_t pad = n < width ? width - n : 0;
    memset(p, ' ', pad);
    memcpy(p + pad, text, n);
    return p + pad + n;
}

/* As frame_text of a text that is to be whole. */
static const char *place_text(const struct event_place *p, unsigned columns)
{
    bool fits = columns > p->where_columns + 12 && p->function_columns <= columns - p->where_columns;
    return !p->named || fits ? p->full : p->brief;
}

/* False: something in it needs care. */
static bool row_plain(const struct event_table *table, const struct row_texts *t, const struct event_place *place)
{
    enum { HEAD_MAX = 160 };
    char head[HEAD_MAX], *p = head;
    if (!table->style.whole || table->style.colour || !is_plain(t->event, t->event_bytes))
        return false;
    p = put_right(p, t->stamp, t->stamp_bytes, STAMP_WIDTH);
    p = put_left(p, "", 0, 2);
    p = put_left(p, t->who, t->who_bytes, THREAD_WIDTH);
    p = put_left(p, t->node, t->node_bytes, NODE_WIDTH);
    p = put_right(p, t->bytes.text, strlen(t->bytes.text), BYTES_WIDTH);
    p = put_left(p, "", 0, 2);
    size_t column = (size_t)(p - head) + t->event_bytes;
    unsigned room = column < table->style.width ? table->style.width - (unsigned)column : 0;
    const char *frame = place && place->full ? place_text(place, room > 2 ? room - 2 : 0) : "";
    if (!is_plain(frame, strlen(frame)))
        return false;
    fwrite_unlocked(head, 1, (size_t)(p - head), table->out);
    fwrite_unlocked(t->event, 1, t->event_bytes, table->out);
    if (*frame) {
        fwrite_unlocked("  ", 1, 2, table->out);
        fwrite_unlocked(frame, 1, strlen(frame), table->out);
    }
    putc_unlocked('\n', table->out);
    return true;
}

/* ---- both sources ---- */

void table_event(struct event_table *table, const json_t *event)
{
    const json_t *stack = get(event, "stack");
    struct shown shown = shown_frames(stack, NULL, 1);
    struct event_row row;
    struct row_texts texts;
    event_row_of_json(&row, event);
    texts_fill(&texts, &row, &table->style);
    row_line(table, &texts, shown.count ? json_array_get(stack, shown.index[0]) : NULL);
}

/* The telling frame of a stack as a document; NULL: it has none. A new reference. */
static json_t *telling(struct frames *frames, uint32_t stack)
{
    json_t *all = frames_json(frames, stack);
    struct shown shown = shown_frames(all, NULL, 1);
    json_t *frame = shown.count ? json_incref(json_array_get(all, shown.index[0])) : NULL;
    json_decref(all);
    return frame;
}

static const struct event_place *place_of(struct event_table *table, struct frames *frames, uint32_t stack)
{
    if (stack >= table->places_count) {
        size_t n = 2 * (size_t)stack + 64;
        table->places = xrealloc(table->places, n * sizeof *table->places);
        memset(table->places + table->places_count, 0, (n - table->places_count) * sizeof *table->places);
        table->places_count = n;
    }
    struct event_place *p = &table->places[stack];
    json_t *frame = p->full ? NULL : telling(frames, stack);
    if (frame) {
        const char *function = get_text(frame, "function");
        p->full = frame_text(frame, UINT32_MAX, true);
        p->brief = frame_text(frame, 0, true);
        p->named = *function;
        p->function_columns = line_columns(function);
        p->where_columns = line_columns(p->full) - (p->named ? p->function_columns : 0);
        json_decref(frame);
    }
    return p;
}

void table_event_fact(struct event_table *table, const struct fact *f, struct frames *frames, uint32_t stack)
{
    struct event_row row;
    struct row_texts texts;
    event_row_of_fact(&row, f);
    texts_fill(&texts, &row, &table->style);
    if (row_plain(table, &texts, stack ? place_of(table, frames, stack) : NULL))
        return;
    json_t *frame = stack ? telling(frames, stack) : NULL;
    row_line(table, &texts, frame);
    json_decref(frame);
}
