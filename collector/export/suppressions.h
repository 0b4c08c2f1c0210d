/*
 * collector/export/suppressions.h - findings that somebody has looked at and
 * does not want to hear of again: ownscope-suppressions(5).
 *
 * Two syntaxes, also mixed in one file: Valgrind's blocks and the sanitizers'
 * TYPE:PATTERN lines. A file is read once (suppressions_parse.c), what its words
 * mean for our rules is a table (suppressions_kinds.c), and findings are held
 * against it with their symbolised stacks (suppressions_match.c). What
 * suppression_block writes for a finding is read back and matches it.
 *
 * One thread a set. Files are input: any byte may stand in them.
 */
#ifndef OWNSCOPE_SUPPRESSIONS_H
#define OWNSCOPE_SUPPRESSIONS_H

#include <jansson.h>

#include "export/frames.h"
#include "export/leaks.h"

struct suppressions;
struct suppressions *suppressions_new(void);
void suppressions_free(struct suppressions *s);     /* NULL: nothing */

/* Adds those of a file; of a text that `name` stands for. 0, or -errno with
 * *error: one malloc'ed line, "FILE:12: what is wrong there". */
int suppressions_read(struct suppressions *s, const char *path, char **error);
int suppressions_parse(struct suppressions *s, const char *name, const char *text, size_t bytes, char **error);

/* Adds those of default.supp, behind all others: the C library's own leaks, on which all agree. As suppressions_parse. */
int suppressions_add_default(struct suppressions *s, char **error);

size_t suppressions_count(const struct suppressions *s);
/* Number `i`, from 0: its name (a line's: the line itself), and where it stands. */
const char *suppression_name(const struct suppressions *s, size_t i);
const char *suppression_file(const struct suppressions *s, size_t i, unsigned *line);
bool suppression_is_default(const struct suppressions *s, size_t i);

/* ---- matching ---- */

/* A finding as suppressions see it. */
struct suppression_stack {
    uint8_t role;                       /* enum evidence */
    const struct frame_place *places;   /* from the inside out */
    size_t n;
};
struct suppression_subject {
    uint8_t rule, use, family, made_family;     /* as in view_finding */
    uint8_t leak_kind;                          /* LEAK_KIND_* (leaks.h), 0: not told */
    const struct suppression_stack *stacks;
    size_t n;
};
/* The first suppression that matches, from 1; 0: none. */
uint32_t suppressions_match(const struct suppressions *s, const struct suppression_subject *f);

/* A view without the findings that are silenced, and without those that names
 * show to be none. */
struct suppressed {
    struct view view;       /* as `all`, with fewer findings; its memory is `all`'s but for those */
    const struct view *all;
    const struct suppressions *by;
    uint32_t *which;        /* for each finding of `all` the suppression, from 1; 0: kept, UINT32_MAX: it is none */
    size_t n, n_default;    /* findings silenced; of these by default.supp */
};
/* Makes k->view and returns it. `s` NULL: nothing is silenced. */
const struct view *suppressed_view(struct suppressed *k, const struct suppressions *s, const struct view *v, struct frames *f);
void suppressed_free(struct suppressed *k);
/* The suppressions that silenced something, as they stand in their files:
 * [{"name","file","line","findings","count"}]. A new reference. */
json_t *suppressed_used(const struct suppressed *k);

/* The block that silences this finding and what differs from it in nothing
 * but addresses: malloc'ed lines; NULL: it has no stack to be known by. A
 * leak's is as Valgrind writes it, and serves there too. */
char *suppression_block(const struct view *v, struct frames *f, const struct view_finding *finding);

#endif
