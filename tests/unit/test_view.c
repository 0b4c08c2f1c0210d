/*
 * tests/unit/test_view.c - views: what they copy, in which order, and that
 * they stand alone.
 */
#include "event/snapshot.h"
#include "event/xalloc.h"
#include "graph_play.h"
#include "suite.h"

static struct code *code;
static uint32_t stack_main, stack_work, stack_deep, stack_unused;

static void setup(void)
{
    static const uint8_t id[] = { 1, 2, 3 };
    play_start();
    code = code_new();
    uint32_t unused_module = code_module_id(code, "/lib/unused.so", 14, NULL, 0);
    uint32_t module = code_module_id(code, "/bin/x", 6, id, sizeof id);
    uint32_t frame_unused = code_frame_id(code, unused_module, 0x99, 0);
    uint32_t frame_main = code_frame_id(code, module, 0x10, 0);
    uint32_t frame_work = code_frame_id(code, module, 0x20, CODE_FRAME_EXACT);
    uint32_t frame_jit = code_frame_id(code, 0, 0x7f0000, 0);
    stack_unused = code_stack_id(code, 0, frame_unused);
    stack_main = code_stack_id(code, 0, frame_main);
    stack_work = code_stack_id(code, stack_main, frame_work);
    stack_deep = code_stack_id(code, stack_work, frame_jit);
}

static void teardown(void)
{
    code_free(code);
    play_stop();
}

START_TEST(empty)
{
    struct view *v = graph_view_make(play, code, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_sites + v->n_threads + v->n_handoffs + v->n_moves + v->n_processes + v->n_blocks, 0);
    ck_assert_uint_eq(v->n_modules + v->n_frames + v->n_stacks, 0);
    view_free(v);
    view_free(NULL);
    graph_free(NULL);
}
END_TEST

START_TEST(code_that_is_used_and_no_other)
{
    by_stack(stack_deep);
    make(0x1000, 64);
    struct view *v = graph_view_make(play, code, 0);
    ck_assert_uint_eq(v->n_stacks, 3);
    ck_assert_uint_eq(v->n_frames, 3);
    ck_assert_uint_eq(v->n_modules, 1);
    ck_assert_str_eq(v->modules[0].path, "/bin/x");
    ck_assert_uint_eq(v->modules[0].build_id_bytes, 3);
    ck_assert_uint_eq(v->sites[0].stack, 3);
    for (size_t i = 0; i < v->n_stacks; i++) {
        ck_assert_uint_le(v->stacks[i].parent, i);
        ck_assert_uint_eq(v->stacks[i].depth, i + 1);
    }
    const struct code_frame *inner = &v->frames[v->stacks[2].frame - 1], *middle = &v->frames[v->stacks[1].frame - 1];
    ck_assert_uint_eq(inner->module, 0);
    ck_assert_uint_eq(inner->offset, 0x7f0000);
    ck_assert_uint_eq(middle->module, 1);
    ck_assert_uint_eq(middle->flags, CODE_FRAME_EXACT);
    view_free(v);
}
END_TEST

static int let_go;
static void count_let_go(void *context, const struct snapshot *of)
{
    ck_assert_ptr_eq(context, &let_go);
    ck_assert_ptr_nonnull(of);
    let_go++;
}

/* A snapshot of one block: its ids, and those that only it has, become the view's; a share leaves the first as it is. */
START_TEST(snapshots_speak_with_the_view)
{
    uint32_t module = code_module_id(code, "/lib/heap.so", 12, NULL, 0);
    uint32_t frame = code_frame_id(code, module, 0x77, 0);
    by_stack(stack_main);
    make(0x1000, 64);
    struct snapshot *s = snapshot_new(), *share;
    ck_assert_int_eq(graph_heap_take(play, 1, false, s), 0);
    s->roots = xcalloc(2, sizeof *s->roots);
    s->n_roots = 2;
    s->roots[0] = (struct snapshot_root){ .module = module, .kind = ROOT_DATA };
    s->roots[1] = (struct snapshot_root){ .kind = ROOT_STACK };
    s->frames = xcalloc(1, sizeof *s->frames);
    s->n_frames = 1;
    s->frames[0] = (struct snapshot_frame){ .root = 1, .frame = frame };
    s->types = xcalloc(2, sizeof *s->types);
    s->n_types = 2;
    s->types[0] = (struct snapshot_type){ .module = module, .name = xstrdup("3Foo") };
    s->types[1] = (struct snapshot_type){ .module = 99 };
    const uint64_t *address = s->address;
    share = snapshot_share(s, count_let_go, &let_go);
    struct view *v = graph_view_make_with(play, code, 0, &share, 1);
    drop(0x1000);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(v->n_snapshots, 1);
        const struct snapshot *seen = v->snapshots[0];
        ck_assert_ptr_eq(seen->address, address);
        ck_assert_uint_eq(seen->stack[0], v->sites[0].stack);
        ck_assert_str_eq(v->modules[seen->roots[0].module - 1].path, "/lib/heap.so");
        ck_assert_uint_eq(seen->roots[1].module, 0);
        ck_assert_uint_eq(v->frames[seen->frames[0].frame - 1].offset, 0x77);
        ck_assert_uint_eq(v->frames[seen->frames[0].frame - 1].module, seen->roots[0].module);
        ck_assert_str_eq(v->modules[seen->types[0].module - 1].path, "/lib/heap.so");
        ck_assert_str_eq(seen->types[0].name, "3Foo");
        ck_assert_uint_eq(seen->types[1].module, 0);     /* that is no module */
        view_free(v);
        ck_assert_int_eq(let_go, 1);
        if (i)
            break;
        ck_assert_uint_eq(s->stack[0], stack_main);
        ck_assert_uint_eq(s->roots[0].module, module);
        ck_assert_uint_eq(s->frames[0].frame, frame);
        v = graph_view_make_with(play, code, 0, &s, 1);  /* now the first itself */
    }
}
END_TEST

