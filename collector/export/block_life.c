/*
 * collector/export/block_life.c - see block_life.h. The table is open
 * addressing with linear probing; forgetting shifts entries back, so it holds
 * no tombstones and its size follows the live blocks.
 */
#include "export/block_life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/interval.h"

struct block_life block_life_of(const struct view_block *b)
{
    return (struct block_life){
        .id = b->id, .address = b->address, .size = b->size, .cloned_from = b->cloned_from, .born_ns = b->born_ns,
        .owned_since_ns = b->owned_since_ns, .borrowed_ns = b->borrowed_ns, .process = b->process, .thread = b->thread,
        .owner = b->owner, .borrower = b->borrower, .stack = b->stack, .family = b->family, .owned_by = b->owned_by,
        .rate = b->rate, .drawn = b->drawn };
}

double block_life_stands_for(const struct block_life *l) { return interval_stands_for(l->drawn, l->rate); }

static void life_new(struct block_life *l, const struct fact *f)
{
    *l = (struct block_life){
        .id = f->block, .address = f->address, .size = f->size, .born_ns = f->ns, .owned_since_ns = f->ns,
        .process = f->process, .thread = f->thread, .owner = f->thread, .stack = f->stack, .family = f->family,
        .owned_by = "new", .cloned_from = f->cloned_from,
        .rate = f->rate, .drawn = f->rate ? f->size : 0 };
}

static void life_move(struct block_life *l, const struct fact *f)
{
    if (f->old_address || (f->by && !strcmp(f->by, "realloc"))) {
        l->address = f->address;
        l->size = f->size;
        l->drawn = l->rate && f->size > l->drawn ? f->size : l->drawn;
        return;
    }
    l->owner = f->to_thread;
    l->owned_since_ns = f->ns;
    l->owned_by = f->by;
}

static void life_drop(struct block_life *l, const struct fact *f)
{
    if (f->by && !strcmp(f->by, "part")) {
        l->size -= f->size < l->size ? f->size : l->size;
        return;
    }
    l->dropped = true;
    l->dropped_ns = f->ns;
    l->dropped_by = f->thread;
    l->drop_stack = f->stack;
    l->drop_family = f->family;
    l->dropped_how = f->by;
}

void block_life_fold(struct block_life *l, const struct fact *f)
{
    if (!l->process) {      /* its New is not among the facts */
        life_new(l, f);
        l->stack = 0;
        l->thread = 0;
    }
    switch (f->type) {
    case FACT_NEW: life_new(l, f); break;
    case FACT_MOVE: life_move(l, f); break;
    case FACT_DROP: life_drop(l, f); break;
    case FACT_BORROW:
        if (f->by && !strcmp(f->by, "copied"))
            break;          /* over when the copy is */
        l->borrower = f->to_thread;
        l->borrowed_ns = f->ns;
        break;
    case FACT_BORROW_END:
        l->borrower = 0;
        break;
    default:
        break;
    }
}

