/*
 * tests/unit/test_heap_growth.c - what became of a heap between two snapshots:
 * exactly where blocks can be told apart, by sums where they cannot.
 */
#include "doc_scratch.h"
#include "export/heap_growth.h"
#include "heap_play.h"
#include "suite.h"

enum { BEFORE = GROWTH_BEFORE, AFTER = GROWTH_AFTER };

static struct view views[2];
static struct snapshot *snapshots[2][2];
static struct symbols *symbols;
static struct growth_side sides[2];
static struct heap_growth *growth;

static void setup(void)
{
    scratch_make();
    symbols = symbols_new();
    for (int i = 0; i < 2; i++) {
        views[i] = scratch_view();
        views[i].snapshots = snapshots[i];
    }
}

/* A snapshot of process `process`: blocks of the ids given, 0 ends them, 100 bytes and stack 1 each. */
static struct snapshot *heap(int side, uint32_t process, const uint64_t *ids)
{
    size_t n = 0;
    while (ids[n])
        n++;
    struct play p = play_new(n, 1);
    for (size_t i = 0; i < n; i++) {
        p.s->id[i] = ids[i];
        p.s->size[i] = 100;
        p.s->stack[i] = 1;
    }
    p.s->process = process;
    return snapshots[side][views[side].n_snapshots++] = play_done(&p);
}
#define HEAP(side, process, ...) heap(side, process, (const uint64_t[]){ __VA_ARGS__, 0 })

static void grow(bool by_id)
{
    for (int i = 0; i < 2; i++) {
        struct frames *f = frames_new(symbols, &views[i], NULL);
        sides[i] = (struct growth_side){ &views[i], f, block_types_new(&views[i], symbols, f) };
    }
    growth = heap_growth_new(sides, by_id);
}

static void teardown(void)
{
    heap_growth_free(growth);
    for (int i = 0; i < 2; i++) {
        block_types_free(sides[i].types);
        frames_free(sides[i].frames);
        for (size_t k = 0; k < views[i].n_snapshots; k++)
            snapshot_free(snapshots[i][k]);
    }
    symbols_free(symbols);
    scratch_clean();
}

/* "before 2/200 after 3/300 made 2/200 dropped 1/100" */
static const char *told(const struct growth_row *r)
{
    static char text[256];
    snprintf(text, sizeof text, "before %u/%u after %u/%u made %u/%u dropped %u/%u", (unsigned)r->at[BEFORE].blocks,
             (unsigned)r->at[BEFORE].bytes, (unsigned)r->at[AFTER].blocks, (unsigned)r->at[AFTER].bytes, (unsigned)r->made.blocks,
             (unsigned)r->made.bytes, (unsigned)r->dropped.blocks, (unsigned)r->dropped.bytes);
    return text;
}

static const struct growth_row *site(int side, uint32_t stack)
{
    uint64_t fingerprint;
    return heap_growth_site(growth, growth_site_key(sides[side].frames, stack, &fingerprint));
}

static const struct growth_row *type(const char *name)
{
    for (size_t i = 0; i < growth->types.n; i++)
        if (!strcmp(growth->types.list[i].type.name, name))
            return &growth->types.list[i];
    return NULL;
}

/* Blocks 2 and 3 stay, 1 goes, 7 and 9 come; 3 is resized. Addresses say nothing. */
START_TEST(came_and_went)
{
    HEAP(BEFORE, 1, 3, 1, 2);
    struct snapshot *after = HEAP(AFTER, 1, 9, 2, 7, 3);
    after->size[3] = 150;
    grow(true);
    ck_assert_str_eq(told(&growth->total), "before 3/300 after 4/450 made 2/200 dropped 1/100");
    ck_assert_uint_eq(growth->sites.n, 1);
    ck_assert_str_eq(told(site(AFTER, 1)), "before 3/300 after 4/450 made 2/200 dropped 1/100");
    ck_assert_uint_eq(growth->sites.list[0].stack, 1);
}
END_TEST

/* The same sums, and yet all is new. */
START_TEST(all_new)
{
    HEAP(BEFORE, 1, 1, 2);
    HEAP(AFTER, 1, 3, 4);
    grow(true);
    ck_assert_str_eq(told(&growth->total), "before 2/200 after 2/200 made 2/200 dropped 2/200");
}
END_TEST

