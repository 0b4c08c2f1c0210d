/*
 * tests/unit/marks.h - libcheck writes down every assertion that holds, so that it can say where a test was
 * when a signal ended it. In loops over millions of events that took most of a test's time: each assertion is
 * written down the first thousand times. Included before every unit test, by the compiler's command line.
 */
#ifndef MARKS_H
#define MARKS_H

#include <check.h>

#define _mark_point(file, line) \
    ({ \
        static _Thread_local unsigned marks_made; \
        if (marks_made < 1000) { \
            marks_made++; \
            (_mark_point)(file, line); \
        } \
    })

#endif
