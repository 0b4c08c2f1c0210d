/*
 * tests/unit/suite.h - the end of every unit test's main: runs its suite and gives
 * the program's exit code. How much it says is for CK_VERBOSITY (tests/unit/run.sh).
 */
#ifndef SUITE_H
#define SUITE_H

#include <check.h>
#include <stdlib.h>

static inline int suite_run(Suite *all)
{
    SRunner *r = srunner_create(all);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
