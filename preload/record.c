/*
 * preload/record.c - see record.h.
 *
 * Order of an event: the stack first, then the room (which may wait), then the
 * stamp, so that as little as possible lies between stamp and commit: the
 * collector's watermark rests on an event being committed before any event
 * that follows from it is stamped.
 */
#include "preload/record.h"

#include <string.h>

#include "preload/module.h"
#include "preload/policy.h"
#include "preload/rules.h"
#include "preload/system.h"
#include "preload/verify.h"
#include "preload/wait.h"

static inline void *room_for(struct context *c, uint64_t bytes, bool drop, unsigned type)
{
    void *r = ring_writer_reserve(&c->writer, bytes);
    return likely(r != NULL) ? r : wait_for_room(c, bytes, drop, policy_gate_bit(type));
}

/* A ring that nobody drains: do not even walk the stack. */
static inline bool no_room_at_all(struct context *c, bool drop, unsigned type)
{
    return unlikely(c->starved) && !wait_for_room(c, 1024, drop, policy_gate_bit(type));
}

/* A record is begun, and the gate is looked at after that is seen: no fence, for the collector has all processors
 * pass a barrier between shutting the gate and looking here. False: it is not to be made. */
static inline __attribute__((always_inline)) bool acting_begin(struct context *c, const struct hook_frame *site,
                                                               unsigned kind, uint64_t address, uint64_t size, uint64_t *word)
{
    uint64_t asked; /* a variable of this path alone, so that the other keeps the word in a register */
    bool wanted;
    store_relaxed(&c->writer.slot->acting, c->gate);
    fence_signal();
    if (likely(gate_now() == c->gate))
        return true;
    asked = *word;
    wanted = policy_adopt(c, site, kind, address, size, &asked);
    *word = asked;
    return wanted;
}

static inline __attribute__((always_inline)) void acting_end(struct context *c)
{
    store_release(&c->writer.slot->acting, WIRE_ACTING_NOT); /* behind the commit */
}

static inline bool is_acting(const struct context *c)
{
    return load_relaxed(&c->writer.slot->acting) != WIRE_ACTING_NOT;
}

static void announce(struct context *c, const struct unwind_change *change)
{
    for (uint32_t i = 0; i < change->push; i++)
        module_announce(c, change->pushed[i]);
}

/* Writes the record. The stack has changed as told. False: no room. */
static bool put_changed(struct context *c, const struct unwind_change *change, unsigned type, unsigned family,
                        uint64_t address, uint64_t size, const uint64_t *extra, unsigned extras, bool drop)
{
    bool big = size >= WIRE_SIZE_IN_EXTRA, escape = change->pop >= WIRE_STACK_ESCAPE || change->push >= WIRE_STACK_ESCAPE;
    unsigned words = extras + big + escape, i;
    uint64_t bytes = sizeof(struct wire_record) + 8u * (words + change->push), *word;
    struct wire_record *r = room_for(c, bytes, drop, type);

    if (unlikely(!r)) {
        unwind_forget(c->stack);
        return false;
    }
    word = (uint64_t *)(r + 1);
    r->stamp = wire_clock_stamp(process.clock);
    r->address = address;
    r->size = big ? WIRE_SIZE_IN_EXTRA : (uint32_t)size;
    r->type = (uint8_t)type;
    r->family_extra = wire_pack_family(family, words);
    r->pop = escape ? WIRE_STACK_ESCAPE : (uint8_t)change->pop;
    r->push = escape ? 0 : (uint8_t)change->push;
    if (escape)
        *word++ = (uint64_t)change->pop << 32 | change->push;
    for (i = 0; i < extras; i++)
        *word++ = extra[i];
    if (big)
        *word++ = size;
    for (i = 0; i < change->push; i++)
        *word++ = change->pushed[i];
    ring_writer_commit(&c->writer, bytes);
    return true;
}

