/* A thread with a home, a segment with a policy in it, and what rules call of the
 * shim: for tests of preload/rules*.c. One file includes it. */
#ifndef RULES_SCRATCH_H
#define RULES_SCRATCH_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "preload/module.h"
#include "preload/record.h"
#include "preload/rules.h"
#include "preload/wait.h"

struct process process;
struct real real;
__thread struct context context;
atomic_u64 module_pages[MODULE_PAGES], module_generation;

enum { SCRATCH_SLOT = 0x10000, SCRATCH_POLICY = 0x40000, SCRATCH_BYTES = 1 << 20, SCRATCH_PROCESS = 3, SCRATCH_FILTERED = WIRE_GATE_ALL | WIRE_GATE_FILTERED };

static struct { unsigned which; uint64_t rate; } scratch_told[64];
static unsigned scratch_tells, scratch_announced, scratch_texts;
static bool scratch_no_room, scratch_in_a_file;
static uint32_t scratch_serial;
static struct wire_policy *policy;      /* what is published next */
static struct context *c;

bool record_rate(struct context *of, unsigned which, uint64_t rate)
{
    if (scratch_no_room)
        return false;
    scratch_told[scratch_tells % 64].which = which;
    scratch_told[scratch_tells++ % 64].rate = rate;
    return true;
}

bool record_text(struct context *of, unsigned type, uint64_t address, const uint64_t *extra, unsigned extras, const char *text, size_t bytes)
{
    scratch_texts++;
    return true;
}

void wait_wake_collector(void) { }

/* So many looks while somebody waits; at the last one the gate becomes what is next. */
static unsigned scratch_looks;
static uint32_t scratch_next_gate;
bool wait_allowed(uint64_t began_stamp)
{
    if (!scratch_looks)
        return false;
    if (!--scratch_looks && scratch_next_gate)
        store_relaxed(&wire_pulse_of(&process.segment)->gate, scratch_next_gate);
    return true;
}

void module_announce_slow(struct context *of, uint64_t pc)
{
    scratch_announced++;
    if (scratch_in_a_file)
        store_relaxed(&module_pages[(pc >> 12) % MODULE_PAGES], (pc >> 12) ^ load_relaxed(&module_generation) << 40);
}

static void scratch_begin(void)
{
    struct wire_segment *s = &process.segment;
    static struct process_page page;
    struct wire_slot *slot;
    s->base = aligned_alloc(WIRE_PAGE, SCRATCH_BYTES);
    s->bytes = SCRATCH_BYTES;
    memset(s->base, 0, SCRATCH_BYTES);
    process.serial = SCRATCH_PROCESS;
    process.clock = WIRE_CLOCK_MONOTONIC;
    slot = wire_slot_of(s, 5);
    slot->tid = 77;
    c = &context;
    *c = (struct context){.writer.slot = slot, .stack = (void *)(s->base + SCRATCH_SLOT)};
    process.page = &page;
    process.gate = &wire_pulse_of(s)->gate;
    policy = (struct wire_policy *)(s->base + SCRATCH_POLICY);
    memset(module_pages, 0, sizeof module_pages);
    scratch_tells = scratch_announced = 0;
    scratch_no_room = scratch_in_a_file = false;
    scratch_serial = 0;
}

static void scratch_end(void) { free(process.segment.base); }

/* A policy without rules. */
static void policy_empty(void) { *policy = (struct wire_policy){.bytes = sizeof *policy, .ranges_offset = sizeof *policy, .born_offset = sizeof *policy}; }

/* Rule i of it; all sizes and families where nothing is said. */
static struct wire_rule *policy_rule(unsigned i, uint32_t events, uint32_t flags)
{
    policy->rules[i] = (struct wire_rule){.flags = flags | WIRE_RULE_USED, .events = events, .families = UINT32_MAX, .size_max = UINT64_MAX};
    *(flags & WIRE_RULE_EXCLUDE ? &policy->excludes : &policy->includes) |= 1u << i;
    return &policy->rules[i];
}

static inline void policy_range(uint64_t begin, uint64_t end, uint32_t of, uint32_t rules)
{
    struct wire_range *r = (struct wire_range *)((uint8_t *)policy + policy->ranges_offset) + policy->ranges_count++;
    *r = (struct wire_range){begin, end, of, rules, 0, 0};
    policy->bytes = policy->born_offset = policy->ranges_offset + policy->ranges_count * sizeof *r;
}

/* After the ranges: a filter of these. */
static inline void policy_born(uint64_t words, uint32_t serial, const uint64_t *addresses, size_t n)
{
    uint64_t *filter = (uint64_t *)((uint8_t *)policy + policy->born_offset);
    memset(filter, 0, words * 8);
    for (size_t i = 0; i < n; i++) {
        uint64_t hash = wire_born_hash(addresses[i]);
        filter[wire_born_word(hash, words)] |= wire_born_bits(hash);
    }
    policy->born_words = words;
    policy->born_serial = serial;
    policy->bytes = policy->born_offset + words * 8;
}

/* Publishes it, or (bits without FILTERED) only bits, and adopts that. The gate. */
static uint32_t policy_go(uint32_t bits)
{
    struct wire_pulse *pulse = wire_pulse_of(&process.segment);
    uint32_t gate = bits | ++scratch_serial * WIRE_GATE_SERIAL;
    policy->gate = gate;
    store_relaxed(wire_policy_word(&process.segment, gate), SCRATCH_POLICY);
    store_relaxed(&pulse->gate, gate);
    store_relaxed(&c->writer.slot->acting, gate);
    ck_assert(rules_adopt(c, gate));
    return gate;
}

static bool wants_at(uint64_t pc, unsigned kind, uint64_t address, uint64_t size)
{
    struct hook_frame site = {0, pc};
    uint64_t word = 0;
    return rules_wants(c, &site, kind, address, size, &word);
}

static inline bool wants(unsigned type, unsigned family, uint64_t address, uint64_t size) { return wants_at(0x5000, type | family << 8, address, size); }
static uint64_t hits(unsigned i) { return load_relaxed(&rules_home(c)->hits[i]); }

#endif
