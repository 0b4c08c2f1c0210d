/*
 * tests/unit/test_archive_rest.c - what a checkpoint keeps besides blocks and
 * locks: graves, forks, modules, findings, copies, parked events. A graph that
 * was loaded goes on as the one that was saved; what makes no sense is refused.
 */
#include "archive_world.h"
#include "suite.h"

#include "graph/graph_claims.h"
#include "graph/graph_forks.h"
#include "graph/graph_modules.h"

/* ---- going on ----------------------------------------------------------------------- */

static struct { size_t listed, inherited, both, shared, findings, claims, suspects, parked, flows, graves; } seen;

static void look(const struct graph *g)
{
    seen.listed += g->n_frozen;
    seen.findings += g->n_findings;
    seen.parked += g->n_parked;
    seen.flows += g->flows != NULL;
    for (size_t i = 0; i < g->n_processes; i++) {
        const struct process *p = g->processes[i];
        seen.inherited += p->inherit != NULL;
        seen.both += p->inherit && p->inherit->frozen->users == 2;
        seen.shared += p->modules && p->modules->users > 1;
        seen.claims += p->n_claims;
        seen.suspects += p->n_suspects;
        seen.graves += p->graves.ring != NULL;
    }
}

/* Folds the world's next events in both: the same facts, and the same state. */
static void go_on(struct world *w, struct graph *one, struct graph *other, size_t events)
{
    uint64_t facts = 7, others = 7;
    graph_observe(one, facts_digest, &facts);
    graph_observe(other, facts_digest, &others);
    for (size_t i = 0; i < events; i++) {
        struct event e = world_next(w);
        graph_fold(one, &e);
        graph_fold(other, &e);
        if (facts != others)
            ck_abort_msg("fact of event %zu (%s) differs", i, event_type_name(e.type));
    }
    ck_assert_uint_eq(view_digest(one), view_digest(other));
    graph_observe(one, NULL, NULL);
    graph_observe(other, NULL, NULL);
}

static struct graph *world_graph(struct world *w, uint64_t seed, size_t events)
{
    struct graph *g = graph_new(NULL);
    world_begin(w, seed);
    for (size_t i = 0; i < events; i++) {
        struct event e = world_next(w);
        graph_fold(g, &e);
    }
    return g;
}

START_TEST(a_loaded_graph_goes_on_as_the_saved_one)
{
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct world w;
        struct graph *g = world_graph(&w, seed, 50 + (size_t)(seed * 37 % 2500));
        look(g);
        struct graph *loaded = graph_twin(g, NULL);
        graphs_check(g, loaded);
        go_on(&w, g, loaded, 600);
        graphs_check(g, loaded);
        struct graph *again = graph_twin(loaded, NULL);
        go_on(&w, g, again, 200);
        graphs_check(g, again);
        graph_free(g);
        graph_free(loaded);
        graph_free(again);
    }
    ck_assert_uint_gt(seen.listed, 20);
    ck_assert_uint_gt(seen.inherited, 20);
    ck_assert_uint_gt(seen.both, 5);
    ck_assert_uint_gt(seen.shared, 20);
    ck_assert_uint_gt(seen.findings, 100);
    ck_assert_uint_gt(seen.claims, 20);
    ck_assert_uint_gt(seen.suspects, 5);
    ck_assert_uint_gt(seen.parked, 5);
    ck_assert_uint_gt(seen.flows, 50);
    ck_assert_uint_gt(seen.graves, 50);
}
END_TEST

/* ---- graves -------------------------------------------------------------------------- */

/* Makes and drops a block of a size: many start at one address, or close by. */
static void bury(struct graph *g, struct graph *other, uint64_t *ns, uint64_t address, uint64_t size)
{
    struct event e = { .type = EVENT_NEW, .family = WIRE_MALLOC, .process = 1, .thread = 4, .address = address, .size = size };
    struct graph *graphs[] = { g, other };
    for (int drop = 0; drop < 2; drop++) {
        e.type = drop ? EVENT_DROP : EVENT_NEW;
        e.family = drop ? WIRE_FREE : WIRE_MALLOC;
        e.ns = *ns += 40;
        for (size_t i = 0; i < 2; i++)
            if (graphs[i])
                graph_fold(graphs[i], &e);
    }
}

static void some_bury(struct world *w, struct graph *g, struct graph *other, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t address = 0x100000 + 16 * (uint64_t)(world_random(w, 30) ? world_random(w, 400) : world_random(w, 40000));
        uint64_t size = 1 + world_random(w, 8) * 16u;
        if (!world_random(w, 8))
            size = (uint64_t)world_random(w, 200) << world_random(w, 12);
        bury(g, other, &w->ns, address, size);
    }
}

