/*
 * collector/export/finding_text.c - see finding_text.h. One function a rule.
 */
#include "export/finding_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "heap/heap_reach.h"

struct sentence {
    const struct view *v;
    const struct view_finding *f;
    struct lock_names *names;
    char block[64], thread[24];
};

const char *finding_family_text(unsigned family)
{
    static const char *const names[][2] = {
        { "new", "operator new" }, { "new[]", "operator new[]" }, { "new-aligned", "aligned operator new" },
        { "new[]-aligned", "aligned operator new[]" }, { "delete", "operator delete" }, { "delete[]", "operator delete[]" },
        { "delete-aligned", "aligned operator delete" }, { "delete[]-aligned", "aligned operator delete[]" } };
    const char *name = family_name(family);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i][0]))
            return names[i][1];
    return name;
}

/* "a 16-byte block", "an 8-byte block" */
static void block_text(char *to, size_t bytes, uint64_t size)
{
    char digits[24];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)size);
    bool eleven = n % 3 == 2 && (!strncmp(digits, "11", 2) || !strncmp(digits, "18", 2));
    snprintf(to, bytes, "a%s %s-byte block", *digits == '8' || eleven ? "n" : "", digits);
}

static const char *bytes_word(uint64_t n) { return n == 1 ? "byte" : "bytes"; }

/* The first evidence of a role; NULL: none. */
static const struct view_evidence *evidence_of(const struct sentence *s, enum evidence role, uint32_t skip)
{
    for (uint32_t i = 0; i < s->f->n && (size_t)s->f->first + i < s->v->n_evidence; i++) {
        const struct view_evidence *e = &s->v->evidence[s->f->first + i];
        if (e->role == role && !skip--)
            return e;
    }
    return NULL;
}

/* "t2"; "another thread" where nobody is known. */
static const char *thread_text(char *to, size_t bytes, const struct view_evidence *e)
{
    if (e && e->thread)
        snprintf(to, bytes, "t%u", e->thread);
    else
        snprintf(to, bytes, "an unknown thread");
    return to;
}

/* " that t1 had dropped" */
static char *dropped_text(const struct sentence *s)
{
    const struct view_evidence *e = evidence_of(s, EVIDENCE_DROPPED, 0);
    if (!e)
        return xstrdup("that had been dropped");
    char thread[24];
    return xasprintf("that %s had dropped", thread_text(thread, sizeof thread, e));
}

/* As memcheck says it. */
static char *leak(const struct sentence *s)
{
    static const char *const ends[LEAK_CLASSES] = { "still reachable", "possibly lost", "indirectly lost", "definitely lost" };
    const struct view_finding *f = s->f;
    unsigned class = f->leak.class < LEAK_CLASSES ? f->leak.class : LEAK_DEFINITE;
    uint64_t bytes = f->leak.bytes, below = f->leak.indirect_bytes, all = bytes + below;
    char *text = xasprintf("%llu %s in %llu %s %s %s", (unsigned long long)all, bytes_word(all), (unsigned long long)f->count,
                           f->count == 1 ? "block" : "blocks", all == 1 ? "is" : "are", ends[class]);
    if (!f->leak.indirect_blocks)
        return text;
    char *more = xasprintf("%s: %llu directly, %llu indirectly in %llu %s that %s hold%s", text, (unsigned long long)bytes,
                           (unsigned long long)below, (unsigned long long)f->leak.indirect_blocks,
                           f->leak.indirect_blocks == 1 ? "block" : "blocks", f->count == 1 ? "it" : "they", f->count == 1 ? "s" : "");
    free(text);
    return more;
}

static char *double_drop(const struct sentence *s)
{
    const struct view_evidence *e = evidence_of(s, EVIDENCE_DROPPED, 0);
    char thread[24];
    return xasprintf("%s dropped %s again: %s had dropped it", finding_family_text(s->f->family), s->block, thread_text(thread, sizeof thread, e));
}

static char *invalid_drop(const struct sentence *s)
{
    const struct view_finding *f = s->f;
    if (!f->block)
        return xasprintf("%s of 0x%llx, where no block starts", finding_family_text(f->family), (unsigned long long)f->address);
    return xasprintf("%s of an address %lld %s inside %s, not of its start", finding_family_text(f->family),
                     (long long)f->offset, bytes_word((uint64_t)f->offset), s->block);
}

