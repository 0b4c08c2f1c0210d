/*
 * tests/unit/test_heap_reach.c - leak classes: by hand, and against a naive
 * model on random graphs.
 */
#include "event/event.h"
#include "heap/heap_order.h"
#include "heap_play.h"
#include "suite.h"

/* A letter a block: r p i d; L: loose. */
static const char *classes(const struct snapshot *s)
{
    static char text[128];
    struct heap_reach *r = heap_reach_new(s);
    size_t i = 0;
    for (; i < s->n_blocks; i++)
        text[i] = r->loose && r->loose[i] ? 'L' : "rpid"[r->class[i]];
    text[i] = '\0';
    heap_reach_free(r);
    return text;
}

#define classes_are(p, text) do { struct snapshot *done_ = play_done(&(p)); ck_assert_str_eq(classes(done_), text); snapshot_free(done_); } while (0)

START_TEST(nothing_at_all)
{
    struct play p = play_new(0, 0);
    classes_are(p, "");
    p = play_new(3, 0);
    classes_are(p, "ddd");
    p = play_new(2, 2);
    classes_are(p, "dd");
}
END_TEST

START_TEST(unread_memory_has_no_classes)
{
    struct play p = play_new(2, 0);
    ck_assert_ptr_null(heap_reach_new(p.s));
    heap_reach_free(NULL);
    snapshot_free(p.s);
}
END_TEST

START_TEST(chains)
{
    struct play p = play_new(8, 1);
    uint32_t root = play_root(&p, 0);
    play_edge(&p, root, 0); play_edge(&p, 0, 1);
    play_edge(&p, root, 2 | EDGE_INTERIOR); play_edge(&p, 2, 3);
    play_edge(&p, 1, 4 | EDGE_INTERIOR | EDGE_GOOD);
    play_edge(&p, 5, 6); play_edge(&p, 6, 7 | EDGE_INTERIOR);
    classes_are(p, "rrpprdii");
}
END_TEST

START_TEST(what_may_be_an_unrecorded_block_holds_perhaps)
{
    struct play p = play_new(5, 2);     /* 0 -> 1; 3 -> 4, lost */
    p.s->roots[1].kind = ROOT_UNRECORDED;
    play_edge_at(&p, 5, 2, 0);          /* data */
    play_edge_at(&p, 6, 0, 0);          /* unrecorded */
    play_edge_at(&p, 0, 1, 0);
    play_edge_at(&p, 3, 4, 0);
    struct snapshot *s = play_done(&p);
    struct heap_reach *r = heap_reach_new(s);
    ck_assert_uint_eq(r->class[0], LEAK_POSSIBLE);
    ck_assert_uint_eq(r->class[1], LEAK_POSSIBLE);
    ck_assert_uint_eq(r->class[2], LEAK_REACHABLE);
    ck_assert_uint_eq(r->class[3], LEAK_DEFINITE);
    ck_assert_uint_eq(r->class[4], LEAK_INDIRECT);
    heap_reach_free(r);
    snapshot_free(s);
}
END_TEST

START_TEST(a_start_pointer_found_late_makes_reachable)
{
    struct play p = play_new(3, 2);
    play_edge(&p, play_root(&p, 0), 0 | EDGE_INTERIOR); play_edge(&p, 0, 1); play_edge(&p, 1, 2);
    play_edge(&p, play_root(&p, 1), 0);
    classes_are(p, "rrr");
}
END_TEST

START_TEST(of_a_cycle_the_first_born)
{
    struct play p = play_new(5, 0);
    p.s->id[0] = 3; p.s->id[2] = 1;
    play_edge(&p, 0, 1); play_edge(&p, 1, 2); play_edge(&p, 2, 0); play_edge(&p, 1, 1);
    play_edge(&p, 3, 3); play_edge(&p, 0, 4);
    classes_are(p, "iiddi");
}
END_TEST

