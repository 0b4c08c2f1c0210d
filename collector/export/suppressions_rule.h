/*
 * collector/export/suppressions_rule.h - one suppression, between the files
 * that read (suppressions_parse.c), explain (suppressions_kinds.c) and apply it
 * (suppressions_match.c).
 */
#ifndef OWNSCOPE_SUPPRESSIONS_RULE_H
#define OWNSCOPE_SUPPRESSIONS_RULE_H

#include "export/suppressions.h"

/* Which findings: for each rule the uses that count, a bit 1 << enum use each
 * (0: not this rule), and where locks are used the families, a bit 1 << enum
 * wire_lock each. */
struct suppression_scope { uint8_t uses[RULES]; uint16_t locks[RULES]; };

/* One line of a block. */
struct suppression_line {
    enum { LINE_FUNCTION, LINE_MODULE, LINE_SOURCE, LINE_ANY /* "...": any number of frames */ } kind;
    const char *text;
    size_t bytes, bare;         /* its length; of what stands before a symbol's version, 0: there is none */
    unsigned number;            /* LINE_SOURCE: the line in that file; 0: any */
};

/* A stack that a block describes: lines[first .. first + n). */
struct suppression_section { uint8_t role; size_t first, n; };

/* What the pattern of a TYPE:PATTERN line is held against. */
enum suppression_reach {
    REACH_BLOCK,                /* no such line: sections */
    REACH_FRAMES,               /* any frame of the acts' stacks: function, file, module */
    REACH_TOP,                  /* the same of their innermost frame */
    REACH_FUNCTIONS,            /* any frame, its function alone */
    REACH_MODULES,              /* any frame, its module alone */
    REACH_CALLER,               /* the innermost frame's module */
    REACH_CALLED                /* the function that was called */
};

struct suppression {
    const char *name;
    const char *pattern;        /* of a line, as a glob */
    size_t file;                /* index */
    unsigned line;
    uint8_t reach;              /* enum suppression_reach */
    uint8_t leak_kinds;         /* LEAK_KIND_* */
    bool is_default;            /* of default.supp */
    struct suppression_scope scope;
    size_t first, n;            /* sections; the first one is the act itself */
};

struct suppressions {
    struct suppression *list;
    size_t n, capacity;
    struct suppression_section *sections;
    size_t n_sections, sections_capacity;
    struct suppression_line *lines;
    size_t n_lines, lines_capacity;
    char **files;               /* names */
    size_t n_files, files_capacity;
    char **texts;               /* that names, patterns and lines point into */
    size_t n_texts, texts_capacity;
};

/* Adds what TOOL:KIND means. 0; 1: known, or another tool's, and nothing of ours;
 * -ENOENT: ownscope has no such rule. */
int suppression_scope_add(struct suppression_scope *scope, const char *tool, const char *kind);
/* The same for a line's TYPE; -ENOENT: there is no such type. */
int suppression_scope_type(struct suppression_scope *scope, const char *type, enum suppression_reach *reach);
/* True when this may be silenced at all, its stacks apart. */
bool suppression_scope_has(const struct suppression_scope *scope, const struct suppression_subject *f);

/* True when a stack of this role shows the act that breaks the rule (or one of
 * its acts), rather than what was before it. */
bool suppression_is_act(unsigned rule, unsigned role);
/* The names under which other tools know the function that a stack of this role
 * was recorded in: they show it as a frame. *n of them. */
const char *const *suppression_called(const struct suppression_subject *f, unsigned role, size_t *n);

#endif