/* What is found at an address, and by its start. */
static uint64_t graves_digest(struct graph *g)
{
    uint64_t hash = 3;
    struct process *p = process_at(g, dict_get(&g->process_of, 1));
    for (uint64_t address = 0x100000 - 64; address < 0x100000 + 16 * 3000; address += 8) {
        struct grave v;
        bool found = graves_find(g, p, address, &v);
        uint64_t n[] = { found, found ? v.id : 0, found ? v.ns : 0, found ? v.site : 0 };
        found = graves_find_start(g, p, address, &v);
        uint64_t starts[] = { found, found ? v.id : 0, found ? v.size : 0, graves_born_since(p, address, g->now_ns / 2) };
        DIGEST(hash, n);
        DIGEST(hash, starts);
    }
    return hash;
}

static void graves_go_on(size_t dug, bool asked)
{
    struct world w;
    world_begin(&w, dug);
    struct graph *g = graph_new(NULL);
    some_bury(&w, g, NULL, dug / 2);
    if (asked)
        graves_digest(g);
    some_bury(&w, g, NULL, dug - dug / 2);
    struct graph *loaded = graph_twin(g, NULL);
    const struct process *p = loaded->processes[1];
    ck_assert_uint_eq(graves_dug(&p->graves), dug);
    ck_assert_uint_eq(graves_digest(g), graves_digest(loaded));
    for (int i = 0; i < 4; i++) {
        some_bury(&w, g, loaded, i < 2 ? 50 : GRAVES_MAX / 5);
        ck_assert_uint_eq(graves_digest(g), graves_digest(loaded));
    }
    graphs_check(g, loaded);
    graph_free(g);
    graph_free(loaded);
}

START_TEST(graves_are_found_as_ever)
{
    static const size_t dug[] = { 1, 63, 64, 65, 5000, 16384, 16385, 30000, GRAVES_MAX - 1, GRAVES_MAX, GRAVES_MAX + 1,
                                  3 * GRAVES_MAX, 3 * GRAVES_MAX + 777 };
    for (size_t i = 0; i < sizeof dug / sizeof *dug; i++)
        graves_go_on(dug[i], i % 2);
}
END_TEST

/* Nobody looks inside of a large one: what it would hide is kept, and told of when the index of starts is made later. */
START_TEST(large_graves_hide_no_small_ones)
{
    struct graph *g = graph_new(NULL);
    uint64_t ns = 0;
    for (size_t i = 0; i < GRAVES_MAX / 2; i++)
        bury(g, NULL, &ns, 0x100000 + 64 * (i % 500), 48);
    bury(g, NULL, &ns, 0x5000000, 100 << 10);
    bury(g, NULL, &ns, 0x5000000, 200 << 10);
    struct graph *loaded = graph_twin(g, NULL);
    struct graph *graphs[] = { g, loaded };
    for (size_t i = 0; i < 2; i++) {
        struct grave v;
        struct process *p = graphs[i]->processes[1];
        ck_assert_ptr_null(p->starts);
        ck_assert(graves_find(graphs[i], p, 0x5000000 + (80 << 10), &v));
        ck_assert_uint_eq(v.size, 100 << 10);
        ck_assert(graves_find_start(graphs[i], p, 0x5000000, &v));
        ck_assert_uint_eq(v.size, 200 << 10);
    }
    graphs_check(g, loaded);
    graph_free(g);
    graph_free(loaded);
}
END_TEST

/* A ring of blocks that start at few addresses costs little. */
START_TEST(hidden_graves_are_left_away)
{
    struct graph *g = graph_new(NULL);
    struct archive a;
    uint64_t ns = 0;
    for (size_t i = 0; i < 2 * GRAVES_MAX; i++)
        bury(g, NULL, &ns, 0x100000 + 64 * (i % 500), 48);
    state_save(g, &a);
    ck_assert_uint_lt(archive_bytes_written(&a), 500 * 24);
    archive_free(&a);
    graph_free(g);
}
END_TEST

/* ---- copies from block to block -------------------------------------------------------- */

enum { FLOW_BLOCKS = 400, FLOWS_FIRST = 100000, FLOWS_THEN = 90000 };