START_TEST(by_place)
{
    struct snapshot *before = HEAP(BEFORE, 1, 1, 2, 3), *after = HEAP(AFTER, 1, 2, 3, 4, 5);
    before->stack[0] = 3;
    after->stack[2] = after->stack[3] = 5;
    grow(true);
    ck_assert_uint_eq(growth->sites.n, 3);
    ck_assert_str_eq(told(site(BEFORE, 3)), "before 1/100 after 0/0 made 0/0 dropped 1/100");
    ck_assert_str_eq(told(site(BEFORE, 1)), "before 2/200 after 2/200 made 0/0 dropped 0/0");
    ck_assert_str_eq(told(site(AFTER, 5)), "before 0/0 after 2/200 made 2/200 dropped 0/0");
    ck_assert_uint_eq(site(AFTER, 5)->side, AFTER);
    ck_assert_ptr_null(heap_growth_site(growth, 1));
}
END_TEST

static void give_types(struct snapshot *s, const char *first, const char *second)
{
    s->types = xcalloc(2, sizeof *s->types);
    s->n_types = 2;
    s->types[0].name = xstrdup(first);
    s->types[1].name = xstrdup(second);
}

/* Types have numbers of their own on each side; names join them. */
START_TEST(by_type)
{
    struct snapshot *before = HEAP(BEFORE, 1, 1, 2, 3), *after = HEAP(AFTER, 1, 2, 3, 4, 5);
    give_types(before, "3Foo", "3Bar");
    give_types(after, "3Bar", "3Foo");
    before->type[0] = before->type[1] = 1, before->type[2] = 2;
    after->type[0] = 2, after->type[1] = 1, after->type[2] = 2, after->type[3] = 1;
    grow(true);
    ck_assert_str_eq(told(type("Foo")), "before 2/200 after 2/200 made 1/100 dropped 1/100");
    ck_assert_str_eq(told(type("Bar")), "before 1/100 after 2/200 made 1/100 dropped 0/0");
    ck_assert_uint_eq(type("Foo")->type.by, BLOCK_TYPE_VTABLE);
}
END_TEST

/* The first heap was not read: what stayed had the type that it has. */
START_TEST(types_from_behind)
{
    struct snapshot *before = HEAP(BEFORE, 1, 1, 2, 3), *after = HEAP(AFTER, 1, 2, 3, 4);
    free(before->type);
    before->type = NULL;
    give_types(after, "3Foo", "3Bar");
    after->type[0] = after->type[2] = 1, after->type[1] = 2;
    grow(true);
    ck_assert_str_eq(told(type("Foo")), "before 1/100 after 2/200 made 1/100 dropped 0/0");
    ck_assert_str_eq(told(type("Bar")), "before 1/100 after 1/100 made 0/0 dropped 0/0");
}
END_TEST

/* A process that was born between, and one that has the same ids in another process. */
START_TEST(several_processes)
{
    HEAP(BEFORE, 1, 1, 2);
    HEAP(AFTER, 2, 1, 10, 11);
    HEAP(AFTER, 1, 1, 2, 3);
    grow(true);
    ck_assert_str_eq(told(&growth->total), "before 2/200 after 6/600 made 4/400 dropped 0/0");
}
END_TEST

/* Two sessions: ids mean nothing to each other. */
START_TEST(two_sessions)
{
    HEAP(BEFORE, 1, 1, 2);
    HEAP(AFTER, 1, 1, 2, 3);
    grow(false);
    ck_assert_str_eq(told(&growth->total), "before 2/200 after 3/300 made 0/0 dropped 0/0");
    ck_assert_uint_eq(growth->sites.n, 1);
}
END_TEST

START_TEST(mappings_are_none)
{
    HEAP(BEFORE, 1, 1);
    HEAP(AFTER, 1, 1, 2)->family[1] = WIRE_MMAP_ANON;
    grow(true);
    ck_assert_str_eq(told(&growth->total), "before 1/100 after 1/100 made 0/0 dropped 0/0");
}
END_TEST

START_TEST(no_snapshots)
{
    HEAP(AFTER, 1, 1);
    grow(true);
    ck_assert_str_eq(told(&growth->total), "before 0/0 after 1/100 made 1/100 dropped 0/0");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_growth");
    TCase *c = tcase_create("heap_growth");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, came_and_went);
    tcase_add_test(c, all_new);
    tcase_add_test(c, by_place);
    tcase_add_test(c, by_type);
    tcase_add_test(c, types_from_behind);
    tcase_add_test(c, several_processes);
    tcase_add_test(c, two_sessions);
    tcase_add_test(c, mappings_are_none);
    tcase_add_test(c, no_snapshots);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
