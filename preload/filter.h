/*
 * preload/filter.h - what a seccomp filter would say to a system call.
 *
 * Runs in the traced thread as it puts the filter on. The program belongs to
 * the caller and may be anything: what cannot be read, or makes no sense, is not
 * allowed.
 */
#ifndef PRELOAD_FILTER_H
#define PRELOAD_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>

/* The call is made, whether or not it is logged. */
bool filter_allows(const struct sock_fprog *program, const struct seccomp_data *call);

#endif
