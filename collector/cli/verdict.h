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

/* What --fail-on names. */
struct verdict_rules {
    uint32_t rules;                 /* a bit 1 << enum finding_rule each */
    unsigned leak_kinds;            /* LEAK_KIND_*: leaks of these count */
    bool leaks_named;               /* the rule `leak` itself, not only by any: no answer is then a failure */
};

struct verdict {
    struct query files;             /* its suppressions, and whether those of default.supp are wanted, alone */
    struct suppressions *suppressions;  /* NULL: none */
    enum gen_suppressions gen;
    struct verdict_rules fail_on;
    int status;                     /* of a run that fails */
    bool verbose;
};

/* Takes --suppressions, --default-suppressions, --gen-suppressions, --fail-on, --error-exitcode, -v; false: none of these. */
bool verdict_option(struct verdict *v, struct options *o, int key);
/* Reads the files; ends the program when they, or a terminal to ask on, are not to be had. */
void verdict_ready(struct verdict *v, const struct options *o);
/* For tables: what is asked before a suppression is printed; NULL: nothing is. */
table_ask verdict_ask(const struct verdict *v);

/* "double-drop,overlap", any, all; "leak" (definite and possible), "leak=definite", "leak=all". 0, or -EINVAL and
 * *error, one malloc'ed line. */
int verdict_rules_parse(struct verdict_rules *rules, const char *text, char **error);
/* What of `all` the rules forbid and nothing silences, "2 double-drop, 1
 * overlap", malloc'ed; NULL: nothing. `kept`: what suppressions leave of `all`. */
char *verdict_text(uint32_t rules, const struct view *all, const struct view *kept);
/* For the rule leak: the processes that ended by themselves and whose blocks' classes nobody knows, and why;
 * malloc'ed; NULL: none, or nobody asked. *fails: it is a failure: `leak` was named, and the process was not just
 * killed unseen. */
char *verdict_unanswered(const struct verdict_rules *rules, const struct view *v, const struct doc_context *c, bool *fails);

#endif