static char *mismatched_drop(const struct sentence *s)
{
    const struct view_finding *f = s->f;
    if (family_matches(f->made_family, f->family) && f->length)
        return xasprintf("%s was told %llu %s for %s", finding_family_text(f->family),
                         (unsigned long long)f->length, bytes_word(f->length), s->block);
    return xasprintf("%s dropped %s that %s made", finding_family_text(f->family), s->block, finding_family_text(f->made_family));
}

static char *use_after_drop(const struct sentence *s)
{
    const struct view_finding *f = s->f;
    char *dropped = dropped_text(s), *text;
    if (f->use == USE_COPY)
        text = xasprintf("%s %s %llu %s at offset %lld of %s %s", copy_name(f->family), f->writes ? "wrote" : "read",
                         (unsigned long long)f->length, bytes_word(f->length), (long long)f->offset, s->block, dropped);
    else if (f->use == USE_LOCK)
        text = xasprintf("%s used the %s at offset %lld of %s %s", s->thread, lock_name(f->family), (long long)f->offset, s->block, dropped);
    else if (f->use == USE_THREAD)
        text = xasprintf("%s gave a new thread a pointer into %s %s", s->thread, s->block, dropped);
    else
        text = xasprintf("%s of %s %s", finding_family_text(f->family), s->block, dropped);
    free(dropped);
    return text;
}

static char *out_of_bounds(const struct sentence *s)
{
    const struct view_finding *f = s->f;
    const char *verb = f->writes ? "wrote" : "read";
    unsigned long long length = f->length;
    __int128 end = (__int128)f->offset + f->length, past = end - (__int128)f->block_size;
    char where[64], after[48] = "";
    if (f->offset < 0)
        snprintf(where, sizeof where, "%llu %s before the start", -(unsigned long long)f->offset, bytes_word(-(uint64_t)f->offset));
    else
        snprintf(where, sizeof where, "offset %lld", (long long)f->offset);
    if (past > 0)
        snprintf(after, sizeof after, ": %llu past its end", (unsigned long long)past);
    return xasprintf("%s %s %llu %s from %s of %s%s", copy_name(f->family), verb, length, bytes_word(f->length), where, s->block, after);
}

static char *overlap(const struct sentence *s)
{
    const struct view_finding *f = s->f;
    return xasprintf("%s copied %llu %s between ranges that overlap%s%s", copy_name(f->family),
                     (unsigned long long)f->length, bytes_word(f->length), f->block ? ", in " : "", f->block ? s->block : "");
}

static const char nothing_orders[] = "nothing seen orders the two (atomics, pipes and futexes are not seen)";

static char *unordered_borrow(const struct sentence *s)
{
    const struct view_finding *f = s->f;
    const struct view_evidence *other = evidence_of(s, EVIDENCE_OTHER, 0);
    const char *after = "had used";
    if (!other && (other = evidence_of(s, EVIDENCE_DROPPED, 0)))
        after = "had dropped";
    char thread[24];
    thread_text(thread, sizeof thread, other);
    if (f->use == USE_COPY)
        return xasprintf("%s in %s %s %llu %s at offset %lld of %s that %s %s, and %s", copy_name(f->family), s->thread,
                         f->writes ? "wrote" : "read", (unsigned long long)f->length, bytes_word(f->length), (long long)f->offset, s->block,
                         thread, after, nothing_orders);
    return xasprintf("%s in %s of %s that %s %s, and %s", finding_family_text(f->family), s->thread, s->block, thread, after, nothing_orders);
}

/* What has the lock: "t2", "t1 itself". */
static const char *holder_text(const struct sentence *s, char *to, size_t bytes, const char *self)
{
    const struct view_evidence *held = evidence_of(s, EVIDENCE_HELD, 0);
    if (held && held->thread == s->f->thread)
        return self;
    return thread_text(to, bytes, held);
}

