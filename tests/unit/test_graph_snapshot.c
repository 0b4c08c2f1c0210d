/*
 * tests/unit/test_graph_snapshot.c - what the fold hands over for a heap
 * snapshot: the blocks that live, by address, and who owns them.
 */
#include <errno.h>

#include "event/snapshot.h"
#include "graph_play.h"
#include "suite.h"

static void snapshot(uint32_t number, unsigned why)
{
    put((struct event){ .type = EVENT_SNAPSHOT, .thread = UINT32_MAX, .address = number, .size = 3, .family = (uint8_t)why });
}

static struct snapshot *take(uint32_t process, bool force)
{
    struct snapshot *s = snapshot_new();
    ck_assert_int_eq(graph_heap_take(play, process, force, s), 0);
    ck_assert(snapshot_sound(s));
    return s;
}

static struct graph_heap heap_of(uint32_t process)
{
    struct graph_heap heaps[8], *h = heaps;
    size_t n = graph_heaps(play, heaps, 8);
    while (h->process != process)
        must(++h < heaps + n);
    return *h;
}

/* The blocks as text: address+size id, one after the other. */
static const char *blocks(uint32_t process, bool force)
{
    static char text[4096];
    struct snapshot *s = take(process, force);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < s->n_blocks; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lx+%lu b%lu", i ? ", " : "",
                                 (unsigned long)s->address[i], (unsigned long)s->size[i], (unsigned long)s->id[i]);
    snapshot_free(s);
    return text;
}

START_TEST(by_address)
{
    make(0x3000, 30);
    make(0x1000, 10);
    make(0x2000, 20);
    map(0x100000, 4096);
    make(0x7fff00000000, 1);
    drop(0x2000);
    ck_assert_str_eq(blocks(1, false), "1000+10 b2, 3000+30 b1, 100000+4096 b4, 7fff00000000+1 b5");
    finish();
}
END_TEST

START_TEST(of_a_block)
{
    two_threads();
    by_stack(7);
    make(0x1000, 10);
    make(0x2000, 20);
    by_stack(0);
    who(1, 2);
    begin(0x1000, 12);
    end(0x1000, 0x1800, 12);
    snapshot(3, SNAPSHOT_MARK);
    struct snapshot *s = take(1, false);
    ck_assert_uint_eq(s->n_blocks, 2);
    ck_assert_uint_eq(s->address[0], 0x1800);
    ck_assert_uint_eq(s->born_ns[0], 50000);
    ck_assert_uint_eq(s->stack[0], 7);
    ck_assert_uint_eq(s->thread[0], 1);
    ck_assert_uint_eq(s->owner[0], 2);
    ck_assert_uint_eq(s->family[0], WIRE_MALLOC);
    ck_assert_uint_eq(s->owner[1], 1);
    ck_assert_uint_eq(s->process, 1);
    ck_assert_uint_eq(s->pid, 100);
    ck_assert_uint_eq(s->ns, 90000);
    ck_assert_uint_eq(s->number, 3);
    ck_assert_uint_eq(s->why, SNAPSHOT_MARK);
    ck_assert_uint_eq(s->event, graph_events(play));
    ck_assert(!s->doubtful);
    snapshot_free(s);
    finish();
}
END_TEST

START_TEST(told_as_a_fact)
{
    make(0x1000, 10);
    hush();
    snapshot(1, SNAPSHOT_EXIT);
    said("snapshot exit @20 t0\n");
    finish();
}
END_TEST

START_TEST(a_realloc_under_way)
{
    two_threads();
    make(0x1000, 10);
    make(0x3000, 30);
    map(0x100000, 8192);
    begin(0x1000, 50);
    who(1, 2);
    remap_begin(0x100000, 16384);
    uint64_t n;
    ck_assert_int_eq(graph_heap_ready(play, 1, &n), -EAGAIN);
    ck_assert_uint_eq(n, 3);
    struct snapshot *s = snapshot_new();
    ck_assert_int_eq(graph_heap_take(play, 1, false, s), -EAGAIN);
    ck_assert_ptr_null(s->address);
    snapshot_free(s);
    ck_assert_str_eq(blocks(1, true), "1000+10 b1, 3000+30 b2, 100000+8192 b3");
    who(1, 1);
    end(0x1000, 0x5000, 50);
    who(1, 2);
    remap_end(0x100000, 8192, 0x200000, 16384);
    ck_assert_int_eq(graph_heap_ready(play, 1, &n), 0);
    ck_assert_str_eq(blocks(1, false), "3000+30 b2, 5000+50 b1, 200000+16384 b3");
    finish();
}
END_TEST

