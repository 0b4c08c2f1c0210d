/*
 * tests/unit/test_heap_tree.c - dominators and retained sizes by taking each
 * node away, paths against a relaxation of all edges, on random graphs.
 */
#include "heap/heap_tree.h"
#include "heap_play.h"
#include "suite.h"

enum { NODES_MAX = 80 };

/* What the tree is made of, edge by edge, found the long way. */
struct model {
    bool edge[NODES_MAX][NODES_MAX];
    unsigned weak[NODES_MAX][NODES_MAX];    /* 1: only by interior pointers */
    bool keeps[NODES_MAX][NODES_MAX];       /* [a][b]: with a away, nothing leads to b */
};
static struct model m;

static bool lost(const struct heap_reach *r, uint32_t block) { return r->class[block] >= LEAK_INDIRECT; }

static void model_edges(const struct snapshot *s, const struct heap_reach *r, const struct heap_tree *t,
                        const struct heap_part *parts)
{
    memset(&m, 0, sizeof m);
    uint32_t n = t->n_blocks;
    for (uint32_t node = 0; node < snapshot_nodes(s); node++)
        for (uint64_t e = s->first[node]; e < s->first[node + 1]; e++) {
            uint32_t to = s->to[e] & EDGE_TARGET, from = node;
            if (node >= n && parts)
                for (uint32_t i = 0; i < t->n_parts; i++)
                    if (parts[i].root == node - n && parts[i].first_word <= s->at[e] && s->at[e] < parts[i].last_word)
                        from = n + i;
            if (from < n && lost(r, from) && !lost(r, to))
                continue;
            bool weak = s->to[e] & EDGE_INTERIOR && !(s->to[e] & EDGE_GOOD);
            m.weak[from][to] = weak && (!m.edge[from][to] || m.weak[from][to]);
            m.edge[from][to] = true;
        }
    for (uint32_t node = n; node <= t->lost; node++)
        m.edge[t->top][node] = true;
    for (uint32_t i = 0; i < n; i++) {
        m.edge[t->lost][i] = r->class[i] == LEAK_DEFINITE;
        m.edge[t->top][i] = r->loose && r->loose[i];
    }
}

static void reach(const struct heap_tree *t, uint32_t from, uint32_t away, bool *seen)
{
    if (from == away || seen[from])
        return;
    seen[from] = true;
    for (uint32_t to = 0; to < t->n_nodes; to++)
        if (m.edge[from][to])
            reach(t, to, away, seen);
}

static void model_keeps(const struct heap_tree *t)
{
    for (uint32_t away = 0; away < t->n_nodes; away++) {
        bool seen[NODES_MAX] = {0};
        reach(t, t->top, away, seen);
        for (uint32_t node = 0; node < t->n_nodes; node++)
            m.keeps[away][node] = !seen[node];
    }
}

static void check_tree(const struct snapshot *s, const struct heap_tree *t)
{
    model_keeps(t);
    uint32_t children = 0;
    for (uint32_t node = 0; node < t->n_nodes; node++) {
        uint64_t bytes = 0, blocks = 0;
        for (uint32_t i = 0; i < t->n_blocks; i++)
            if (m.keeps[node][i]) {
                bytes += s->size[i];
                blocks++;
            }
        ck_assert_uint_eq(t->retained_bytes[node], bytes);
        ck_assert_uint_eq(t->retained_blocks[node], blocks);
        /* The nearest of those that keep it: all others keep that one too. */
        uint32_t holder = t->top;
        for (uint32_t other = 0; node != t->top && other < t->n_nodes; other++)
            if (other != node && m.keeps[other][node] && m.keeps[holder][other])
                holder = other;
        ck_assert_uint_eq(t->holder[node], holder);
        for (uint32_t i = t->child_first[node]; i < t->child_first[node + 1]; i++, children++) {
            ck_assert_uint_eq(t->holder[t->child[i]], node);
            if (i > t->child_first[node])
                ck_assert(t->retained_bytes[t->child[i - 1]] > t->retained_bytes[t->child[i]] ||
                          (t->retained_bytes[t->child[i - 1]] == t->retained_bytes[t->child[i]] && t->child[i - 1] < t->child[i]));
        }
    }
    ck_assert_uint_eq(children, t->n_nodes - 1);
}

