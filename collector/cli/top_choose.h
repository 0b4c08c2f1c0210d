/*
 * collector/cli/top_choose.h - whose screen is it: the sessions of this user that
 * are collected now, the newest first. Main thread.
 */
#ifndef OWNSCOPE_TOP_CHOOSE_H
#define OWNSCOPE_TOP_CHOOSE_H

#include <stddef.h>
#include <stdint.h>

struct top_session { char *name, *socket_path, *segment_path, *command; unsigned pid; size_t processes; uint64_t made_ns; };
struct top_sessions { struct top_session *list; size_t n; };
/* 0 or -errno. */
int top_sessions_find(struct top_sessions *s);
void top_sessions_end(struct top_sessions *s);
/* Asks on the terminal, which has begun; SIZE_MAX: none was chosen. */
size_t top_sessions_choose(const struct top_sessions *s);

#endif
