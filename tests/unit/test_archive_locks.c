/*
 * tests/unit/test_archive_locks.c - locks and happens-before come out of a
 * checkpoint as they went in: what is folded on says the same, fact by fact, row
 * by row, and saved again the bytes are the same. And bytes that nobody saved are
 * refused, or folded on without harm.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lock_stream.h"
#include "state_save.h"
#include "suite.h"

#include "event/archive.h"
#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_clock_state.h"
#include "graph/graph_lock_state.h"
#include "graph/view.h"

#define must(what)                        \
    do {                                  \
        if (!(what))                      \
            ck_abort_msg("%s", #what);    \
    } while (0)

/* ---- facts: what two graphs say at one event -------------------------------------------- */

enum { TOLD_MAX = 1 << 12 };
struct told { uint64_t v[20]; const char *by; };
struct teller { struct told told[TOLD_MAX]; size_t n; };
static struct teller whole, loaded;

static void tell(void *context, const struct fact *f)
{
    struct teller *t = context;
    must(t->n < TOLD_MAX);
    t->told[t->n++] = (struct told){ .by = f->by, .v = { f->ns, f->block, f->address, f->size, f->old_address, f->old_size, f->thread,
        f->process, f->from_thread, f->to_thread, f->stack, f->type, f->family, f->event, f->cloned_from, f->lock, f->wait_ns,
        f->offset, f->is_mutable, (uint64_t)f->shared << 8 | f->lock_family } };
}

static void same_facts(size_t event)
{
    bool same = whole.n == loaded.n;
    for (size_t i = 0; i < whole.n && same; i++)
        same = !memcmp(whole.told[i].v, loaded.told[i].v, sizeof whole.told[i].v) && whole.told[i].by == loaded.told[i].by;
    if (!same)
        ck_abort_msg("event %zu: %zu and %zu facts", event, whole.n, loaded.n);
    whole.n = loaded.n = 0;
}

/* ---- views: rows of locks and findings ------------------------------------------------------ */