START_TEST(a_cycle_below_a_lost_block_is_indirect)
{
    /* memcheck's walk by address would call block 0 definite too: it takes 1 for indirect and never looks again. */
    struct play p = play_new(3, 0);
    play_edge(&p, 0, 1); play_edge(&p, 1, 0); play_edge(&p, 2, 1);
    classes_are(p, "iid");
}
END_TEST

START_TEST(what_hangs_below_two_is_told_of_the_first_born)
{
    struct play p = play_new(4, 0);
    p.s->id[0] = 9;
    play_edge(&p, 0, 2); play_edge(&p, 1, 2); play_edge(&p, 2, 3);
    struct snapshot *s = play_done(&p);
    struct heap_reach *r = heap_reach_new(s);
    ck_assert_uint_eq(r->leader[0], 0);
    ck_assert_uint_eq(r->leader[1], 1);
    ck_assert_uint_eq(r->leader[2], 1);
    ck_assert_uint_eq(r->leader[3], 1);
    ck_assert_uint_eq(r->totals[LEAK_DEFINITE].blocks, 2);
    ck_assert_uint_eq(r->totals[LEAK_INDIRECT].bytes, 32);
    heap_reach_free(r);
    snapshot_free(s);
}
END_TEST

START_TEST(mappings_are_no_leaks)
{
    struct play p = play_new(7, 1);
    p.s->family[0] = p.s->family[2] = p.s->family[3] = p.s->family[5] = WIRE_MMAP_ANON;
    play_edge(&p, 0, 1 | EDGE_INTERIOR);        /* nobody points to 0: it is a root, and 1 possible */
    play_edge(&p, 2, 3); play_edge(&p, 3, 2);   /* two that point to each other: the first-born */
    play_edge(&p, play_root(&p, 0), 5 | EDGE_INTERIOR); play_edge(&p, 5, 6);
    struct snapshot *s = play_done(&p);
    ck_assert_str_eq(classes(s), "LpLrdrr");
    struct heap_reach *r = heap_reach_new(s);
    ck_assert_uint_eq(r->totals[LEAK_REACHABLE].blocks, 1);
    heap_reach_free(r);
    snapshot_free(s);
}
END_TEST

/* ---- the model: reachability by matrix ------------------------------------------ */

enum { MODEL_MAX = 64 };
struct model { bool strong[MODEL_MAX][MODEL_MAX], any[MODEL_MAX][MODEL_MAX]; };

static void model_close(bool m[MODEL_MAX][MODEL_MAX], size_t n)
{
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; m[i][k] && j < n; j++)
                m[i][j] |= m[k][j];
}

/* First of its kin: all that lead to it are of its own cycle and younger. */
static bool model_leads(const struct snapshot *s, bool reach[MODEL_MAX][MODEL_MAX], const bool *among, size_t v)
{
    for (size_t u = 0; u < s->n_blocks; u++)
        if (u != v && among[u] && reach[u][v] && (!reach[v][u] || s->id[u] < s->id[v]))
            return false;
    return among[v];
}

