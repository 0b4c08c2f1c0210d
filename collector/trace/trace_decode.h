/*
 * collector/trace/trace_decode.h - the columns of a chunk back into events.
 *
 * Used by trace_reader.c. Everything read is hostile: whatever the columns
 * hold, a call ends in an event whose ids are in range, or in an error.
 */
#ifndef OWNSCOPE_TRACE_DECODE_H
#define OWNSCOPE_TRACE_DECODE_H

#include "event/code.h"
#include "trace/trace.h"
#include "trace/trace_column.h"
#include "trace/trace_model.h"

struct trace_decoder {
    struct trace_columns columns;   /* of the chunk being read; filled by chunk_unpack */
    unsigned types;                 /* the highest type that the file's version knows */
    uint32_t left;                  /* events in it still to come */
    uint32_t run;
    uint64_t bits, fine;            /* read positions in EVENTS_TIME_BITS and _FINE */
    unsigned kind_count;
    uint32_t kinds[TRACE_KINDS_MAX];
    bool used;                      /* the model is no longer all zero */
    struct trace_model model;
};

/* As new; free of cost when it is new. */
void trace_decode_reset(struct trace_decoder *d);

/* Takes up the chunk in `columns`. 0, or -EBADMSG: a kind unknown here. */
int trace_decode_begin(struct trace_decoder *d, uint32_t count, bool reset);
/* The next of d->left events; 0 or -EBADMSG. Its ids are of `code`. */
int trace_decode_event(struct trace_decoder *d, struct event *e, const struct code *code);

/* Which events are looked for, and what of them and of the models has to be decoded for that. */
struct decode_want {
    struct trace_filter filter;     /* its types are never 0 */
    bool times, sizes, addresses;   /* addresses: all that is left, and sizes */
    uint64_t unwanted;              /* columns, 1 << id, that are not looked at */
};

/* What has to be decoded for `columns` (TRACE_TIMES…) of the events that pass. */
void trace_decode_want(struct decode_want *w, const struct trace_filter *f, unsigned columns);
/* The next of d->left events that passes; `behind` is the number of the chunk's last. 1, 0: none is left, -EBADMSG. */
int trace_decode_find(struct trace_decoder *d, struct event *e, const struct code *code, const struct decode_want *w,
                      uint64_t behind);

#endif
