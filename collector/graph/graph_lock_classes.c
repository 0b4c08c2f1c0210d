/*
 * collector/graph/graph_lock_classes.c - locks of one origin, and the stacks
 * that acquire them.
 *
 * A class is known by the place in the code that initialises its locks, else
 * by what they lie in: blocks of one site at one offset, a module at one
 * offset, else the address in one image. Run by the folding thread.
 */
#include "event/xalloc.h"
#include "graph/graph_lock_state.h"

static bool class_same(const struct lock_class *a, const struct lock_class *b)
{
    if (a->by != b->by || a->family != b->family)
        return false;
    switch (a->by) {
    case CLASS_BY_INIT: return a->init_place == b->init_place;
    case CLASS_BY_BLOCK: return a->where.block_stack == b->where.block_stack && a->where.offset == b->where.offset;
    case CLASS_BY_MODULE: return a->where.module == b->where.module && a->where.offset == b->where.offset;
    default: return a->where.address == b->where.address && a->image == b->image;
    }
}

static uint64_t class_key(const struct lock_class *c)
{
    uint64_t key = lock_mix(c->by + 1, c->family);
    switch (c->by) {
    case CLASS_BY_INIT: return lock_mix(key, c->init_place);
    case CLASS_BY_BLOCK: return lock_mix(lock_mix(key, c->where.block_stack), c->where.offset);
    case CLASS_BY_MODULE: return lock_mix(lock_mix(key, c->where.module), c->where.offset);
    default: return lock_mix(lock_mix(key, c->where.address), c->image);
    }
}

/* The place in the code that initialises: who called it may differ. */
static uint32_t init_place(const struct graph *g, uint32_t stack)
{
    return g->code && stack && stack <= code_stacks(g->code) ? code_stack(g->code, stack)->frame : stack;
}

/* What the class of a lock would be. Without stacks origins say nothing, and
 * every lock outside of modules is a class of its own. */
static struct lock_class class_of_lock(const struct graph *g, const struct process *p, const struct lock *lock)
{
    struct lock_class c = { .family = lock->family, .where = lock->where, .init_stack = lock->init_stack,
                            .init_place = init_place(g, lock->init_stack) };
    c.by = lock->init_stack ? CLASS_BY_INIT
           : lock->where.kind == VIEW_WHERE_BLOCK && lock->where.block_stack ? CLASS_BY_BLOCK
           : lock->where.kind == VIEW_WHERE_MODULE ? CLASS_BY_MODULE : CLASS_BY_ADDRESS;
    c.image = c.by == CLASS_BY_ADDRESS ? p->lock_image : 0;
    return c;
}

/* *key: where it stands, or may be put. */
static uint32_t class_find(const struct locks *l, const struct lock_class *c, uint64_t *key)
{
    *key = class_key(c);
    for (uint32_t at; (at = dict_get(&l->class_of, *key)) != 0; ++*key)
        if (class_same(&l->classes[at], c))
            return at;
    return 0;
}

bool lock_classes_index(struct locks *l)
{
    uint64_t key;
    for (uint32_t i = 1; i < l->n_classes; i++) {
        if (class_find(l, &l->classes[i], &key) || key - class_key(&l->classes[i]) > LOCK_CHAIN_MAX)
            return false;
        dict_set(&l->class_of, key, i);
    }
    return true;
}

uint32_t lock_class_get(struct graph *g, const struct process *p, const struct lock *lock)
{
    struct locks *l = g->locks;
    struct lock_class c = class_of_lock(g, p, lock);
    uint64_t key;
    uint32_t at = class_find(l, &c, &key);
    if (at || l->n_classes >= LOCK_CLASSES_MAX)
        return at;
    l->classes = xgrow(l->classes, &l->classes_capacity, l->n_classes + 1, sizeof *l->classes);
    l->classes[l->n_classes] = c;
    dict_set(&l->class_of, key, (uint32_t)l->n_classes);
    return (uint32_t)l->n_classes++;
}

void lock_class_settle(struct graph *g, const struct process *p, struct lock *lock)
{
    struct locks *l = g->locks;
    struct lock_class *was = &l->classes[lock->class], c = class_of_lock(g, p, lock);
    uint64_t key;
    if (!lock->class || was->by != CLASS_BY_ADDRESS)
        return;
    uint32_t known = class_find(l, &c, &key);
    if (!known) {   /* its class, with all that it counted, gets the better name */
        was->by = c.by;
        was->where = c.where;
        was->image = c.image;
        dict_set(&l->class_of, key, lock->class);
        return;
    }
    was->locks--;
    l->classes[known].locks++;
    lock->class = known;
    lock->last_site = 0;
}

static uint32_t site_make(struct locks *l, const struct lock *lock, uint32_t stack)
{
    l->sites = xgrow(l->sites, &l->sites_capacity, l->n_sites + 1, sizeof *l->sites);
    l->sites[l->n_sites] = (struct lock_site){ .class = lock->class, .stack = stack, .first_lock = lock->id };
    return (uint32_t)l->n_sites++;
}

uint32_t lock_site_find(struct locks *l, struct lock *lock, uint32_t stack)
{
    uint64_t key = (uint64_t)lock->class << 32 | stack;
    uint32_t at = dict_get(&l->site_of, key), *rest = &l->classes[lock->class].rest;
    if (!at && l->site_of.used < LOCK_SITES_MAX) {
        at = site_make(l, lock, stack);
        dict_set(&l->site_of, key, at);
    } else if (!at) {
        at = *rest = *rest ? *rest : site_make(l, lock, 0);
    }
    lock->last_stack = stack;
    lock->last_site = at;
    return at;
}