static char *lock_sentence(const struct sentence *s, const char *lock)
{
    char thread[24];
    const char *holder;
    switch (s->f->rule) {
    case RULE_DROPPED_WHILE_LOCKED:
        holder = holder_text(s, thread, sizeof thread, "it");
        return xasprintf("%s dropped %s while %s held %s in it", s->thread, s->block, holder, lock);
    case RULE_DESTROYED_WHILE_HELD:
        holder = holder_text(s, thread, sizeof thread, "it");
        return xasprintf("%s destroyed %s while %s held it", s->thread, lock, holder);
    case RULE_EXITED_HOLDING:
        return xasprintf("%s ended while it held %s", s->thread, lock);
    case RULE_RELEASED_BY_STRANGER:
        if (!evidence_of(s, EVIDENCE_HELD, 0))
            return xasprintf("%s released %s, which nobody held", s->thread, lock);
        return xasprintf("%s released %s, which %s held", s->thread, lock, holder_text(s, thread, sizeof thread, "it"));
    default:
        return xasprintf("%s locked %s, which it held already", s->thread, lock);
    }
}

static char *add(char *text, char *more)
{
    char *whole = xasprintf("%s%s", text ? text : "", more);
    free(text);
    free(more);
    return whole;
}

enum { CYCLE_NAMED = 4 };

/* How many of a circle follow; a finding may not have the stacks of all. */
static char *cycle_rest(const struct view_finding *f, uint32_t n)
{
    return xasprintf(f->n >= FINDING_EVIDENCE_MAX ? ", and at least %u more" : ", and %u more", n - CYCLE_NAMED);
}

static char *lock_order(const struct sentence *s)
{
    char *text = NULL;
    uint32_t n = 0;
    for (const struct view_evidence *held; (held = evidence_of(s, EVIDENCE_HELD, n)); n++) {
        const struct view_evidence *taken = evidence_of(s, EVIDENCE_TAKEN, n);
        if (n >= CYCLE_NAMED || !taken)
            continue;
        char thread[24], *first = lock_names_text(s->names, held->lock), *then = lock_names_text(s->names, taken->lock);
        text = add(text, xasprintf("%s%s took %s while it held %s", n ? ", " : "", thread_text(thread, sizeof thread, taken), then, first));
        free(first), free(then);
    }
    if (n > CYCLE_NAMED)
        text = add(text, cycle_rest(s->f, n));
    return text ? text : xstrdup("locks are taken in an order that closes a circle");
}

static char *deadlock(const struct sentence *s)
{
    char *text = NULL;
    uint32_t n = 0;
    for (const struct view_evidence *waited; (waited = evidence_of(s, EVIDENCE_WAITED, n)); n++) {
        const struct view_evidence *held = evidence_of(s, EVIDENCE_HELD, n);
        if (n >= CYCLE_NAMED)
            continue;
        char thread[24], *lock = lock_names_text(s->names, waited->lock), *has = held ? lock_names_text(s->names, held->lock) : NULL;
        text = add(text, xasprintf("%s%s %s%s%s %s", n ? ", " : "", thread_text(thread, sizeof thread, waited),
                                   has ? "holds " : "", has ? has : "", has ? " and waits for" : "waits for", lock));
        free(lock), free(has);
    }
    if (n > CYCLE_NAMED)
        text = add(text, cycle_rest(s->f, n));
    return text ? text : xstrdup("threads wait for each other");
}

char *finding_text(const struct view *v, const struct view_finding *f, struct lock_names *names)
{
    struct sentence s = { .v = v, .f = f, .names = names };
    block_text(s.block, sizeof s.block, f->block_size);
    snprintf(s.thread, sizeof s.thread, f->thread ? "t%u" : "an unknown thread", f->thread);
    switch (f->rule) {
    case RULE_LEAK: return leak(&s);
    case RULE_DOUBLE_DROP: return double_drop(&s);
    case RULE_INVALID_DROP: return invalid_drop(&s);
    case RULE_MISMATCHED_DROP: return mismatched_drop(&s);
    case RULE_USE_AFTER_DROP: return use_after_drop(&s);
    case RULE_OUT_OF_BOUNDS: return out_of_bounds(&s);
    case RULE_OVERLAP: return overlap(&s);
    case RULE_UNORDERED_BORROW: return unordered_borrow(&s);
    case RULE_LOCK_ORDER: return lock_order(&s);
    case RULE_DEADLOCK: return deadlock(&s);
    default: break;
    }
    char *lock = f->lock ? lock_names_text(names, f->lock) : xstrdup(f->family ? lock_name(f->family) : "a lock");
    char *text = lock_sentence(&s, lock);
    free(lock);
    return text;
}
