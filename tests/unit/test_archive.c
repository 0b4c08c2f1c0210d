/*
 * tests/unit/test_archive.c - checkpoints of the fold are exact: random streams,
 * saved and loaded anywhere, fold on as if they never had been (archive_check.h).
 *
 * One kind of events alone, as who mends a part wants them:
 * CK_RUN_CASE=locks build/tests/unit/test_archive
 */
#include "archive_check.h"
#include "suite.h"

#define SOME .n_processes = 1, .n_threads = 1, .n_slots = 64, .n_locks = 12

static const struct kind { const char *name; struct mix mix; } kinds[] = {
    { "memory", { .heap = 100, .marks = 1, SOME } },
    { "maps", { .heap = 20, .maps = 100, SOME } },
    { "threads", { .heap = 100, .maps = 5, .threads = 20, .n_processes = 1, .n_threads = 6, .n_slots = 96, .n_locks = 1 } },
    { "late", { .heap = 100, .threads = 1, .maps = 10, .late = 40, .n_processes = 1, .n_threads = 6, .n_slots = 24, .n_locks = 1 } },
    { "drops", { .heap = 100, .drops = 10, .modules = 1, .maps = 3, .threads = 5, .losses = 1, .n_processes = 1, .n_threads = 3, .n_slots = 64, .n_locks = 1 } },
    { "forks", { .heap = 100, .maps = 10, .threads = 4, .processes = 4, .modules = 2, .n_processes = 4, .n_threads = 3, .n_slots = 48, .n_locks = 1 } },
    { "modules", { .heap = 50, .modules = 30, .processes = 2, .locks = 20, .n_processes = 3, .n_threads = 2, .n_slots = 48, .n_locks = 12 } },
    { "copies", { .heap = 100, .copies = 60, .usables = 1, .threads = 1, .n_processes = 1, .n_threads = 3, .n_slots = 64, .n_locks = 1 } },
    { "locks", { .heap = 30, .locks = 100, .threads = 2, .modules = 1, .n_processes = 1, .n_threads = 5, .n_slots = 24, .n_locks = 24 } },
    { "clocks", { .heap = 60, .locks = 60, .conds = 30, .copies = 40, .threads = 4, .futexes = 1, .n_processes = 1, .n_threads = 6, .n_slots = 24, .n_locks = 8 } },
    { "all", { .heap = 100, .drops = 3, .maps = 10, .threads = 10, .processes = 2, .locks = 40, .conds = 10, .copies = 20, .modules = 2, .marks = 2,
               .losses = 1, .futexes = 1, .usables = 1, .snapshots = 1, .late = 10, .n_processes = 4, .n_threads = 4, .n_slots = 64, .n_locks = 24 } },
    { "samples", { .heap = 120, .maps = 3, .threads = 3, .processes = 1, .locks = 20, .conds = 4, .copies = 10, .rates = 6, .late = 5, .n_processes = 2,
                   .n_threads = 4, .n_slots = 96, .n_locks = 12 } },
    { "cover", { .heap = 100, .drops = 6, .maps = 3, .threads = 3, .locks = 30, .copies = 20, .rates = 2, .covers = 4, .orders = 3, .losses = 1,
                 .n_processes = 2, .n_threads = 4, .n_slots = 64, .n_locks = 12 } },
    { "wild", { .heap = 50, .locks = 20, .copies = 10, .threads = 5, .processes = 1, .wild = 60, .late = 20, .n_processes = 3, .n_threads = 3,
                .n_slots = 48, .n_locks = 24 } },
};
enum { KINDS = sizeof kinds / sizeof *kinds, SEEDS = 2 };

/* Of each kind, seeds that make other streams; TORTURE=1: many more, and longer ones. */
START_TEST(loaded_as_folded)
{
    const struct kind *k = &kinds[_i / SEEDS];
    bool torture = getenv("TORTURE");
    for (int i = 0; i < (torture ? 10 : 1); i++)
        archive_check(k->mix, (uint64_t)(_i % SEEDS + 1000 * i), torture ? 20000 : 1500, torture ? 30 : 6);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("archive");
    for (int i = 0; i < KINDS; i++) {
        TCase *c = tcase_create(kinds[i].name);
        tcase_set_timeout(c, 1200);
        tcase_add_loop_test(c, loaded_as_folded, i * SEEDS, (i + 1) * SEEDS);
        suite_add_tcase(s, c);
    }
    return suite_run(s);
}
