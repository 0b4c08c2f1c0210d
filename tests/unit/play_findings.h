/*
 * tests/unit/play_findings.h - what the graph found, as text, one finding a
 * line: for tests that play events (graph_play.h) with stacks as numbers.
 */
#ifndef PLAY_FINDINGS_H
#define PLAY_FINDINGS_H

#include "graph_play.h"

#include "graph/graph_state.h"

static char found_text[1 << 16];

static inline void found_print(size_t *used, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void found_print(size_t *used, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    *used += (size_t)vsnprintf(found_text + *used, sizeof found_text - *used, format, ap);
    va_end(ap);
    ck_assert_uint_lt(*used, sizeof found_text);
}

/* "rule bN +offset length xCOUNT doubt role:stack@us/tN…": evidence's stack is the number given to by_stack(). */
static inline const char *found(void)
{
    size_t used = 0;
    found_text[0] = '\0';
    graph_settle(play, UINT64_MAX);
    for (size_t i = 0; i < play->n_findings; i++) {
        const struct view_finding *f = &play->findings[i];
        if (!f->count)
            continue;
        found_print(&used, "%s b%lu", rule_names[f->rule], (unsigned long)f->block);
        if (f->offset || f->length)
            found_print(&used, " %+ld,%lu", (long)f->offset, (unsigned long)f->length);
        if (f->count > 1)
            found_print(&used, " x%lu", (unsigned long)f->count);
        if (f->doubt)
            found_print(&used, " doubt%u", f->doubt);
        for (uint32_t k = 0; k < f->n; k++) {
            const struct view_evidence *e = &play->evidence[f->first + k];
            found_print(&used, " %s:%u@%lu/t%u", evidence_names[e->role], e->stack, (unsigned long)e->ns / 1000, e->thread);
        }
        found_print(&used, "\n");
    }
    return found_text;
}

static inline void copy(uint64_t to, uint64_t from, uint64_t bytes) { put((struct event){ .type = EVENT_COPY, .family = WIRE_COPY_MEMCPY, .address = to, .size = bytes, .extra = { from } }); }
static inline void copy_by(unsigned family, uint64_t to, uint64_t bytes, uint64_t from, uint64_t read) { put((struct event){ .type = EVENT_COPY, .family = (uint8_t)family, .address = to, .size = bytes, .extra = { from, read } }); }
static inline void make_by(unsigned family, uint64_t address, uint64_t size) { put((struct event){ .type = EVENT_NEW, .family = (uint8_t)family, .address = address, .size = size }); }
static inline void drop_by(unsigned family, uint64_t address, uint64_t told) { put((struct event){ .type = EVENT_DROP, .family = (uint8_t)family, .address = address, .extra = { told } }); }
static inline void lose(void) { put((struct event){ .type = EVENT_LOST, .address = WIRE_LOST_RING_FULL, .size = 3, .extra = { 1 } }); }

#endif
