/*
 * collector/graph/graph_unordered_archive.c - clashes, and what tells of unseen
 * order, in a checkpoint: see graph_archive.h for the rules, graph_unordered.h for
 * what is kept.
 *
 * Rows keep their places. A set's clashes come in the order of their places, so
 * each names its set. What all clashes' findings have in common is not written.
 * Run by the folding thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_clock_state.h"

/* ---- clashes ---------------------------------------------------------------------------- */

static void finding_fields(struct archive *a, struct clash *clashes, size_t n)
{
    ARCHIVE_INDEX(a, clashes, n, finding.use, USE_THREAD + 1);
    ARCHIVE_INDEX(a, clashes, n, finding.writes, 2);
    ARCHIVE_FIELD(a, clashes, n, finding.family);
    ARCHIVE_FIELD(a, clashes, n, finding.made_family);
    ARCHIVE_FIELD(a, clashes, n, finding.process);
    ARCHIVE_FIELD(a, clashes, n, finding.thread);
    ARCHIVE_FIELD(a, clashes, n, finding.ns);
    ARCHIVE_FIELD(a, clashes, n, finding.event);
    ARCHIVE_FIELD(a, clashes, n, finding.block);
    ARCHIVE_FIELD(a, clashes, n, finding.block_address);
    ARCHIVE_FIELD(a, clashes, n, finding.block_size);
    ARCHIVE_FIELD(a, clashes, n, finding.address);
    ARCHIVE_FIELD(a, clashes, n, finding.offset);
    ARCHIVE_FIELD(a, clashes, n, finding.length);
}

static void clash_fields(struct archive *a, struct graph *g, struct clash *clashes, size_t n)
{
    static const uint8_t roles[] = { EVIDENCE_USED, EVIDENCE_OTHER, EVIDENCE_MADE };
    ARCHIVE_INDEX(a, clashes, n, used, g->n_threads);
    ARCHIVE_INDEX(a, clashes, n, other, g->n_threads);
    ARCHIVE_FIELD(a, clashes, n, count);
    ARCHIVE_FIELD(a, clashes, n, last_event);
    finding_fields(a, clashes, n);
    for (int j = 0; j < 3; j++) {
        ARCHIVE_FIELD(a, clashes, n, evidence[j].stack);
        ARCHIVE_FIELD(a, clashes, n, evidence[j].thread);
        ARCHIVE_FIELD(a, clashes, n, evidence[j].ns);
        for (size_t i = 0; i < n && a->reading; i++)
            clashes[i].evidence[j].role = roles[j];
    }
    for (size_t i = 0; i < n && a->reading; i++)
        clashes[i].finding.rule = RULE_UNORDERED_BORROW;
}

static void sets_take(const struct unordered *u, uint32_t *set_of)
{
    for (size_t i = 0; i < u->n_sets; i++) {
        uint32_t at = u->sets[i].first;
        for (uint32_t n = 0; n < u->sets[i].pairs; n++, at = u->clashes[at].next)
            set_of[at] = (uint32_t)i;
    }
}

static void sets_give(struct archive *a, struct unordered *u, const uint32_t *set_of)
{
    for (uint32_t i = 0; i < u->n_clashes; i++) {
        struct clash_set *set = &u->sets[set_of[i]];
        if (set->pairs)
            u->clashes[set->last].next = i;
        else
            set->first = i;
        set->last = i;
        if (!archive_need(a, ++set->pairs <= UNORDERED_PAIRS_MAX, "stacks clash in too many threads"))
            return;
    }
    for (size_t i = 0; i < u->n_sets; i++)
        archive_need(a, u->sets[i].pairs, "stacks clash in no threads");
    if (!archive_bad(a))
        archive_need(a, unordered_index(u), "stacks clash twice");
}

static void clashes_archive(struct archive *a, struct graph *g, struct unordered *u)
{
    archive_rows(a, (void **)&u->sets, &u->n_sets, &u->sets_capacity, sizeof *u->sets, UNORDERED_MAX);
    ARCHIVE_FIELD(a, u->sets, u->n_sets, more);
    archive_rows(a, (void **)&u->clashes, &u->n_clashes, &u->clashes_capacity, sizeof *u->clashes,
                 UNORDERED_MAX * UNORDERED_PAIRS_MAX);
    clash_fields(a, g, u->clashes, u->n_clashes);
    uint32_t *set_of = archive_scratch(a, u->n_clashes, sizeof *set_of);
    if (set_of) {
        if (!a->reading)
            sets_take(u, set_of);
        archive_column(a, set_of, sizeof *set_of, sizeof *set_of, u->n_clashes);
        archive_column_below(a, set_of, sizeof *set_of, sizeof *set_of, u->n_clashes, u->n_sets);
    }
    if (a->reading && !archive_bad(a))
        sets_give(a, u, set_of);
    free(set_of);
}

