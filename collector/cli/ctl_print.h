/*
 * collector/cli/ctl_print.h - the answers of `ownscope ctl`, for people: a line of what came of an order, tables of
 * rules and limits.
 */
#ifndef OWNSCOPE_CTL_PRINT_H
#define OWNSCOPE_CTL_PRINT_H

#include "cli/table.h"

void ctl_print_order(FILE *out, const json_t *doc, const struct table_style *s);    /* start, stop, reset, emergency-stop */
void ctl_print_trace(FILE *out, const json_t *doc, const struct table_style *s);
void ctl_print_untrace(FILE *out, const json_t *doc, const struct table_style *s);
/* In the summary of a run: its array "rules". */
void ctl_print_rules(FILE *out, const json_t *rules, const struct table_style *s);
void ctl_print_limits(FILE *out, const json_t *doc, const struct table_style *s);
void ctl_print_list(FILE *out, const json_t *doc, const struct table_style *s);
void ctl_print_status(FILE *out, const json_t *doc, const struct table_style *s);

#endif
