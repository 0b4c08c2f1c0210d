/*
 * collector/cli/table_group.h - sites that read the same, added up.
 *
 * Sites differ by their whole stack; a table shows a few frames of it, so one
 * busy function would fill it with equal rows. Largest first value first.
 */
#ifndef OWNSCOPE_TABLE_GROUP_H
#define OWNSCOPE_TABLE_GROUP_H

#include "cli/table_line.h"

struct site_group {
    const json_t *site;     /* the first one: the largest in a document */
    uint64_t value[2];      /* added up */
    uint64_t hash;          /* of the frames that are shown */
};

/* What one site adds. */
typedef void (*site_values)(const json_t *site, uint64_t value[2]);
/* Groups of a list of objects, by `frames` frames of each of their stacks (keys, ended by NULL);
 * malloc'ed, *n of them. */
struct site_group *site_groups(const json_t *sites, const char *const *stacks, size_t frames, site_values values, size_t *n);

#endif