void block_life_members(struct json_writer *w, const struct block_life *l, const struct block_holding *h)
{
    JW_KEY(w, "id");
    jw_id(w, 'b', l->id);
    JW_KEY(w, "kind");
    jw_text(w, "block", 5);
    JW_KEY(w, "process");
    jw_id(w, 'p', l->process);
    JW_KEY(w, "address");
    jw_address(w, l->address);
    JW_KEY(w, "size_bytes");
    jw_u64(w, l->size);
    JW_KEY(w, "family");
    jw_string(w, family_name(l->family));
    JW_KEY(w, "born_ns");
    jw_u64(w, l->born_ns);
    JW_KEY(w, "dropped_ns");
    if (l->dropped)
        jw_u64(w, l->dropped_ns);
    else
        jw_null(w);
    JW_KEY(w, "thread");
    jw_id(w, 't', l->thread);
    JW_KEY(w, "owner");
    jw_id(w, l->owner ? 't' : 'p', l->owner ? l->owner : l->process);
    JW_KEY(w, "owned_by");
    jw_string(w, l->owned_by);
    JW_KEY(w, "borrower");
    jw_id(w, 't', l->borrower);
    if (l->dropped) {
        JW_KEY(w, "dropped_by");
        jw_id(w, 't', l->dropped_by);
        JW_KEY(w, "drop_family");
        jw_string(w, l->drop_family ? family_name(l->drop_family) : NULL);
        JW_KEY(w, "dropped_how");
        jw_string(w, l->dropped_how);
    }
    if (l->cloned_from) {
        JW_KEY(w, "cloned_from");
        jw_id(w, 'b', l->cloned_from);
    }
    if (l->rate) {
        char text[40];
        JW_KEY(w, "sampled");
        jw_object(w);
        JW_KEY(w, "rate_bytes");
        jw_u64(w, l->rate);
        JW_KEY(w, "stands_for");
        jw_raw(w, text, (size_t)snprintf(text, sizeof text, "%.3f", block_life_stands_for(l)));
        jw_end(w);
    }
    JW_KEY(w, "holder");
    jw_string(w, h ? h->holder : NULL);
    JW_KEY(w, "type");
    jw_string(w, h ? h->type : NULL);
    JW_KEY(w, "retained_bytes");
    if (h && h->known)
        jw_u64(w, h->retained_bytes);
    else
        jw_null(w);
    if (!h)
        return;
    JW_KEY(w, "type_by");
    jw_string(w, h->type_by);
    JW_KEY(w, "class");
    jw_string(w, h->class);
    JW_KEY(w, "retained_blocks");
    if (h->known)
        jw_u64(w, h->retained_blocks);
    else
        jw_null(w);
}

/* ---- the table ---- */

struct block_lives {
    struct block_life *slots;
    size_t mask, count;
};

static size_t home(const struct block_lives *t, uint64_t id)
{
    return (id * 0x9e3779b97f4a7c15u >> 20) & t->mask;
}

struct block_lives *block_lives_new(void)
{
    struct block_lives *t = xcalloc(1, sizeof *t);
    t->mask = 1023;
    t->slots = xcalloc(t->mask + 1, sizeof *t->slots);
    return t;
}

void block_lives_free(struct block_lives *t)
{
    if (t)
        free(t->slots);
    free(t);
}

static struct block_life *slot_of(struct block_lives *t, uint64_t id)
{
    size_t i = home(t, id);
    while (t->slots[i].id && t->slots[i].id != id)
        i = (i + 1) & t->mask;
    return &t->slots[i];
}

static void grow(struct block_lives *t)
{
    struct block_life *old = t->slots;
    size_t n = t->mask + 1;
    t->mask = n * 2 - 1;
    t->slots = xcalloc(n * 2, sizeof *t->slots);
    for (size_t i = 0; i < n; i++)
        if (old[i].id)
            *slot_of(t, old[i].id) = old[i];
    free(old);
}

struct block_life *block_lives_at(struct block_lives *t, uint64_t id)
{
    struct block_life *l = slot_of(t, id);
    if (l->id)
        return l;
    if (t->count >= t->mask / 2) {
        grow(t);
        l = slot_of(t, id);
    }
    t->count++;
    *l = (struct block_life){ .id = id, .owned_by = "new" };
    return l;
}

void block_lives_forget(struct block_lives *t, uint64_t id)
{
    size_t hole = (size_t)(slot_of(t, id) - t->slots);
    if (!t->slots[hole].id)
        return;
    t->count--;
    for (size_t i = (hole + 1) & t->mask; t->slots[i].id; i = (i + 1) & t->mask) {
        if (((i - home(t, t->slots[i].id)) & t->mask) < ((i - hole) & t->mask))
            continue;
        t->slots[hole] = t->slots[i];
        hole = i;
    }
    t->slots[hole].id = 0;
}