/* The place of a block between the halves of its realloc was given out already. */
START_TEST(a_realloc_whose_place_is_taken)
{
    two_threads();
    make(0x1000, 10);
    begin(0x1000, 50);
    who(1, 2);
    make(0x1000, 16);
    ck_assert_str_eq(blocks(1, true), "1000+16 b2");
    who(1, 1);
    end(0x1000, 0x5000, 50);
    ck_assert_str_eq(blocks(1, false), "1000+16 b2, 5000+50 b1");
    finish();
}
END_TEST

START_TEST(a_heap_in_a_mapping)
{
    map(0x100000, 0x10000);
    make(0x100000, 64);
    make(0x100040, 64);
    ck_assert_str_eq(blocks(1, false), "100000+64 b2, 100040+64 b3");
    finish();
}
END_TEST

/* A child has all that its parent had at the fork, touched or not. */
START_TEST(a_forked_child)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x4000, 40);
    make(0x1000, 10);
    map(0x100000, 4096);
    process_fork();
    process_forked(200);
    drop(0x1000);
    who(2, 3);
    process_start(200, 1, WIRE_BORN_FORK);
    drop(0x4000);
    make(0x2000, 20);
    ck_assert_str_eq(blocks(2, false), "1000+10 b5, 2000+20 b7, 100000+4096 b6");
    ck_assert_str_eq(blocks(1, false), "4000+40 b1, 100000+4096 b3");
    struct snapshot *s = take(2, false);
    ck_assert_uint_eq(s->thread[0], 3);
    ck_assert_uint_eq(s->owner[0], 3);
    snapshot_free(s);
    drop(0x1000);                     /* its own copy */
    unmap(0x100000, 4096);
    ck_assert_str_eq(blocks(2, false), "2000+20 b7");
    finish();
}
END_TEST

START_TEST(a_process_that_ended)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 10);
    snapshot(4, SNAPSHOT_ASKED);
    process_gone(true, 9);
    ck_assert_str_eq(blocks(1, false), "1000+10 b1");
    struct graph_heap h = heap_of(1);
    ck_assert_uint_eq(h.blocks, 1);
    ck_assert_uint_eq(h.snapshot, 4);
    ck_assert_uint_eq(h.snapshot_event, graph_events(play) - 1);
    ck_assert(h.ended && h.exit_known);
    ck_assert_int_eq(h.wait_status, 9);
    ck_assert_uint_eq(graph_heaps(play, NULL, 0), 1);
    uint64_t n;
    ck_assert_int_eq(graph_heap_ready(play, 7, &n), -ENOENT);
    struct snapshot *s = snapshot_new();
    ck_assert_int_eq(graph_heap_take(play, 7, false, s), -ENOENT);
    snapshot_free(s);
    finish();
}
END_TEST

/* Snapshots of the image before an exec say nothing of what runs now. */
START_TEST(an_image_ends)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 10);
    snapshot(1, SNAPSHOT_ASKED);
    ck_assert_uint_eq(heap_of(1).image_event, 0);
    process_exec(100);
    process_start(100, 0, WIRE_BORN_EXEC);
    ck_assert_uint_eq(heap_of(1).image_event, graph_events(play));
    struct snapshot *s = take(1, false);
    ck_assert_uint_eq(s->n_blocks, 0);
    ck_assert_uint_eq(s->event, 0);
    ck_assert_uint_eq(s->number, 0);
    snapshot_free(s);
    finish();
}
END_TEST

/* A New that waits for another thread's release is there at the snapshot: nobody will come any more. */
START_TEST(nothing_waits)
{
    two_threads();
    at(1000000);
    make(0x1000, 10);
    who(1, 2);
    at(1000100);
    make(0x1000, 20);                 /* parked: a drop by t1 may still come */
    ck_assert_str_eq(blocks(1, false), "1000+10 b1");
    at(1000200);
    snapshot(1, SNAPSHOT_ASKED);
    ck_assert_str_eq(blocks(1, false), "1000+20 b2");
    finish();
}
END_TEST

START_TEST(lost_events)
{
    make(0x1000, 10);
    put((struct event){ .type = EVENT_LOST, .address = WIRE_LOST_RING_FULL, .size = 2 });
    struct snapshot *s = take(1, false);
    ck_assert(s->doubtful);
    snapshot_free(s);
    finish();
}
END_TEST

