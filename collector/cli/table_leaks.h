/*
 * collector/cli/table_leaks.h - leaks inside of other tables.
 */
#ifndef OWNSCOPE_TABLE_LEAKS_H
#define OWNSCOPE_TABLE_LEAKS_H

#include "cli/table.h"

/* report.leaks, under a heading of its own. */
void table_leaks_brief(FILE *out, const json_t *leaks, const struct table_style *s);

#endif