static void print_times(FILE *f, const struct view_times *t)
{
    fprintf(f, " %lu/%lu/%lu/%lu/%lu", t->count, t->total_ns, t->max_ns, t->p50_ns, t->p99_ns);
}
static void print_where(FILE *f, const struct view_where *w)
{
    fprintf(f, " %d:%lx:%lu:%u:%u:%lx", (int)w->kind, w->address, w->block, w->block_stack, w->module, w->offset);
}
static void print_edges(FILE *f, const struct view_order_edge *e, size_t n)
{
    for (; n--; e++)
        fprintf(f, "edge l%lu l%lu c%u c%u t%u %u %u x%lu %lu\n", e->held, e->taken, e->held_class, e->taken_class, e->thread,
                e->stack_held, e->stack_taken, e->count, e->first_ns);
}
static void print_locks(FILE *f, const struct view *v)
{
    for (size_t i = 0; i < v->n_locks; i++) {
        const struct view_lock *l = &v->locks[i];
        fprintf(f, "l%lu p%u c%u %u %u %u %lu %lu %lu %lu %lu %d", l->id, l->process, l->class, l->family, l->type, l->init_stack,
                l->born_ns, l->ended_ns, l->acquisitions, l->shared_acquisitions, l->contended, l->named);
        print_where(f, &l->where);
        print_times(f, &l->wait);
        print_times(f, &l->hold);
        fputc('\n', f);
    }
    for (size_t i = 0; i < v->n_lock_classes; i++) {
        const struct view_lock_class *c = &v->lock_classes[i];
        fprintf(f, "class %u %u x%lu %lu %lu %lu", c->family, c->init_stack, c->locks, c->acquisitions, c->shared_acquisitions, c->contended);
        print_where(f, &c->where);
        print_times(f, &c->wait);
        print_times(f, &c->hold);
        fputc('\n', f);
    }
    for (size_t i = 0; i < v->n_lock_sites; i++) {
        const struct view_lock_site *s = &v->lock_sites[i];
        fprintf(f, "site c%u %u l%lu %lu %lu %lu", s->class, s->stack, s->first_lock, s->acquisitions, s->shared_acquisitions, s->contended);
        print_times(f, &s->wait);
        print_times(f, &s->hold);
        fputc('\n', f);
    }
}
static void print_custody(FILE *f, const struct view *v)
{
    for (size_t i = 0; i < v->n_holds; i++)
        fprintf(f, "hold l%lu t%u %u %lu %d\n", v->holds[i].lock, v->holds[i].thread, v->holds[i].stack, v->holds[i].since_ns, v->holds[i].shared);
    for (size_t i = 0; i < v->n_waits; i++)
        fprintf(f, "wait l%lu t%u %u %lu %d\n", v->waits[i].lock, v->waits[i].thread, v->waits[i].stack, v->waits[i].since_ns, v->waits[i].timed);
    for (size_t i = 0; i < v->n_guards; i++)
        fprintf(f, "guard l%lu %u %lu %lu\n", v->guards[i].lock, v->guards[i].site_stack, v->guards[i].touches, v->guards[i].blocks);
    for (size_t i = 0; i < v->n_cycles; i++)
        fprintf(f, "cycle %u %u %d\n", v->cycles[i].first, v->cycles[i].n, v->cycles[i].by_class);
    print_edges(f, v->order_edges, v->n_order_edges);
    for (size_t i = 0; i < v->n_deadlocks; i++)
        fprintf(f, "deadlock %u %u\n", v->deadlocks[i].first, v->deadlocks[i].n);
    print_edges(f, v->deadlock_edges, v->n_deadlock_edges);
    fprintf(f, "%lu %lu\n", v->locks_seen, v->locks_left_out);
}
static void print_findings(FILE *f, const struct view *v)
{
    for (size_t i = 0; i < v->n_findings; i++) {
        const struct view_finding *x = &v->findings[i];
        fprintf(f, "%s doubt %u use %u %d %u %u p%u t%u %lu %lu x%lu b%lu l%lu %lx %lx+%lu %ld %lu:", rule_names[x->rule], x->doubt, x->use, x->writes,
                x->family, x->made_family, x->process, x->thread, x->ns, x->event, x->count, x->block, x->lock, x->address, x->block_address,
                x->block_size, x->offset, x->length);
        for (uint32_t j = x->first; j < x->first + x->n; j++)
            fprintf(f, " %s %u t%u %lu l%lu", evidence_names[v->evidence[j].role], v->evidence[j].stack, v->evidence[j].thread,
                    v->evidence[j].ns, v->evidence[j].lock);
        fputc('\n', f);
    }
    for (int i = 0; i < RULES; i++)
        fprintf(f, "%s x%lu\n", rule_names[i], v->findings_by_rule[i]);
    fprintf(f, "futex %lu %u withheld %lu %lu\n", v->futex_threads, v->futex_stack, v->unordered_withheld, v->drops_withheld);
}

static struct code *code;   /* stacks 1 to 31 of a frame each, three modules */
static void code_make(void)
{
    code = code_new();
    for (uint32_t i = 1; i < 4; i++)
        code_module_id(code, (char[]){ '/', (char)('a' + i) }, 2, NULL, 0);
    for (uint32_t i = 1; i < 32; i++)       /* two to a frame */
        must(code_stack_id(code, i % 2 ? 0 : 1, code_frame_id(code, 1, i / 2, 0)) == i);
}

static void code_drop(void) { code_free(code); }

static char *view_text(struct graph *g)
{
    char *text;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    struct view *v = graph_view_make(g, code, 0);
    print_locks(f, v);
    print_custody(f, v);
    print_findings(f, v);
    view_free(v);
    fclose(f);
    return text;
}

/* ---- saved and loaded --------------------------------------------------------------------------- */

/* Both graphs are one. */
static void same_graphs(struct graph *x, struct graph *y)
{
    graphs_check(x, y);
    char *text = view_text(x), *other = view_text(y);
    ck_assert_str_eq(text, other);
    free(text);
    free(other);
}

static struct graph *load_same(struct graph *g)
{
    struct graph *again = graph_twin(g, code);
    graphs_check(g, again);
    return again;
}