START_TEST(stacks_of_handoffs_and_blocks)
{
    two_threads();
    by_stack(stack_main);
    make(0x1000, 64);
    who(1, 2);
    by_stack(stack_work);
    drop(0x1000);
    struct view *v = graph_view_make(play, code, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_stacks, 2);
    ck_assert_uint_eq(v->handoffs[0].stack_new, 1);
    ck_assert_uint_eq(v->handoffs[0].stack_drop, 2);
    view_free(v);
    by_stack(stack_unused);
    map(0x100000, 4096);    /* no site of the heap: its stack comes with the block */
    v = graph_view_make(play, code, 0);
    ck_assert_uint_eq(v->n_stacks, 2);
    view_free(v);
    v = graph_view_make(play, code, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_stacks, 3);
    ck_assert_uint_eq(v->blocks[0].stack, 1);
    ck_assert_uint_eq(v->n_sites, 1);
    view_free(v);
}
END_TEST

START_TEST(stacks_that_do_not_exist)
{
    by_stack(4000000000u);
    make(0x1000, 64);
    by_stack(77777);
    make(0x2000, 64);
    struct view *v = graph_view_make(play, code, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_stacks, 0);
    ck_assert_uint_eq(v->n_sites, 2);
    ck_assert_uint_eq(v->sites[0].stack, 0);
    ck_assert_uint_eq(v->blocks[1].stack, 0);
    view_free(v);
    v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->blocks[1].stack, 0);
    view_free(v);
}
END_TEST

START_TEST(stands_alone)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    by_stack(stack_deep);
    make(0x1000, 64);
    thread_name(0, "a name that is too long");
    struct view *v = graph_view_make(play, code, VIEW_BLOCKS);
    graph_free(play);
    code_free(code);
    code = code_new();
    play = graph_new(code);
    ck_assert_str_eq(v->processes[0].exe, "/bin/x");
    ck_assert_str_eq(v->processes[0].command, "x -y");
    ck_assert_str_eq(v->threads[0].name, "a name that is ");
    ck_assert_str_eq(v->modules[0].path, "/bin/x");
    ck_assert_str_eq(v->blocks[0].owned_by, "new");
    view_free(v);
}
END_TEST

START_TEST(nodes_in_order_of_id)
{
    static const uint32_t serials[] = { 7, 3, 4000000000u, 1 };
    for (int i = 0; i < 4; i++) {
        who(serials[i], serials[i]);
        make(0x1000, (uint64_t)i + 1);
    }
    struct view *v = graph_view_make(play, code, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_threads, 4);
    ck_assert_uint_eq(v->n_processes, 4);
    for (int i = 1; i < 4; i++) {
        ck_assert_uint_lt(v->threads[i - 1].id, v->threads[i].id);
        ck_assert_uint_lt(v->processes[i - 1].id, v->processes[i].id);
        ck_assert_uint_lt(v->blocks[i - 1].id, v->blocks[i].id);
    }
    ck_assert_uint_eq(v->threads[3].made.bytes, 3);
    ck_assert_uint_eq(v->processes[3].live_bytes, 3);
    check_view(v, true);
    view_free(v);
}
END_TEST

START_TEST(threads_from_birth_to_end)
{
    two_threads();
    thread_name(P2, "worker");
    who(1, 2);
    make(0x1000, 10);
    make(0x2000, 20);
    drop(0x1000);
    thread_exit(0);
    who(1, 1);
    thread_join(P2, 0);
    struct view *v = graph_view_make(play, code, 0);
    const struct view_thread *t = &v->threads[1];
    ck_assert_uint_eq(t->id, 2);
    ck_assert_uint_eq(t->tid, 102);
    ck_assert_uint_eq(t->creator, 1);
    ck_assert_uint_eq(t->joined_by, 1);
    ck_assert_str_eq(t->name, "worker");
    ck_assert_uint_eq(t->born_ns, 20000);
    ck_assert(t->ended);
    ck_assert_uint_eq(t->ended_ns, 90000);
    ck_assert_uint_eq(t->made.blocks, 2);
    ck_assert_uint_eq(t->made.bytes, 30);
    ck_assert_uint_eq(t->dropped.bytes, 10);
    ck_assert_uint_eq(t->owns.blocks, 0);
    ck_assert(!v->threads[0].ended);
    ck_assert_uint_eq(v->threads[0].tid, 100);
    ck_assert_uint_eq(v->at_ns, 100000);
    ck_assert_uint_eq(v->events, 10);
    view_free(v);
}
END_TEST

