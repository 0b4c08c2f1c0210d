/*
 * collector/export/event_filter.h - which facts somebody wants to see.
 *
 * One thread. The words of `--type`, `--thread`, `--process`, `--site`,
 * `--size` and `--address` of ownscope-events(1); all that are given must hold.
 */
#ifndef OWNSCOPE_EVENT_FILTER_H
#define OWNSCOPE_EVENT_FILTER_H

#include "export/doc.h"
#include "export/frames.h"

/* "0x1000..0x2000" as [low, high), "0x1000" as one byte. 0, -EINVAL. */
int event_addresses_parse(const char *text, uint64_t *low, uint64_t *high);
/* 0; -EINVAL and *error (malloc'ed, what regcomp says): no extended regular expression. */
int event_site_check(const char *regex, char **error);

struct event_filter;
/* `o` and `frames` must outlive it. o->site is a sound expression. */
struct event_filter *event_filter_new(const struct doc_events_options *o, struct frames *frames);
void event_filter_free(struct event_filter *f);
/* `stack`: the fact's, a number of `frames`. */
bool event_filter_wants(struct event_filter *f, const struct fact *fact, uint32_t *stack);

#endif