/* What the stream is meant to reach, over all of them. */
static struct { size_t shared, waits, edges, inner, cycles, deadlocks, clashes, pairs, turns, vectors_shared, uses_free, ended, near, by_class, broken; } reached;
static void reach(const struct graph *g)
{
    const struct locks *l = g->locks;
    const struct clocks *c = g->clocks;
    if (!l || !c)
        return;
    for (uint32_t i = 1; i < l->next; i++) {
        reached.shared += lock_at(l, i)->id && lock_at(l, i)->n_holds > 1;
        reached.near += lock_at(l, i)->id && lock_at(l, i)->block && lock_at(l, i)->next_near;
    }
    for (size_t i = 1; i < g->n_threads; i++) {
        reached.waits += lock_waited(g, g->threads[i]) != 0;
        reached.vectors_shared += g->threads[i]->clock.seen && g->threads[i]->clock.seen->refs > 1;
    }
    reached.edges += l->order.n_edges;
    reached.inner += l->order.inner_of.used;
    reached.cycles += l->order.n_cycles;
    reached.deadlocks += l->deadlocks;
    reached.clashes += c->unordered.n_clashes;
    reached.pairs += c->unordered.n_pairs;
    reached.turns += c->unordered.turns != NULL;
    reached.uses_free += c->uses.free != 0;
    reached.ended += l->n_kept;
    reached.by_class += l->order.class_finding_of.used;
    for (size_t i = 0; i < c->unordered.n_pairs; i++)
        reached.broken += c->unordered.pairs[i].turned && c->unordered.pairs[i].broken;
}

/* A graph folds all; at many moments another is made of it, and goes along for a while. */
static void play_along(uint64_t seed, size_t n, uint32_t seldom, size_t along)
{
    stream_make(seed, n);
    struct graph *g = graph_new(code), *other = NULL;
    size_t until = 0;
    graph_observe(g, tell, &whole);
    for (size_t i = 0; i < stream.n; i++) {
        if (!other && roll(seldom) == 0) {
            other = load_same(g);
            graph_observe(other, tell, &loaded);
            until = i + roll((uint32_t)along);
            reach(g);
        }
        graph_fold(g, &stream.events[i]);
        if (!other) {
            whole.n = 0;
            continue;
        }
        graph_fold(other, &stream.events[i]);
        same_facts(i);
        if (i < until && i + 1 < stream.n)
            continue;
        same_graphs(g, other);
        graph_free(other);
        other = NULL;
    }
    graph_settle(g, UINT64_MAX);
    struct graph *plain = graph_new(code);      /* nobody listened, nothing was saved */
    for (size_t i = 0; i < stream.n; i++)
        graph_fold(plain, &stream.events[i]);
    graph_settle(plain, UINT64_MAX);
    same_graphs(g, plain);
    graph_free(plain);
    graph_free(g);
    whole.n = loaded.n = 0;
}

START_TEST(loaded_goes_on_as_the_whole)
{
    uint64_t seeds = getenv("TORTURE") ? 400 : 12;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        play_along(seed, 3000, 60, 200);
    for (uint64_t seed = 1; seed <= seeds / 4; seed++)
        play_along(1000 + seed, 12000, 2000, 4000);
    must(reached.shared && reached.waits && reached.edges && reached.inner && reached.cycles && reached.deadlocks);
    must(reached.clashes && reached.pairs && reached.turns && reached.vectors_shared && reached.uses_free && reached.ended && reached.near);
    must(reached.by_class && reached.broken);
}
END_TEST

/* One thread has a lock while it takes another. */
static void nested(uint32_t thread, uint64_t outer, uint64_t inner)
{
    say(thread, EVENT_ACQUIRE, WIRE_LOCK_MUTEX, outer, 0)->stack = 7;
    say(thread, EVENT_ACQUIRE, WIRE_LOCK_MUTEX, inner, 0)->stack = 8;
    say(thread, EVENT_RELEASE, WIRE_LOCK_MUTEX, inner, 0);
    say(thread, EVENT_RELEASE, WIRE_LOCK_MUTEX, outer, 0);
}