/* ---- what tells of unseen order ------------------------------------------------------------ */

static void handed_fields(struct archive *a, struct unordered *u)
{
    for (int side = 0; side < 2; side++) {
        ARCHIVE_INDEX(a, u->handed, u->n_handed, n[side], HANDED_MIN + 1);
        for (int j = 0; j < HANDED_MIN; j++)
            ARCHIVE_FIELD(a, u->handed, u->n_handed, blocks[side][j]);
    }
}

static void handed_archive(struct archive *a, struct graph *g, struct unordered *u)
{
    archive_rows(a, (void **)&u->handed, &u->n_handed, &u->handed_capacity, sizeof *u->handed, THREADS_MAX);
    handed_fields(a, u);
    uint32_t *threads = archive_scratch(a, u->n_handed, sizeof *threads);
    if (!threads)
        return;
    for (uint32_t i = 0; i < u->handed_of.capacity && !a->reading; i++)
        if (u->handed_of.entries[i].value)
            threads[u->handed_of.entries[i].value - 1] = (uint32_t)u->handed_of.entries[i].key;
    archive_column(a, threads, sizeof *threads, sizeof *threads, u->n_handed);
    if (a->reading && archive_places(a, threads, u->n_handed, g->n_threads))
        for (size_t i = 0; i < u->n_handed; i++)
            dict_set(&u->handed_of, threads[i], (uint32_t)i + 1);
    free(threads);
}

static void pairs_archive(struct archive *a, struct graph *g, struct unordered *u)
{
    archive_rows(a, (void **)&u->pairs, &u->n_pairs, &u->pairs_capacity, sizeof *u->pairs, HANDED_PAIRS_MAX);
    ARCHIVE_INDEX(a, u->pairs, u->n_pairs, maker, g->n_threads);
    ARCHIVE_INDEX(a, u->pairs, u->n_pairs, user, g->n_threads);
    ARCHIVE_FIELD(a, u->pairs, u->n_pairs, drops);
    ARCHIVE_INDEX(a, u->pairs, u->n_pairs, handed, 2);
    ARCHIVE_INDEX(a, u->pairs, u->n_pairs, enough, 2);
    ARCHIVE_INDEX(a, u->pairs, u->n_pairs, turned, 2);
    ARCHIVE_INDEX(a, u->pairs, u->n_pairs, broken, 2);
    for (size_t i = 0; i < u->n_pairs && a->reading && !archive_bad(a); i++) {
        uint64_t key = (uint64_t)u->pairs[i].maker << 32 | u->pairs[i].user;
        if (archive_need(a, u->pairs[i].user && !dict_get(&u->pair_of, key), "two threads are united twice"))
            dict_set(&u->pair_of, key, (uint32_t)i + 1);
    }
}

/* ---- turns ------------------------------------------------------------------------------------ */

static void turns_give(struct archive *a, struct unordered *u, const struct turn *rows, size_t n)
{
    u->turns = archive_room(a, TURNS_MAX, sizeof *u->turns);
    for (size_t i = 0, before = 0; i < n && u->turns; i++) {
        size_t at = unordered_turn_at(rows[i].block, rows[i].offset, rows[i].end);
        if (!archive_need(a, rows[i].block && (!i || before < at), "turns of threads make no sense"))
            return;
        u->turns[at] = rows[i];
        before = at;
    }
}

static void turns_archive(struct archive *a, struct graph *g, struct unordered *u)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < TURNS_MAX && u->turns; i++)
        n += u->turns[i].block != 0;
    archive_count(a, &n, TURNS_MAX);
    struct turn *rows = archive_scratch(a, n, sizeof *rows);
    if (!rows)
        return;
    for (size_t i = 0; i < TURNS_MAX && !a->reading; i++)
        if (u->turns[i].block)
            rows[at++] = u->turns[i];
    ARCHIVE_FIELD(a, rows, n, block);
    ARCHIVE_FIELD(a, rows, n, offset);
    ARCHIVE_FIELD(a, rows, n, end);
    ARCHIVE_INDEX(a, rows, n, last, g->n_threads);
    ARCHIVE_INDEX(a, rows, n, other, g->n_threads);
    ARCHIVE_FIELD(a, rows, n, turns);
    if (a->reading && !archive_bad(a))
        turns_give(a, u, rows, n);
    free(rows);
}

void unordered_archive(struct archive *a, struct graph *g)
{
    struct unordered *u = &g->clocks->unordered;
    archive_u64(a, &u->left_out);
    clashes_archive(a, g, u);
    handed_archive(a, g, u);
    pairs_archive(a, g, u);
    turns_archive(a, g, u);
}