/* Any event, with a stack where `frame` is given. False: not recorded. */
static bool put(struct context *c, const struct hook_frame *frame, unsigned type, unsigned family, uint64_t address,
                uint64_t size, const uint64_t *extra, unsigned extras, bool drop)
{
    struct unwind_change change = {0, 0, NULL};
    uint64_t pushed[UNWIND_QUICK_PUSH_MAX];
    uintptr_t guard = c->guard;
    uint64_t word = extras ? extra[0] : 0;
    bool done = false, amid;

    hook_guard(c, guard & ~(uintptr_t)CONTEXT_STATES, CONTEXT_RECORD);
    amid = is_acting(c);
    if (!amid && !acting_begin(c, frame, type | family << 8, address, size, &word))
        goto out;
    if (!no_room_at_all(c, drop, type)) {
        if (frame && process.stacks != WIRE_STACKS_NONE) {
            struct unwind_site site = hook_site(frame);
            unwind_take(c->stack, &site, process.stacks == WIRE_STACKS_CALLER, pushed, &change);
            announce(c, &change);
            if (unlikely(process.verify_unwind))
                verify_walk(c, &site, &change);
        }
        done = put_changed(c, &change, type, family, address, size, extra, extras, drop);
    }
    if (!amid)
        acting_end(c);
out:
    fence_signal();
    c->guard = guard;
    return done;
}

/* Lost, they would look like leaks, or like locks that are held: they may use
 * the ring's reserve. */
static inline bool is_release(unsigned kind)
{
    const uint64_t releases = 1ull << WIRE_DROP | 1ull << WIRE_RELEASE | 1ull << WIRE_COND_WAIT | 1ull << WIRE_WAIT_END;
    return releases >> (kind & 63) & 1;
}
_Static_assert(WIRE_TYPES <= 64, "is_release");

void record_slow(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size,
                 uint64_t extra)
{
    put(c, site, kind & 255, kind >> 8, address, size, &extra, extra != 0, is_release(kind));
}

/* The quick walk could not do the stack. */
static __attribute__((noinline)) void put_walked(struct context *c, const struct unwind_site *site, unsigned kind,
                                                 uint64_t address, uint64_t size, uint64_t extra, unsigned extras)
{
    struct unwind_change change;
    if (process.stacks == WIRE_STACKS_CALLER)
        unwind_caller(c->stack, site, &change);
    else
        unwind_full(c->stack, site, &change);
    announce(c, &change);
    put_changed(c, &change, kind & 255, kind >> 8, address, size, &extra, extras, is_release(kind));
}

/* The stack's new frames stand where the record is to be. Are their modules
 * announced? If not, announcing writes records there. */
static __attribute__((noinline)) bool put_fresh(struct context *c, unsigned kind, uint64_t address, uint64_t size,
                                                uint64_t extra, unsigned extras, uint32_t quick)
{
    uint64_t pushed[UNWIND_QUICK_PUSH_MAX];
    struct unwind_change change = {wire_pop_of(quick), wire_push_of(quick), pushed};
    bool told = true;
    uint32_t i;

    memcpy(pushed, (uint64_t *)c->writer.to + WIRE_HEAD_WORDS + extras, 8 * change.push);
    for (i = 0; i < change.push; i++)
        told = told && module_announced(pushed[i]);
    if (told) {
        unwind_told(c->stack);
        return true;
    }
    announce(c, &change);
    put_changed(c, &change, kind & 255, kind >> 8, address, size, &extra, extras, is_release(kind));
    return false;
}

/* The fast path, top to bottom: gate, room, stack, stamp, words, commit. `extras`: 0 or
 * 1, known where this is compiled. */