static void copy_some(struct world *w, struct graph *g, struct graph *other, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        w->ns += 40;
        struct event e = { .type = EVENT_COPY, .family = WIRE_COPY_MEMMOVE, .process = 1, .thread = 4, .ns = w->ns, .size = 8 };
        uint32_t near = (uint32_t)(i / 300);    /* some pairs soon again */
        e.address = 0x100000 + 64 * (uint64_t)(world_random(w, 4) ? world_random(w, FLOW_BLOCKS) : near % FLOW_BLOCKS);
        e.extra[0] = 0x100000 + 64 * (uint64_t)(world_random(w, 4) ? world_random(w, FLOW_BLOCKS) : (near + 1) % FLOW_BLOCKS);
        graph_fold(g, &e);
        if (other)
            graph_fold(other, &e);
    }
}

START_TEST(a_full_ring_of_copies_forgets_as_ever)
{
    struct world w;
    struct graph *g = graph_new(NULL);
    world_begin(&w, 5);
    for (uint32_t i = 0; i < FLOW_BLOCKS; i++) {
        struct event e = { .type = EVENT_NEW, .family = WIRE_MALLOC, .process = 1, .thread = 4, .address = 0x100000 + 64 * (uint64_t)i,
                           .size = 48, .ns = w.ns += 40 };
        graph_fold(g, &e);
    }
    copy_some(&w, g, NULL, FLOWS_FIRST);
    struct graph *loaded = graph_twin(g, NULL);
    copy_some(&w, g, loaded, FLOWS_THEN);
    ck_assert_uint_eq(view_digest(g), view_digest(loaded));
    graphs_check(g, loaded);
    graph_free(g);
    graph_free(loaded);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------ */

/* A world with all that can be broken. */
static struct graph *rich(void)
{
    for (uint64_t seed = 1; seed < 3000; seed++) {
        struct world w;
        struct graph *g = world_graph(&w, seed, 700);
        const struct frozen *f = g->frozen_first;
        bool good = f && f->n_heap > 1 && g->n_parked && g->n_findings > 1 && g->flows && g->module_ranges > 2;
        size_t claims = 0, suspects = 0, own = 0;
        for (size_t i = 1; i < g->n_processes; i++) {
            claims += g->processes[i]->n_claims;
            suspects += g->processes[i]->n_suspects;
            own += g->processes[i]->inherit && g->processes[i]->inherit->frozen->users == 1;
        }
        if (good && claims && suspects && own)
            return g;
        graph_free(g);
    }
    ck_abort_msg("no world has all");
    return NULL;
}

static struct frozen *own_frozen(struct graph *g)
{
    for (size_t i = 1; i < g->n_processes; i++)
        if (g->processes[i]->inherit && g->processes[i]->inherit->frozen->users == 1)
            return g->processes[i]->inherit->frozen;
    return NULL;
}

static struct modules *some_modules(struct graph *g)
{
    for (size_t i = 1; i < g->n_processes; i++)
        if (g->processes[i]->modules && g->processes[i]->modules->n > 1)
            return g->processes[i]->modules;
    return NULL;
}

static struct grave *some_grave(struct graph *g)
{
    for (size_t i = 1; i < g->n_processes; i++)
        if (g->processes[i]->graves.ring)
            return g->processes[i]->graves.ring;
    return NULL;
}

static void break_rule(struct graph *g) { g->findings[1].rule = RULES; }
static void break_use(struct graph *g) { g->findings[1].use = USE_THREAD + 1; }
static void break_evidence(struct graph *g) { g->evidence[0].role = EVIDENCES; }
static void break_evidence_sum(struct graph *g) { g->findings[0].n++; }
static void break_sum(struct graph *g) { g->findings_by_rule[g->findings[0].rule] = 0; g->findings[0].count++; }
static void break_twice(struct graph *g)
{
    g->findings[1] = g->findings[0];
    memcpy(&g->evidence[g->findings[0].n], &g->evidence[0], g->findings[0].n * sizeof *g->evidence);
}
static void break_frozen_thread(struct graph *g) { g->frozen_first->thread = (uint32_t)g->n_threads; }
static void break_frozen_process(struct graph *g) { own_frozen(g)->process = (uint32_t)g->n_processes; }
static void break_frozen_site(struct graph *g) { g->frozen_first->blocks[0].site = (uint32_t)g->n_sites; }
static void break_frozen_ids(struct graph *g) { own_frozen(g)->base_id = g->next_block_id; }
static void break_frozen_address(struct graph *g) { g->frozen_first->blocks[0].address = g->frozen_first->blocks[1].address; }
static void break_maker(struct graph *g)
{
    for (size_t i = 1; i < g->n_processes; i++)
        if (g->processes[i]->inherit)
            g->processes[i]->inherit->maker = (uint32_t)g->n_threads;
}
static void break_modules(struct graph *g) { some_modules(g)->at[1].start = some_modules(g)->at[0].end - 1; }
static void break_module(struct graph *g) { some_modules(g)->at[1].end = some_modules(g)->at[1].start; }
static void break_grave_site(struct graph *g) { some_grave(g)->site = (uint32_t)g->n_sites; }
static void break_grave_maker(struct graph *g) { some_grave(g)->maker = (uint32_t)g->n_threads; }
static void break_grave_id(struct graph *g) { some_grave(g)->id = 0; }
static void break_parked(struct graph *g) { g->parked[0].e.thread = 0xfffff; }
static void break_parked_type(struct graph *g) { g->parked[0].e.type = EVENT_TYPES; }

static const struct { const char *what; void (*fn)(struct graph *); } broken[] = {
    { "rule", break_rule }, { "use", break_use }, { "evidence", break_evidence }, { "evidence's sum", break_evidence_sum },
    { "sum", break_sum }, { "twice", break_twice }, { "frozen thread", break_frozen_thread },
    { "frozen process", break_frozen_process }, { "frozen site", break_frozen_site }, { "frozen ids", break_frozen_ids },
    { "frozen address", break_frozen_address }, { "maker", break_maker }, { "modules", break_modules },
    { "module", break_module }, { "grave's site", break_grave_site }, { "grave's maker", break_grave_maker },
    { "grave's id", break_grave_id }, { "parked", break_parked }, { "parked type", break_parked_type }
};

START_TEST(what_makes_no_sense_is_refused)
{
    struct graph *whole = rich();
    graph_free(graph_twin(whole, NULL));
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct graph *g = graph_twin(whole, NULL);
        struct archive a;
        broken[i].fn(g);
        state_save(g, &a);
        if (state_load(&a, NULL, NULL))
            ck_abort_msg("%s was taken", broken[i].what);
        archive_free(&a);
        if (g->n_parked)
            g->parked[0].e.type = EVENT_MARK;
        graph_free(g);
    }
    graph_free(whole);
}
END_TEST

