/*
 * collector/trace/trace_column.c - the slow halves of trace_column.h.
 */
#include "trace/trace_column.h"

#include <stdlib.h>

#include "event/xalloc.h"

void column_reserve(struct trace_column *c, size_t more)
{
    c->data = xgrow(c->data, &c->capacity, c->bytes + more, 1);
}

void column_free(struct trace_column *c)
{
    free(c->data);
    *c = (struct trace_column){ 0 };
}

uint64_t cursor_varint_slow(struct trace_columns *s, unsigned id)
{
    struct trace_cursor *c = &s->of[id];
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && c->at != c->end; shift += 7) {
        uint8_t byte = *c->at++;
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return v;
    }
    s->bad = true;
    return 0;
}