static inline __attribute__((always_inline)) void put_quick(struct context *c, const struct hook_frame *site, unsigned kind,
                                                            uint64_t address, uint64_t size, uint64_t extra, const unsigned extras)
{
    const uintptr_t guard = c->guard;
    uint32_t change = 0;
    uint64_t *word;

    hook_guard(c, guard & ~(uintptr_t)CONTEXT_STATES, CONTEXT_RECORD);
    if (unlikely(!acting_begin(c, site, kind, address, size, &extra)))
        goto refused;
    word = ring_writer_reserve(&c->writer, RECORD_QUICK_BYTES + 8 * extras); /* after the guard: from here on the ring is nobody else's */
    if (unlikely(!word || process.slow || size >= WIRE_SIZE_IN_EXTRA)) {
        record_slow(c, site, kind, address, size, extra);
        goto out;
    }
    if (process.stacks != WIRE_STACKS_NONE) {
        if (likely(process.stacks == WIRE_STACKS_FULL))
            change = unwind_quick(c->stack, site->pc, (uintptr_t)(site + 1), site->fp, word + WIRE_HEAD_WORDS + extras);
        else
            change = unwind_quick_caller(c->stack, site->pc, word + WIRE_HEAD_WORDS + extras) |
                     (module_announced(site->pc) ? 0 : UNWIND_FRESH);
        if (unlikely(change & UNWIND_NOT_QUICK)) {
            struct unwind_site again = hook_site(site);
            put_walked(c, &again, kind, address, size, extra, extras);
            goto out;
        }
        if (unlikely(change & UNWIND_FRESH) && !put_fresh(c, kind, address, size, extra, extras, change))
            goto out;
    }
    word[0] = wire_clock_stamp(process.clock);
    word[1] = address;
    word[2] = size | (uint64_t)kind << 32 | (uint64_t)wire_pack_family(0, extras) << 40 | (uint64_t)change << 48;
    if (extras)
        word[3] = extra;
    ring_writer_commit(&c->writer, 8 * (WIRE_HEAD_WORDS + extras + wire_push_of(change)));
out:
    acting_end(c);
refused:
    fence_signal();
    c->guard = guard;
}

__attribute__((hot)) void record_put(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address,
                                     uint64_t size)
{
    put_quick(c, site, kind, address, size, 0, 0);
}

void record_put_word(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size,
                     uint64_t word)
{
    put_quick(c, site, kind, address, size, word, 1);
}

void record_put_bare(struct context *c, unsigned kind, uint64_t address, uint64_t size)
{
    const uintptr_t guard = c->guard;
    uint64_t *word, none = 0;
    hook_guard(c, guard & ~(uintptr_t)CONTEXT_STATES, CONTEXT_RECORD);
    if (unlikely(!acting_begin(c, NULL, kind, address, size, &none)))
        goto refused;
    word = ring_writer_reserve(&c->writer, sizeof(struct wire_record));
    if (unlikely(!word || size >= WIRE_SIZE_IN_EXTRA)) {
        put(c, NULL, kind & 255, kind >> 8, address, size, NULL, 0, is_release(kind));
    } else {
        word[0] = wire_clock_stamp(process.clock);
        word[1] = address;
        word[2] = size | (uint64_t)kind << 32;
        ring_writer_commit(&c->writer, sizeof(struct wire_record));
    }
    acting_end(c);
refused:
    fence_signal();
    c->guard = guard;
}

void record_realloc_begin(struct context *c, const struct hook_frame *site, unsigned family,
                          const void *p, size_t size, size_t old_length)
{
    struct rules_own *own = rules_own(c);
    own->realloc = RULES_REALLOC_NOT;
    own->had_bytes = old_length;
    if ((put(c, site, WIRE_REALLOC_BEGIN, family, (uintptr_t)p, size, NULL, 0, true) || c->starved) &&
        own->realloc == RULES_REALLOC_NOT)
        own->realloc = RULES_REALLOC_MOVES; /* told, or lost: its end tells all */
}