/* ---- hostile bytes ---------------------------------------------------------------------- */

static void mutate(struct world *w, struct archive *a)
{
    for (uint32_t n = 1 + world_random(w, 4); n; n--) {
        struct archive_part *part = &a->parts[world_random(w, (uint32_t)a->n_parts)];
        uint32_t at = world_random(w, (uint32_t)part->bytes);
        switch (world_random(w, 4)) {
        case 0: part->data[at] ^= (uint8_t)(1u << world_random(w, 8)); break;
        case 1: part->data[at] = (uint8_t)world_random(w, 256); break;
        case 2: part->data[at] = world_random(w, 2) ? 0 : 0x7f; break;
        case 3: part->data[at] = part->data[world_random(w, (uint32_t)part->bytes)]; break;
        }
    }
}

static size_t hostile(uint64_t seed, size_t events, size_t times)
{
    struct world w, rnd;
    struct archive saved, copy;
    size_t accepted = 0;
    struct graph *g = world_graph(&w, seed, events);
    world_begin(&rnd, seed ^ 0x5555);
    state_save(g, &saved);
    for (size_t i = 0; i < times; i++) {
        struct world then = w;
        state_save(g, &copy);
        mutate(&rnd, &copy);
        struct graph *loaded = state_load(&copy, NULL, NULL);
        for (size_t k = 0; loaded && k < 300; k++) {
            struct event e = world_next(&then);
            graph_fold(loaded, &e);
        }
        if (loaded) {
            graph_settle(loaded, UINT64_MAX);
            view_free(graph_view_make(loaded, NULL, VIEW_BLOCKS));
            accepted++;
        }
        graph_free(loaded);
        archive_free(&copy);
    }
    archive_free(&saved);
    graph_free(g);
    return accepted;
}

START_TEST(any_bytes_are_taken_or_refused)
{
    size_t times = getenv("TORTURE") ? 4000 : 40, accepted = 0;
    for (uint64_t seed = 1; seed <= 12; seed++)
        accepted += hostile(seed, 100 + seed * 150, times);
    ck_assert_uint_gt(accepted, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("archive_rest");
    TCase *c = tcase_create("rest");
    tcase_set_timeout(c, getenv("TORTURE") ? 1200 : 60);
    tcase_add_test(c, a_loaded_graph_goes_on_as_the_saved_one);
    tcase_add_test(c, graves_are_found_as_ever);
    tcase_add_test(c, large_graves_hide_no_small_ones);
    tcase_add_test(c, a_full_ring_of_copies_forgets_as_ever);
    tcase_add_test(c, hidden_graves_are_left_away);
    tcase_add_test(c, what_makes_no_sense_is_refused);
    tcase_add_test(c, any_bytes_are_taken_or_refused);
    suite_add_tcase(s, c);
    return suite_run(s);
}
