/*
 * collector/trace/trace_snapshot_list.c - which heap snapshots a trace file has:
 * SNAPSHOT chunks with all their PARTs behind them. Made when it is opened.
 */
#include <errno.h>
#include <stdlib.h>

#include "event/xalloc.h"
#include "trace/trace_reader.h"
#include "trace/trace_snapshot_head.h"

static char *head_text(struct trace_columns *columns, unsigned id)
{
    size_t bytes = cursor_left(columns, id);
    return bytes ? xstrndup((const char *)cursor_bytes(columns, id, bytes), bytes) : NULL;
}

int snapshot_head_read(struct trace *t, struct chunk_opener *o, size_t entry, struct snapshot_head *head, char *texts[2])
{
    struct trace_columns columns;
    const char *flaw;
    int error = map_read_chunk(t->fd, &t->map.entries[entry], o, &columns, &flaw);
    if (error)
        return error;
    for (unsigned i = 0; i < SNAPSHOT_NUMBERS_MAX; i++)
        head->numbers[i] = cursor_varint(&columns, SNAPSHOT_NUMBERS);
    const uint64_t *n = head->numbers;
    if (columns.bad || n[SNAPSHOT_N_NUMBER] > UINT32_MAX || n[SNAPSHOT_N_PROCESS] > UINT32_MAX ||
        n[SNAPSHOT_N_PID] > UINT32_MAX || n[SNAPSHOT_N_WHY] > UINT8_MAX || n[SNAPSHOT_N_HOW] > UINT8_MAX ||
        n[SNAPSHOT_N_FLAGS] > SNAPSHOT_FLAGS_ALL || n[SNAPSHOT_N_BLOCKS] > SNAPSHOT_BLOCKS_MAX ||
        n[SNAPSHOT_N_ROOTS] > SNAPSHOT_BLOCKS_MAX)
        return -EBADMSG;
    texts[0] = head_text(&columns, SNAPSHOT_REFUSED);
    texts[1] = head_text(&columns, SNAPSHOT_MARK_NAME);
    return 0;
}

bool trace_parts_follow(const struct trace_map *m, size_t entry, unsigned type)
{
    size_t parts = m->entries[entry].count;
    if (parts > m->count - entry - 1)
        return false;
    for (size_t i = 1; i <= parts; i++)
        if (m->entries[entry + i].type != type)
            return false;
    return true;
}

void trace_find_snapshots(struct trace *t)
{
    struct chunk_opener opener = { 0 };
    size_t capacity = 0, entries_capacity = 0;
    for (size_t i = 0; t->version > 3 && i < t->map.count; i++) {
        struct snapshot_head head;
        const uint64_t *n = head.numbers;
        char *texts[2];
        if (t->map.entries[i].type != TRACE_CHUNK_SNAPSHOT || !trace_parts_follow(&t->map, i, TRACE_CHUNK_PART) ||
            snapshot_head_read(t, &opener, i, &head, texts))
            continue;
        t->snapshots = xgrow(t->snapshots, &capacity, t->n_snapshots + 1, sizeof *t->snapshots);
        t->snapshot_entries = xgrow(t->snapshot_entries, &entries_capacity, t->n_snapshots + 1, sizeof *t->snapshot_entries);
        t->snapshot_entries[t->n_snapshots] = i;
        t->snapshots[t->n_snapshots++] = (struct trace_snapshot){
            .number = (uint32_t)n[SNAPSHOT_N_NUMBER], .process = (uint32_t)n[SNAPSHOT_N_PROCESS],
            .pid = (uint32_t)n[SNAPSHOT_N_PID], .ns = n[SNAPSHOT_N_NS], .event = n[SNAPSHOT_N_EVENT], .why = (uint8_t)n[SNAPSHOT_N_WHY], .how = (uint8_t)n[SNAPSHOT_N_HOW],
            .pause_ns = n[SNAPSHOT_N_PAUSE_NS], .blocks = n[SNAPSHOT_N_BLOCKS], .edges = n[SNAPSHOT_N_EDGES],
            .refused = texts[0], .mark = texts[1] };
    }
    chunk_opener_free(&opener);
}

size_t trace_snapshots(const struct trace *t, const struct trace_snapshot **list)
{
    *list = t->snapshots;
    return t->n_snapshots;
}