/* A cycle that only classes close is said better by locks: in a loaded graph too it takes the place of the doubt. */
START_TEST(a_doubt_is_withdrawn_after_a_load)
{
    enum { AT = 0x601000, A1 = AT, A2 = AT + 64, B1 = AT + 128, B2 = AT + 192 };
    stream = (struct stream){ .random = 7, .ns = 1000000, .n_threads = 1, .processes = 1 };
    stream.t[1].process = 1;
    say(1, EVENT_PROCESS_START, WIRE_BORN_EXEC, 0, 0)->extra[0] = 100;
    thread_new(1);
    say(0, EVENT_MODULE, 0, AT, 0x1000)->extra[1] = 1;
    for (uint64_t lock = A1; lock <= B2; lock += 64)
        say(1, EVENT_LOCK_INIT, WIRE_LOCK_MUTEX, lock, 0)->stack = lock < B1 ? 3 : 5;
    for (size_t i = 0; i < stream.n; i++)
        stream.events[i].ns = 4000 * i;
    stream.ns = 1000000;
    nested(1, A1, B1);
    nested(2, B2, A2);
    size_t until = stream.n;
    nested(2, B1, A1);
    struct graph *g = graph_new(code);
    for (size_t i = 0; i < until; i++)
        graph_fold(g, &stream.events[i]);
    must(g->locks->order.class_finding_of.used == 1);
    struct graph *other = load_same(g);
    for (size_t i = until; i < stream.n; i++) {
        graph_fold(g, &stream.events[i]);
        graph_fold(other, &stream.events[i]);
    }
    must(g->findings_by_rule[RULE_LOCK_ORDER] == 1 && !g->locks->order.cycles[0].by_class);
    same_graphs(g, other);
    graph_free(g);
    graph_free(other);
}
END_TEST

/* ---- hostile bytes ------------------------------------------------------------------------------- */

/* A copy with a few bytes that are others. */
static void spoil(const struct archive *from, struct archive *to)
{
    archive_write_begin(to);
    to->parts = xcalloc(from->n_parts, sizeof *to->parts);
    to->n_parts = to->parts_capacity = from->n_parts;
    for (size_t i = 0; i < from->n_parts; i++) {
        to->parts[i].bytes = from->parts[i].bytes;
        to->parts[i].data = xmalloc(to->parts[i].bytes);
        memcpy(to->parts[i].data, from->parts[i].data, to->parts[i].bytes);
    }
    for (uint32_t n = 1 + roll(3); n--;) {
        struct archive_part *part = &to->parts[roll((uint32_t)to->n_parts)];
        uint8_t *at = &part->data[roll((uint32_t)part->bytes)];
        switch (roll(4)) {
        case 0: *at = (uint8_t)roll(256); break;
        case 1: *at ^= (uint8_t)(1u << roll(8)); break;
        case 2: *at = (uint8_t)(*at + 2 * roll(2) - 1); break;
        default: *at = (uint8_t)(*at + 4 * roll(2) - 2); break;
        }
    }
}

/* Of so many spoilt states, those that are accepted do no harm. */
static size_t hostile(uint64_t seed, size_t n, size_t times)
{
    enum { GO_ON = 250 };
    struct archive saved, spoilt, again;
    const char *flaw;
    size_t accepted = 0;
    stream_make(seed, n + GO_ON);
    struct graph *g = graph_new(code);
    for (size_t i = 0; i < stream.n - GO_ON; i++)
        graph_fold(g, &stream.events[i]);
    state_save(g, &saved);
    graph_free(g);
    while (times--) {
        spoil(&saved, &spoilt);
        if ((g = state_load(&spoilt, code, &flaw)) != NULL) {
            for (size_t i = stream.n - GO_ON; i < stream.n; i++)
                graph_fold(g, &stream.events[i]);
            state_save(g, &again);
            archive_free(&again);
            free(view_text(g));
            graph_free(g);
            accepted++;
        } else {
            must(flaw);
        }
        archive_free(&spoilt);
    }
    archive_free(&saved);
    return accepted;
}

START_TEST(bytes_that_nobody_saved)
{
    size_t times = getenv("TORTURE") ? 40000 : 400, accepted = 0;
    for (uint64_t seed = 1; seed <= 4; seed++)
        accepted += hostile(seed, 500 * seed, times);
    must(accepted > times / 4 && accepted < 4 * times);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("archive locks");
    TCase *c = tcase_create("archive");
    tcase_add_checked_fixture(c, code_make, code_drop);
    tcase_set_timeout(c, 600);
    tcase_add_test(c, loaded_goes_on_as_the_whole);
    tcase_add_test(c, a_doubt_is_withdrawn_after_a_load);
    suite_add_tcase(s, c);
    c = tcase_create("hostile");
    tcase_add_checked_fixture(c, code_make, code_drop);
    tcase_set_timeout(c, 600);
    tcase_add_test(c, bytes_that_nobody_saved);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
