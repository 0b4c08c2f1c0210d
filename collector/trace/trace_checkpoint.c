/*
 * collector/trace/trace_checkpoint.c - the checkpoints of an open trace: which
 * are whole, and their bytes, a part at a time.
 *
 * One thread, the trace's. A checkpoint is a CHECKPOINT chunk with all its STATEs
 * behind it; one that lacks some is not there. What it says of itself is checked
 * against the map when the trace is opened, each part when it is read, and that
 * all of them were needed at the end. What is wrong with one is no error of the
 * trace: its events stay readable.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "event/xalloc.h"
#include "trace/trace_reader.h"

/* What entry `entry` of the map says; false: it cannot be. */
static bool head_read(struct trace *t, struct chunk_opener *o, size_t entry, struct trace_checkpoint *c)
{
    const struct map_entry *e = &t->map.entries[entry];
    struct trace_columns columns;
    uint64_t n[CHECKPOINT_NUMBERS_MAX];
    const char *flaw;
    if (map_read_chunk(t->fd, e, o, &columns, &flaw))
        return false;
    for (unsigned i = 0; i < CHECKPOINT_NUMBERS_MAX; i++)
        n[i] = cursor_varint(&columns, CHECKPOINT_NUMBERS);
    *c = (struct trace_checkpoint){ .event = n[CHECKPOINT_N_EVENT], .ns = n[CHECKPOINT_N_NS],
                                    .version = (uint32_t)n[CHECKPOINT_N_VERSION], .raw_bytes = n[CHECKPOINT_N_RAW_BYTES] };
    for (size_t i = 0; i <= e->count; i++)
        c->stored_bytes += e[i].span_bytes;
    return !columns.bad && n[CHECKPOINT_N_VERSION] <= UINT32_MAX && c->event >= t->map.before &&
           c->event <= e->first_event && (!t->n_checkpoints || c->event >= t->checkpoints[t->n_checkpoints - 1].event) &&
           c->raw_bytes <= (uint64_t)e->count * ARCHIVE_PART_BYTES;
}

void trace_find_checkpoints(struct trace *t)
{
    struct chunk_opener opener = { 0 };
    size_t capacity = 0, entries_capacity = 0;
    for (size_t i = 0; t->version >= TRACE_VERSION_BEFORE && i < t->map.count; i++) {
        struct trace_checkpoint c;
        if (t->map.entries[i].type != TRACE_CHUNK_CHECKPOINT || !trace_parts_follow(&t->map, i, TRACE_CHUNK_STATE) ||
            !head_read(t, &opener, i, &c))
            continue;
        t->checkpoints = xgrow(t->checkpoints, &capacity, t->n_checkpoints + 1, sizeof *t->checkpoints);
        t->checkpoint_entries = xgrow(t->checkpoint_entries, &entries_capacity, t->n_checkpoints + 1, sizeof *t->checkpoint_entries);
        t->checkpoint_entries[t->n_checkpoints] = i;
        t->checkpoints[t->n_checkpoints++] = c;
    }
    chunk_opener_free(&opener);
}

void trace_checkpoints_free(struct trace *t)
{
    free(t->checkpoints);
    free(t->checkpoint_entries);
    chunk_opener_free(&t->reading.opener);
}

size_t trace_checkpoints(const struct trace *t, const struct trace_checkpoint **list)
{
    *list = t->checkpoints;
    return t->n_checkpoints;
}

static bool part_read(void *context, const uint8_t **data, size_t *bytes)
{
    struct trace *t = context;
    struct checkpoint_reader *r = &t->reading;
    struct trace_columns columns;
    if (r->flaw || r->next == r->end)
        return false;
    if (map_read_chunk(t->fd, &t->map.entries[r->next], &r->opener, &columns, &r->flaw))
        return false;
    *bytes = cursor_left(&columns, STATE_BYTES);
    *data = cursor_bytes(&columns, STATE_BYTES, *bytes);
    if (*bytes > ARCHIVE_PART_BYTES)
        r->flaw = "a part of a checkpoint is longer than it may be";
    else
        r->next++;
    return !r->flaw;
}

static int refuse(struct trace *t, size_t entry, const char *flaw)
{
    snprintf(t->text, sizeof t->text, "damaged at byte %llu: %s", (unsigned long long)t->map.entries[entry].offset, flaw);
    return -EBADMSG;
}

int trace_checkpoint_begin(struct trace *t, size_t i, struct archive *a)
{
    const struct trace_checkpoint *c = &t->checkpoints[i];
    size_t entry = t->checkpoint_entries[i];
    int before = t->error;
    t->reading.flaw = NULL;
    t->reading.next = t->reading.end = entry + 1;
    archive_read_begin(a, c->version, c->raw_bytes, c->stored_bytes, part_read, t);
    if (!c->version || c->version > ARCHIVE_VERSION) {
        snprintf(t->text, sizeof t->text, "a checkpoint of version %u, known here are 1 to %d", c->version, ARCHIVE_VERSION);
        return -EBADMSG;
    }
    int error = trace_read_tables(t, entry);
    t->error = before;
    t->reading.end += error ? 0 : t->map.entries[entry].count;
    return error;
}

int trace_checkpoint_end(struct trace *t, struct archive *a)
{
    struct checkpoint_reader *r = &t->reading;
    const char *flaw = r->flaw ? r->flaw : a->flaw;
    if (!flaw && (r->next != r->end || a->left_bytes || a->at != a->end))
        flaw = "a checkpoint with more in it than a state";
    archive_free(a);
    chunk_opener_free(&r->opener);
    return flaw ? refuse(t, r->next < r->end ? r->next : r->end - 1, flaw) : 0;
}
