/*
 * collector/export/fingerprint.h - what stays the same of a finding between
 * builds and runs: its rule, and for each of its stacks the modules' file names
 * and the functions, from the inside out.
 *
 * No addresses, offsets, lines or numbers of threads and blocks. Left out, as
 * they come and go with compilers and libraries: the C++ library's insides,
 * what lies outside of main or a thread's routine, what compilers add to names
 * (.constprop.0). The order of the stacks does not matter, so a cycle of locks
 * is the same wherever it is entered.
 */
#ifndef OWNSCOPE_FINGERPRINT_H
#define OWNSCOPE_FINGERPRINT_H

#include "export/frames.h"
#include "graph/view.h"

uint64_t fingerprint_finding(const struct view *v, struct frames *f, const struct view_finding *finding);
/* Of one stack; `word` says what it shows. */
uint64_t fingerprint_stack(struct frames *f, uint32_t view_stack, const char *word);
/* The same of a stack by the frames' own number. */
uint64_t fingerprint_own(struct frames *f, uint32_t stack, const char *word);

#endif
