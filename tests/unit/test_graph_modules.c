/*
 * tests/unit/test_graph_modules.c - where the modules of processes lie: told,
 * replaced, inherited by a fork, gone with an image.
 */
#include "graph/graph_modules.h"
#include "graph_play.h"
#include "suite.h"

static void module(uint64_t start, uint64_t size, uint64_t bias, uint32_t id)
{
    put((struct event){ .type = EVENT_MODULE, .address = start, .size = size, .extra = { bias, id } });
}

/* "id+offset" of an address in a process, "-" for no module. */
static const char *where(uint32_t process, uint64_t address)
{
    static char text[64];
    uint64_t offset = 0;
    uint32_t id = modules_at(process_at(play, dict_get(&play->process_of, process)), address, &offset);
    snprintf(text, sizeof text, id ? "%u+%lx" : "-", id, (unsigned long)offset);
    return text;
}

START_TEST(told_and_replaced)
{
    play_start();
    ck_assert_str_eq(where(1, 0x1000), "-");
    module(0x3000, 0x1000, 0x2000, 2);
    module(0x1000, 0x1000, 0x1000, 1);
    ck_assert_str_eq(where(1, 0xfff), "-");
    ck_assert_str_eq(where(1, 0x1000), "1+0");
    ck_assert_str_eq(where(1, 0x1fff), "1+fff");
    ck_assert_str_eq(where(1, 0x2000), "-");
    ck_assert_str_eq(where(1, 0x3004), "2+1004");
    ck_assert_str_eq(where(1, 0x4000), "-");
    ck_assert_str_eq(where(2, 0x1000), "-");
    module(0x1800, 0x2000, 0x1800, 3);   /* over both */
    ck_assert_str_eq(where(1, 0x1000), "-");
    ck_assert_str_eq(where(1, 0x1800), "3+0");
    ck_assert_str_eq(where(1, 0x3fff), "-");
    ck_assert_uint_eq(play->module_ranges, 1);
    module(UINT64_MAX - 10, 20, 0, 4);   /* none of these is one */
    module(0x9000, 0, 0, 4);
    module(0x9000, 1, 0, UINT32_MAX);
    ck_assert_uint_eq(play->module_ranges, 2);
    play_stop();
}
END_TEST

START_TEST(inherited_by_a_fork)
{
    play_start();
    process_start(100, 0, WIRE_BORN_EXEC);
    module(0x1000, 0x1000, 0x1000, 1);
    process_fork();
    module(0x5000, 0x1000, 0x5000, 2);   /* after the fork: the child has it not */
    process_forked(200);
    who(2, 2);
    process_start(200, 1, WIRE_BORN_FORK);
    ck_assert_str_eq(where(2, 0x1010), "1+10");
    ck_assert_str_eq(where(2, 0x5010), "-");
    ck_assert_str_eq(where(1, 0x5010), "2+10");
    module(0x1000, 0x800, 0x1000, 3);    /* the child's alone */
    ck_assert_str_eq(where(2, 0x1010), "3+10");
    ck_assert_str_eq(where(2, 0x1810), "-");
    ck_assert_str_eq(where(1, 0x1810), "1+810");
    play_stop();
}
END_TEST

/* A child of which no fork was seen (its parent was taken over since): what the parent has now. */
START_TEST(inherited_without_a_fork)
{
    play_start();
    module(0x1000, 0x1000, 0x1000, 1);
    who(2, 2);
    process_start(200, 1, WIRE_BORN_FORK);
    ck_assert_str_eq(where(2, 0x1010), "1+10");
    who(3, 3);
    module(0x2000, 0x1000, 0x2000, 3);
    process_start(300, 1, WIRE_BORN_FORK);  /* knows better than that */
    ck_assert_str_eq(where(3, 0x1010), "-");
    ck_assert_str_eq(where(3, 0x2010), "3+10");
    who(4, 4);
    process_start(400, 77, WIRE_BORN_FORK);
    ck_assert_str_eq(where(4, 0x1010), "-");
    play_stop();
}
END_TEST

START_TEST(gone_with_the_image)
{
    play_start();
    process_start(100, 0, WIRE_BORN_EXEC);
    module(0x1000, 0x1000, 0x1000, 1);
    process_fork();
    process_exec(100);
    process_start(100, 0, WIRE_BORN_EXEC);
    ck_assert_str_eq(where(1, 0x1010), "-");
    who(2, 2);
    process_start(200, 1, WIRE_BORN_FORK);   /* speaks late: it was forked before */
    ck_assert_str_eq(where(2, 0x1010), "1+10");
    put((struct event){ .type = EVENT_PROCESS_GONE });
    ck_assert_str_eq(where(2, 0x1010), "-");
    who(1, 1);
    put((struct event){ .type = EVENT_PROCESS_FORKED, .address = 200 });
    ck_assert_uint_eq(play->module_ranges, 0);
    play_stop();
}
END_TEST

/* However many processes change what they inherited, there is an end to it. */
START_TEST(tables_are_bounded)
{
    play_start();
    process_start(100, 0, WIRE_BORN_EXEC);
    for (uint64_t i = 0; i < 60000; i++)
        module(0x100000 + i * 32, 16, 0, 1);
    for (uint32_t child = 2; child < 100; child++) {
        who(child, child);
        process_start(100 + child, 1, WIRE_BORN_FORK);
        module(0x1000, 0x1000, 0x1000, 2);
    }
    ck_assert_uint_le(play->module_ranges, (1 << 22) + 60000);
    ck_assert_uint_gt(play->module_ranges, 1 << 21);
    ck_assert_str_eq(where(99, 0x100000), "1+100000");
    play_stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph modules");
    TCase *t = tcase_create("modules");
    tcase_add_test(t, told_and_replaced);
    tcase_add_test(t, inherited_by_a_fork);
    tcase_add_test(t, inherited_without_a_fork);
    tcase_add_test(t, gone_with_the_image);
    tcase_add_test(t, tables_are_bounded);
    suite_add_tcase(s, t);
    return suite_run(s);
}
