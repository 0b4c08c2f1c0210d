/*
 * collector/cli/verdict.h - what becomes of findings: which are silenced, which
 * make `run` fail, whether suppressions are printed for them. Main thread.
 */
#ifndef OWNSCOPE_VERDICT_H
#define OWNSCOPE_VERDICT_H

#include "cli/options.h"
#include "cli/table.h"
#include "serve/query.h"

enum gen_suppressions { GEN_NO, GEN_YES, GEN_ALL };
enum { VERDICT_STATUS = 99 };

struct verdict {
    struct query files;             /* its suppressions alone */
    struct suppressions *suppressions;  /* NULL: none */
    enum gen_suppressions gen;
    uint32_t fail_on;               /* a bit 1 << enum rule each */
    int status;                     /* of a run that fails */
    bool verbose;
};

/* Takes --suppressions, --gen-suppressions, --fail-on, --error-exitcode, -v; false: none of these. */
bool verdict_option(struct verdict *v, struct options *o, int key);
/* Reads the files; ends the program when they, or a terminal to ask on, are not to be had. */
void verdict_ready(struct verdict *v, const struct options *o);
/* For tables: what is asked before a suppression is printed; NULL: nothing is. */
table_ask verdict_ask(const struct verdict *v);

/* "double-drop,overlap", any, all. 0, or -EINVAL and *error, one malloc'ed line. */
int verdict_rules_parse(uint32_t *rules, const char *text, char **error);
/* What of `all` the rules forbid and nothing silences, "2 double-drop, 1
 * overlap", malloc'ed; NULL: nothing. `kept`: what suppressions leave of `all`. */
char *verdict_text(uint32_t rules, const struct view *all, const struct view *kept);

#endif