START_TEST(blocks_with_owners_and_borrowers)
{
    two_threads();
    make(0x1000, 64);
    make(0x2000, 64);
    thread_create(0x1020, 3);
    thread_create(0x1000, 4);      /* the last to get it is told */
    who(1, 2);
    begin(0x2000, 32);
    struct view *v = graph_view_make(play, code, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_blocks, 2);   /* also the one in the middle of a realloc */
    ck_assert_uint_eq(v->blocks[0].borrower, 4);
    ck_assert_uint_eq(v->blocks[0].borrowed_ns, 80000);
    ck_assert_uint_eq(v->blocks[0].owner, 1);
    ck_assert_str_eq(v->blocks[1].owned_by, "taken");
    ck_assert_uint_eq(v->blocks[1].owner, 2);
    ck_assert_uint_eq(v->blocks[1].thread, 1);
    ck_assert_uint_eq(v->blocks[1].owned_since_ns, 90000);
    ck_assert_uint_eq(v->blocks[1].born_ns, 60000);
    ck_assert_uint_eq(v->blocks[1].address, 0x2000);
    check_view(v, true);
    view_free(v);
    end(0x2000, 0x5000, 32);
    thread_exit(0);
    thread_gone();
    v = graph_view_make(play, code, VIEW_BLOCKS);
    ck_assert_uint_eq(v->blocks[1].owner, 0);
    ck_assert_str_eq(v->blocks[1].owned_by, "outlived");
    ck_assert_uint_eq(v->blocks[1].owned_since_ns, 110000);
    view_free(v);
}
END_TEST

START_TEST(moves_by_giver_and_taker)
{
    two_threads();
    for (int i = 0; i < 3; i++) {
        who(1, 1);
        make(0x1000, 10);
        who(1, 2);
        drop(0x1000);
    }
    make(0x1000, 10);
    who(1, 1);
    begin(0x1000, 20);
    end(0x1000, 0x2000, 20);
    struct view *v = graph_view_make(play, code, 0);
    ck_assert_uint_eq(v->n_moves, 2);
    ck_assert_uint_eq(v->moves[0].from, 1);
    ck_assert_uint_eq(v->moves[0].to, 2);
    ck_assert_uint_eq(v->moves[0].process, 1);
    ck_assert_uint_eq(v->moves[0].blocks, 3);
    ck_assert_uint_eq(v->moves[0].bytes, 30);
    ck_assert_uint_eq(v->moves[0].first_ns, 60000);
    ck_assert_uint_eq(v->moves[0].last_ns, 100000);
    ck_assert_uint_eq(v->moves_by[0], 4);
    ck_assert_uint_eq(v->moves_by[4], 1);
    ck_assert_str_eq(view_move_names[v->moves[1].by], "taken");
    check_view(v, false);
    view_free(v);
}
END_TEST

START_TEST(peak_by_site)
{
    for (int round = 0; round < 3; round++) {
        by_stack(stack_main);
        make(0x1000, 100);
        by_stack(stack_work);
        make(0x2000, round == 1 ? 500 : 50);
        drop(0x1000);
        by_stack(stack_deep);
        make(0x3000, 20);
        drop(0x2000);
        drop(0x3000);
    }
    struct view *v = graph_view_make(play, code, 0);
    ck_assert_uint_eq(v->totals.peak_bytes, 600);
    ck_assert_uint_eq(v->totals.peak_ns, 80000);
    ck_assert_uint_eq(v->sites[0].peak_bytes, 100);
    ck_assert_uint_eq(v->sites[1].peak_bytes, 500);
    ck_assert_uint_eq(v->sites[2].peak_bytes, 0);
    check_view(v, false);
    view_free(v);
}
END_TEST

START_TEST(many_of_everything)
{
    graph_observe(play, NULL, NULL);
    for (uint32_t i = 1; i <= 50000; i++) {
        who(1 + i % 100, i);
        by_stack(i);
        make(0x1000 + 64 * (uint64_t)i, i % 100);
        if (i % 3 == 0)
            drop(0x1000 + 64 * (uint64_t)i);
    }
    struct view *v = graph_view_make(play, code, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_threads, 50000);
    ck_assert_uint_eq(v->n_processes, 100);
    ck_assert_uint_eq(v->n_sites, 50000);
    ck_assert_uint_eq(v->n_blocks, 50000 - 50000 / 3);
    check_view(v, true);
    view_free(v);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        empty, code_that_is_used_and_no_other, stacks_of_handoffs_and_blocks, stacks_that_do_not_exist, stands_alone,
        nodes_in_order_of_id, threads_from_birth_to_end, blocks_with_owners_and_borrowers, moves_by_giver_and_taker,
        peak_by_site, many_of_everything, snapshots_speak_with_the_view,
    };
    Suite *s = suite_create("view");
    TCase *c = tcase_create("view");
    tcase_add_checked_fixture(c, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(c, tests[i]);
    suite_add_tcase(s, c);
    return suite_run(s);
}