/* Costs of the best way: interior pointers (when they count), then length. */
static void check_path(const struct snapshot *s, const struct heap_reach *r, const struct heap_tree *t, uint32_t block, bool strong)
{
    enum { FAR = 1 << 28, WEAK = 1 << 10 };
    uint32_t cost[NODES_MAX];
    for (uint32_t i = 0; i < t->n_nodes; i++)
        cost[i] = lost(r, block) ? i == r->leader[block] ? 0 : FAR
                : (i >= t->n_blocks && i < t->lost) || (i < t->n_blocks && r->loose && r->loose[i]) ? 0 : FAR;
    for (uint32_t round = 0; round < t->n_nodes; round++)
        for (uint32_t from = 0; from < t->lost; from++)
            for (uint32_t to = 0; to < t->n_blocks; to++) {
                uint32_t more = 1 + (strong && m.weak[from][to] ? WEAK : 0);
                if (m.edge[from][to] && cost[from] < FAR && cost[from] + more < cost[to])
                    cost[to] = cost[from] + more;
            }
    struct heap_step *steps;
    size_t n = heap_path(s, r, t, block, strong, &steps);
    ck_assert_uint_gt(n, 0);
    ck_assert_uint_eq(steps[n - 1].node, block);
    uint32_t found = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        uint32_t from = steps[i].node;
        ck_assert(m.edge[from][steps[i + 1].node]);
        found += 1 + (strong && steps[i].flags & EDGE_INTERIOR && !(steps[i].flags & EDGE_GOOD) ? WEAK : 0);
        bool there = false;
        uint64_t first = from < t->n_blocks ? s->first[from] : t->part_edge[from - t->n_blocks];
        uint64_t last = from < t->n_blocks ? s->first[from + 1] : t->part_edge[from - t->n_blocks + 1];
        for (uint64_t e = first; e < last; e++)
            there |= s->to[e] == (steps[i + 1].node | steps[i].flags) && s->at[e] == steps[i].at;
        ck_assert(there);
    }
    ck_assert_uint_eq(found, cost[block]);
    free(steps);
}

static void check_holders(const struct snapshot *s, const struct heap_tree *t, uint32_t block)
{
    size_t want = 0;
    for (size_t e = 0; e < s->n_edges; e++)
        want += (s->to[e] & EDGE_TARGET) == block;
    struct heap_step steps[200];
    ck_assert_uint_eq(heap_holders(s, t, block, steps, 200), want);
    for (size_t i = 0; i < want; i++)
        ck_assert(m.edge[steps[i].node][block] || steps[i].node < t->n_blocks);
    ck_assert_uint_eq(heap_holders(s, t, block, NULL, 0), want);
}

static void check_all(const struct snapshot *s, const struct heap_part *parts, size_t n_parts)
{
    struct heap_reach *r = heap_reach_new(s);
    struct heap_tree *t = heap_tree_new(s, r, parts, n_parts, NULL, NULL);
    ck_assert_uint_le(t->n_nodes, NODES_MAX);
    model_edges(s, r, t, parts);
    check_tree(s, t);
    for (uint32_t block = 0; block < s->n_blocks && block < 8; block++) {
        check_path(s, r, t, block, false);
        check_path(s, r, t, block, true);
        check_holders(s, t, block);
    }
    heap_tree_free(t);
    heap_reach_free(r);
}

START_TEST(random_graphs)
{
    for (unsigned round = 0; round < 4000; round++) {
        uint32_t blocks = play_random(30);
        struct snapshot *s = play_any(blocks, play_random(6), play_random(blocks * 3 + 1));
        check_all(s, NULL, 0);
        snapshot_free(s);
    }
}
END_TEST