void record_realloc_end(struct context *c, const struct hook_frame *site, unsigned family,
                        const void *p, size_t size, const void *old, size_t old_length)
{
    uint64_t extra[2] = {(uintptr_t)old, old_length};
    struct rules_own *own = rules_own(c);
    if (unlikely(own->realloc != RULES_REALLOC_MOVES)) {
        if (own->realloc == RULES_REALLOC_GROWS && p)
            put(c, site, WIRE_NEW, family, (uintptr_t)p, size, NULL, 0, false);
        own->realloc = RULES_REALLOC_NOT;
        return;
    }
    own->realloc = RULES_REALLOC_NOT;
    put(c, site, WIRE_REALLOC_END, family, (uintptr_t)p, size, extra, old_length ? 2 : 1, true);
}

void record_copy_padded(struct context *c, const struct hook_frame *site, unsigned kind, const void *to, size_t written,
                        const void *from, size_t read)
{
    uint64_t extra[2] = {(uintptr_t)from, read};
    put(c, site, kind & 255, kind >> 8, (uintptr_t)to, written, extra, 2, false);
}

bool record_rate(struct context *c, unsigned which, uint64_t rate)
{
    return put(c, NULL, WIRE_RATE, which, rate, 0, NULL, 0, true);
}

bool record_life(struct context *c, const struct hook_frame *site, unsigned type,
                 uint64_t address, uint64_t size, const uint64_t *extra, unsigned extras)
{
    return put(c, site, type, 0, address, size, extra, extras, true);
}

bool record_text(struct context *c, unsigned type, uint64_t address, const uint64_t *extra,
                 unsigned extras, const char *text, size_t text_bytes)
{
    uintptr_t guard = c->guard;
    size_t cut = text_bytes < WIRE_TEXT_MAX ? text_bytes : WIRE_TEXT_MAX;
    uint64_t bytes = sizeof(struct wire_record) + 8u * extras + ((cut + 7) & ~(size_t)7);
    struct wire_record *r = NULL;
    uint64_t *word, none = 0;
    unsigned i;
    bool amid;

    hook_guard(c, guard & ~(uintptr_t)CONTEXT_STATES, CONTEXT_RECORD);
    amid = is_acting(c);
    if (!amid && !acting_begin(c, NULL, type, address, cut, &none))
        goto out;
    r = room_for(c, bytes, true, type);
    if (r) {
        *r = (struct wire_record){.stamp = wire_clock_stamp(process.clock), .address = address, .size = (uint32_t)cut,
                                  .type = (uint8_t)type, .family_extra = wire_pack_family(0, extras)};
        word = (uint64_t *)(r + 1);
        for (i = 0; i < extras; i++)
            *word++ = extra[i];
        if (cut % 8)
            word[cut / 8] = 0;
        memcpy(word, text, cut);
        ring_writer_commit(&c->writer, bytes);
    }
    if (!amid)
        acting_end(c);
out:
    fence_signal();
    c->guard = guard;
    return r != NULL;
}

void record_thread_start(struct context *c, void *start)
{
    uint64_t extra[1] = {(uintptr_t)start};
    put(c, NULL, WIRE_THREAD_START, 0, (uintptr_t)pthread_self(), c->writer.slot->tid, extra, 1, true);
}

/* The executable's path, then the arguments as the kernel keeps them. */
void record_process_start(struct context *c)
{
    char text[WIRE_TEXT_MAX];
    size_t n = process.exe_bytes;
    long got = 0, fd;
    uint64_t extra[2] = {(uint64_t)(uint32_t)process.pid << 32 | (uint32_t)system_call(SYS_getppid, 0, 0, 0, 0, 0, 0),
                         (uint64_t)process.parent_serial << 32 |
                             (process.parent_serial ? WIRE_BORN_FORK : WIRE_BORN_EXEC)};
    memcpy(text, process.exe, n);
    text[n++] = 0;
    fd = system_open("/proc/self/cmdline", 0);
    if (fd >= 0) {
        got = system_read((int)fd, text + n, sizeof text - n);
        system_close((int)fd);
    }
    record_text(c, WIRE_PROCESS_START, 0, extra, 2, text, n + (size_t)(got > 0 ? got : 0));
}
