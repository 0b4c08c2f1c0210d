/*
 * collector/export/leak_holders.h - what a document says of leak groups beyond
 * their blocks: their type, and who holds them.
 *
 * One thread; lives no longer than the leaks. The dominator tree is made only
 * when a group is wanted that something may hold: it is what takes long.
 */
#ifndef OWNSCOPE_LEAK_HOLDERS_H
#define OWNSCOPE_LEAK_HOLDERS_H

#include "export/doc.h"
#include "export/frames.h"
#include "export/leaks.h"

struct leak_holders;
/* wanted: of each group, whether leak_holder will be asked for it; NULL: it will not. */
struct leak_holders *leak_holders_new(const struct leaks *l, const struct doc_context *c, struct frames *f, const bool *wanted);
void leak_holders_free(struct leak_holders *h);

/* The holder of most of a group's bytes: {"id","kind","what","blocks","bytes"}, with how much of the group it
 * holds; null: nothing does, or it is not known. */
json_t *leak_holder(struct leak_holders *h, uint32_t group);
/* The type that all blocks of a group have, and how it is known ("vtable", "frame"); NULL: none is known. */
const char *leak_type(struct leak_holders *h, uint32_t group, const char **by);

#endif