START_TEST(random_parts)
{
    for (unsigned round = 0; round < 3000; round++) {
        uint32_t blocks = 1 + play_random(24), roots = 1 + play_random(3);
        struct play p = play_new(blocks, roots);
        for (uint32_t root = 0; root < roots; root++)
            for (uint32_t at = 0; at < 30; at += 1 + play_random(9))
                play_edge_at(&p, play_root(&p, root), play_random(blocks), at);
        for (uint32_t i = 0; i < blocks * 2; i++)
            play_edge(&p, play_random(blocks), play_random(blocks) | (play_random(3) ? 0 : EDGE_INTERIOR));
        struct snapshot *s = play_done(&p);
        struct heap_part parts[40];
        size_t n = 0;
        for (uint32_t root = 0; root < roots; root++)
            for (uint32_t word = 0; word < 30;) {
                uint32_t last = word + 1 + play_random(15);
                parts[n++] = (struct heap_part){.root = root, .first_word = word, .last_word = last};
                word = last;
            }
        check_all(s, parts, n);
        snapshot_free(s);
    }
}
END_TEST

START_TEST(nothing_at_all)
{
    struct play p = play_new(0, 0);
    struct snapshot *s = play_done(&p);
    check_all(s, NULL, 0);
    snapshot_free(s);
    p = play_new(3, 2);
    s = play_done(&p);
    check_all(s, NULL, 0);
    snapshot_free(s);
    p = play_new(1, 1);
    ck_assert_ptr_null(heap_tree_new(p.s, NULL, NULL, 0, NULL, NULL));
    heap_tree_free(NULL);
    snapshot_free(p.s);
}
END_TEST

/* The pointer out of what is lost does not share what the root holds. */
START_TEST(what_is_lost_holds_nothing_else)
{
    struct play p = play_new(3, 1);
    play_edge(&p, play_root(&p, 0), 0); play_edge(&p, 0, 1); play_edge(&p, 2, 1);
    struct snapshot *s = play_done(&p);
    struct heap_reach *r = heap_reach_new(s);
    struct heap_tree *t = heap_tree_new(s, r, NULL, 0, NULL, NULL);
    ck_assert_uint_eq(t->holder[1], 0);
    ck_assert_uint_eq(t->holder[2], t->lost);
    ck_assert_uint_eq(t->retained_bytes[0], 32);
    ck_assert_uint_eq(t->retained_bytes[t->lost], 16);
    ck_assert_uint_eq(t->retained_bytes[t->top], 48);
    heap_tree_free(t);
    heap_reach_free(r);
    snapshot_free(s);
}
END_TEST

static unsigned told;
static void tell(void *context, const char *step, uint64_t done, uint64_t total)
{
    ck_assert_uint_le(done, total);
    told++;
}

/* A row of five million, that every hundredth is pointed to from its beginning. */
START_TEST(five_million_in_a_row)
{
    enum { N = 5000000 };
    struct play p = play_new(N, 1);
    play_edge_at(&p, N, 0, 0);
    for (uint32_t i = 0; i + 1 < N; i++)
        play_edge_at(&p, i, i + 1, 0);
    for (uint32_t i = 100; i < N; i += 100)
        play_edge_at(&p, 1, i, i);
    struct snapshot *s = play_done(&p);
    struct heap_reach *r = heap_reach_new(s);
    struct heap_tree *t = heap_tree_new(s, r, NULL, 0, tell, NULL);
    ck_assert_uint_gt(told, 5);
    ck_assert_uint_eq(t->retained_blocks[N], N);
    ck_assert_uint_eq(t->retained_blocks[0], N);
    ck_assert_uint_eq(t->retained_blocks[1], N - 1);
    ck_assert_uint_eq(t->retained_blocks[200], 100);
    ck_assert_uint_eq(t->retained_blocks[199], 1);
    ck_assert_uint_eq(t->holder[1234500], 1);
    struct heap_step *steps;
    ck_assert_uint_eq(heap_path(s, r, t, N - 1, false, &steps), 3 + 1 + 99);
    free(steps);
    heap_tree_free(t);
    heap_reach_free(r);
    snapshot_free(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_tree");
    TCase *t = tcase_create("tree");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, nothing_at_all);
    tcase_add_test(t, what_is_lost_holds_nothing_else);
    tcase_add_test(t, random_graphs);
    tcase_add_test(t, random_parts);
    tcase_add_test(t, five_million_in_a_row);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
