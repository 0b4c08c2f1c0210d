/*
 * collector/export/lock_names.h - locks by id, and where they lie in words.
 *
 * One thread. Stands between one view and one document; symbols of variables
 * are looked up when a place is first asked for, once. Texts live as long as
 * the lock_names.
 */
#ifndef OWNSCOPE_LOCK_NAMES_H
#define OWNSCOPE_LOCK_NAMES_H

#include <jansson.h>

#include "export/frames.h"
#include "graph/view.h"
#include "symbols/symbols.h"

struct lock_names;
/* `s` may be NULL: no names then. Both must outlive it. */
struct lock_names *lock_names_new(const struct view *v, struct symbols *s);
void lock_names_free(struct lock_names *n);

/* The view's row of a lock; NULL: it has none (too many locks, or no such). */
const struct view_lock *lock_names_row(struct lock_names *n, uint64_t id);
/* "app:queue_lock", "app:table+0x28", "app+0x4010", "b7+0x28", "0x7ff…"; "l9" for a lock without a row. */
const char *lock_names_where(struct lock_names *n, uint64_t id);
/* "mutex app:queue_lock" */
char *lock_names_text(struct lock_names *n, uint64_t id);

/* WIRE_LOCK_TYPE_* in words. */
enum { LOCK_TYPE_WORDS = 5 };
extern const struct lock_type_word { unsigned bit; const char *word; } lock_type_words[LOCK_TYPE_WORDS];

/* Where something lies, in words: malloc'ed. */
char *where_text(const struct view *v, struct symbols *s, const struct view_where *w);
/* Sets where, address, module, symbol, symbol_offset, offset, block, block_stack of a JSON object. */
void where_members(json_t *j, const struct view *v, struct symbols *s, struct frames *f, const struct view_where *w);

#endif