START_TEST(its_threads_and_modules)
{
    two_threads();
    put((struct event){ .type = EVENT_MODULE, .thread = UINT32_MAX, .address = 0x400000, .size = 0x1000, .extra = { 0x3ff000, 5 } });
    struct graph_thread t[4];
    ck_assert_uint_eq(graph_heap_threads(play, 1, t, 1), 2);
    ck_assert_uint_eq(graph_heap_threads(play, 1, t, 4), 2);
    const struct graph_thread *second = t[0].serial == 2 ? &t[0] : &t[1];
    ck_assert_uint_eq(second->serial, 2);
    ck_assert_uint_eq(second->tid, 102);
    ck_assert_uint_eq(second->pthread, P2);
    ck_assert(!second->ended);
    struct graph_module m;
    ck_assert_uint_eq(graph_heap_modules(play, 1, &m, 1), 1);
    ck_assert_uint_eq(m.start, 0x400000);
    ck_assert_uint_eq(m.end, 0x401000);
    ck_assert_uint_eq(m.bias, 0x3ff000);
    ck_assert_uint_eq(m.module, 5);
    ck_assert_uint_eq(graph_heap_modules(play, 9, &m, 1), 0);
    ck_assert_uint_eq(graph_heap_threads(play, 9, t, 4), 0);
    finish();
}
END_TEST

/* The stack of a joined thread stays in libc's hands; a forked child's libc has its parent's. */
START_TEST(threads_that_ended)
{
    struct graph_thread t[8];
    two_threads();
    who(1, 2);
    thread_exit(0);
    who(1, 1);
    thread_join(P2, 0);
    ck_assert_uint_eq(graph_heap_threads(play, 1, t, 8), 2);
    ck_assert_uint_eq(t[0].serial, 2);
    ck_assert_uint_eq(t[0].pthread, P2);
    ck_assert(t[0].ended && !t[1].ended);
    process_fork();
    process_forked(200);
    who(2, 3);
    process_start(200, 1, WIRE_BORN_FORK);
    ck_assert_uint_eq(graph_heap_threads(play, 2, t, 8), 3);
    ck_assert_uint_eq(t[0].serial, 3);
    ck_assert(!t[0].ended);
    for (int i = 1; i < 3; i++)
        ck_assert(t[i].ended && !t[i].serial && !t[i].tid);
    ck_assert_uint_eq(t[1].pthread, P2);
    ck_assert_uint_eq(graph_heap_threads(play, 2, t, 2), 3);
    process_start(200, 1, WIRE_BORN_EXEC);
    ck_assert_uint_eq(graph_heap_threads(play, 2, t, 8), 1);
    ck_assert_uint_eq(t[0].pthread, 0);
    finish();
}
END_TEST

/* Each says that the other forked it. */
START_TEST(parents_in_a_circle)
{
    struct graph_thread t[4];
    who(1, 1);
    process_start(100, 2, WIRE_BORN_FORK);
    who(2, 2);
    process_start(200, 1, WIRE_BORN_FORK);
    ck_assert_uint_ge(graph_heap_threads(play, 1, t, 4), 2);
    finish();
}
END_TEST

/* Many blocks at all kinds of addresses: what a view lists, by address. */
START_TEST(as_a_view_has_them)
{
    uint64_t seed = 88172645463325252ull;
    static const uint64_t bases[] = { 0x10, 0x555555000000, 0x7f0000000000, 0xff00555555000000 };
    graph_observe(play, NULL, NULL);
    for (int i = 0; i < 100000; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        uint64_t address = bases[seed & 3] + ((seed >> 8) & 0xfffff) * 16;
        if (seed >> 60 < 6)
            drop(address);
        else
            make(address, 1 + (seed >> 40 & 15));
    }
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    struct snapshot *s = take(1, false);
    ck_assert_uint_gt(s->n_blocks, 1000);
    ck_assert_uint_eq(s->n_blocks, v->n_blocks);
    uint64_t sum = 0, view_sum = 0;
    for (size_t i = 0; i < v->n_blocks; i++) {
        sum += s->address[i] * s->id[i] + s->size[i] * 31;
        view_sum += v->blocks[i].address * v->blocks[i].id + v->blocks[i].size * 31;
    }
    ck_assert_uint_eq(sum, view_sum);
    snapshot_free(s);
    view_free(v);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph_snapshot");
    TCase *tc = tcase_create("graph_snapshot");
    tcase_add_checked_fixture(tc, play_start, play_stop);
    tcase_add_test(tc, by_address);
    tcase_add_test(tc, of_a_block);
    tcase_add_test(tc, told_as_a_fact);
    tcase_add_test(tc, a_realloc_under_way);
    tcase_add_test(tc, a_realloc_whose_place_is_taken);
    tcase_add_test(tc, a_heap_in_a_mapping);
    tcase_add_test(tc, a_forked_child);
    tcase_add_test(tc, a_process_that_ended);
    tcase_add_test(tc, an_image_ends);
    tcase_add_test(tc, nothing_waits);
    tcase_add_test(tc, lost_events);
    tcase_add_test(tc, its_threads_and_modules);
    tcase_add_test(tc, threads_that_ended);
    tcase_add_test(tc, parents_in_a_circle);
    tcase_add_test(tc, as_a_view_has_them);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