static void model_check(const struct snapshot *s)
{
    static struct model m;
    memset(&m, 0, sizeof m);
    size_t n = s->n_blocks;
    for (size_t i = 0; i < snapshot_nodes(s); i++)
        for (uint64_t e = s->first[i]; e < s->first[i + 1]; e++) {
            uint32_t to = s->to[e] & EDGE_TARGET;
            m.any[i][to] = true;
            if (!(s->to[e] & EDGE_INTERIOR) || s->to[e] & EDGE_GOOD || family_is_map(s->family[to]))
                m.strong[i][to] = true;
        }
    model_close(m.strong, snapshot_nodes(s));
    model_close(m.any, snapshot_nodes(s));
    bool certain[MODEL_MAX] = {0}, loose[MODEL_MAX] = {0}, candidates[MODEL_MAX] = {0}, lost[MODEL_MAX] = {0};
    for (size_t i = 0; i < n; i++) {
        for (size_t root = n; root < snapshot_nodes(s); root++)
            certain[i] |= m.strong[root][i];
        candidates[i] = !certain[i] && family_is_map(s->family[i]);
    }
    for (size_t i = 0; i < n; i++)
        loose[i] = model_leads(s, m.strong, candidates, i);
    for (size_t i = 0; i < n; i++)
        for (size_t from = 0; from < n; from++)
            certain[i] |= loose[from] && (from == i || m.strong[from][i]);
    for (size_t i = 0; i < n; i++) {
        lost[i] = !certain[i];
        for (size_t from = 0; from < snapshot_nodes(s); from++)
            if (m.any[from][i] && (from >= n || certain[from]))
                lost[i] = false;
    }
    struct heap_reach *r = heap_reach_new(s);
    bool definite[MODEL_MAX];
    for (size_t i = 0; i < n; i++)
        definite[i] = model_leads(s, m.any, lost, i);
    for (size_t i = 0; i < n; i++) {
        unsigned want = certain[i] ? LEAK_REACHABLE : !lost[i] ? LEAK_POSSIBLE : definite[i] ? LEAK_DEFINITE : LEAK_INDIRECT;
        ck_assert_uint_eq(r->class[i], want);
        ck_assert_int_eq(r->loose && r->loose[i], loose[i]);
        size_t leader = i;
        for (size_t d = 0; want == LEAK_INDIRECT && d < n; d++)
            if (definite[d] && m.any[d][i] && (leader == i || s->id[d] < s->id[leader]))
                leader = d;
        ck_assert_uint_eq(r->leader[i], leader);
    }
    heap_reach_free(r);
}

START_TEST(random_graphs)
{
    for (unsigned round = 0; round < 20000; round++) {
        uint32_t blocks = 1 + play_random(40);
        struct snapshot *s = play_any(blocks, play_random(5), play_random(blocks * 3));
        model_check(s);
        snapshot_free(s);
    }
}
END_TEST

/* ---- large ---------------------------------------------------------------------- */

START_TEST(five_million_in_a_row)
{
    enum { N = 5000000 };
    struct play p = play_new(N, 1);
    for (uint32_t i = 0; i + 1 < N; i++)
        play_edge_at(&p, N - 1 - i, N - 2 - i, 0);      /* lost, from the highest on */
    struct snapshot *s = play_done(&p);
    struct heap_reach *r = heap_reach_new(s);
    ck_assert_uint_eq(r->totals[LEAK_DEFINITE].blocks, 1);
    ck_assert_uint_eq(r->class[N - 1], LEAK_DEFINITE);
    ck_assert_uint_eq(r->leader[0], N - 1);
    heap_reach_free(r);
    snapshot_free(s);
}
END_TEST

START_TEST(order)
{
    static struct heap_ordered rows[5000];
    for (size_t n = 0; n <= 5000; n += n < 100 ? 1 : 700) {
        uint64_t mask = n % 3 ? ~0ull : 0xff00ff;
        for (size_t i = 0; i < n; i++)
            rows[i] = (struct heap_ordered){((uint64_t)play_random(50) << 40 | play_random(1 << 30)) & mask, (uint32_t)i};
        heap_order(rows, n);
        for (size_t i = 1; i < n; i++)
            ck_assert(rows[i - 1].key < rows[i].key || (rows[i - 1].key == rows[i].key && rows[i - 1].value < rows[i].value));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_reach");
    TCase *t = tcase_create("classes");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, nothing_at_all);
    tcase_add_test(t, unread_memory_has_no_classes);
    tcase_add_test(t, chains);
    tcase_add_test(t, what_may_be_an_unrecorded_block_holds_perhaps);
    tcase_add_test(t, a_start_pointer_found_late_makes_reachable);
    tcase_add_test(t, of_a_cycle_the_first_born);
    tcase_add_test(t, a_cycle_below_a_lost_block_is_indirect);
    tcase_add_test(t, what_hangs_below_two_is_told_of_the_first_born);
    tcase_add_test(t, mappings_are_no_leaks);
    tcase_add_test(t, random_graphs);
    tcase_add_test(t, five_million_in_a_row);
    tcase_add_test(t, order);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
