/*
 * tests/unit/doc_scratch_locks.h - locks, copies and a deadlock for the
 * hand-made view of doc_scratch.h.
 */
#ifndef DOC_SCRATCH_LOCKS_H
#define DOC_SCRATCH_LOCKS_H

#include "doc_scratch.h"

/* l4: in a block, held by t1, t2 waits; l2: on a stack, t1 and t3 read; l9: static, held by t2, t1 waits; l5 is gone. */
static struct view_lock scratch_locks[] = {
    { .id = 4, .process = 1, .class = 1, .family = WIRE_LOCK_MUTEX, .type = WIRE_LOCK_TYPE_RECURSIVE | WIRE_LOCK_TYPE_ROBUST,
      .where = { VIEW_WHERE_BLOCK, 0x1010, 7, 3, 0, 16 }, .init_stack = 2, .born_ns = 5, .acquisitions = 10, .contended = 2,
      .wait = { 2, 500, 400, 100, 400 }, .hold = { 10, 1000, 300, 90, 300 } },
    { .id = 2, .process = 2, .class = 2, .family = WIRE_LOCK_RWLOCK, .where = { .kind = VIEW_WHERE_ADDRESS, .address = 0x7ffe10 },
      .born_ns = 6, .acquisitions = 90, .shared_acquisitions = 80 },
    { .id = 9, .process = 1, .class = 3, .family = WIRE_LOCK_SPIN, .where = { VIEW_WHERE_MODULE, 0x5000, 0, 0, 1, 0x4010 },
      .born_ns = 7, .acquisitions = 3, .contended = 1, .wait = { 1, 9000, 9000, 9000, 9000 } },
    { .id = 5, .process = 1, .class = 1, .family = WIRE_LOCK_MUTEX, .where = { VIEW_WHERE_BLOCK, 0x9010, 8, 3, 0, 16 }, .born_ns = 8, .ended_ns = 9,
      .acquisitions = 1 } };
static struct view_lock_class scratch_classes[] = {
    { .family = WIRE_LOCK_MUTEX, .init_stack = 2, .where = { VIEW_WHERE_BLOCK, 0x1010, 7, 3, 0, 16 }, .locks = 2, .acquisitions = 11, .contended = 2,
      .wait = { 2, 500, 400, 100, 400 } },
    { .family = WIRE_LOCK_RWLOCK, .where = { .kind = VIEW_WHERE_ADDRESS, .address = 0x7ffe10 }, .locks = 1, .acquisitions = 90, .shared_acquisitions = 80 },
    { .family = WIRE_LOCK_SPIN, .where = { VIEW_WHERE_MODULE, 0x5000, 0, 0, 1, 0x4010 }, .locks = 1, .acquisitions = 3, .contended = 1,
      .wait = { 1, 9000, 9000, 9000, 9000 } } };
static struct view_lock_site scratch_lock_sites[] = {
    { .class = 3, .stack = 1, .first_lock = 9, .acquisitions = 3, .contended = 1 }, { .class = 1, .stack = 1, .first_lock = 4, .acquisitions = 1 },
    { .class = 1, .stack = 2, .first_lock = 4, .acquisitions = 10, .contended = 2 }, { .class = 2, .stack = 5, .first_lock = 2, .acquisitions = 90 } };
static struct view_hold scratch_holds[] = {
    { 2, 1, 2, 600, true }, { 4, 1, 2, 700, false }, { 9, 2, 1, 710, false }, { 2, 3, 5, 610, true } };
static struct view_wait scratch_waits[] = { { 4, 2, 1, 800, false }, { 9, 1, 2, 810, true } };
static struct view_guard scratch_guards[] = { { 4, 3, 5, 2 }, { 4, 5, 9, 1 } };
static struct view_order_edge scratch_order[] = {
    { 4, 9, 1, 3, 1, 2, 1, 7, 100 }, { 9, 4, 3, 1, 2, 1, 2, 1, 200 } };
static struct view_cycle scratch_cycles[] = { { 0, 2, true } };
static struct view_order_edge scratch_deadlock[] = {
    { 4, 9, 1, 3, 1, 2, 2, 1, 810 }, { 9, 4, 3, 1, 2, 1, 1, 1, 800 } };
static struct view_cycle scratch_deadlocks[] = { { 0, 2, false } };
static struct view_copy_site scratch_copy_sites[] = { { 2, 5, 500 }, { 1, 2, 9000 } };
static struct view_flow scratch_flows[] = { { 3, 5, 4, 400 }, { 0, 3, 2, 9000 } };
static struct view_block_flow scratch_block_flows[] = { { 7, 8, 4, 400, 10, 90, 1 }, { 7, 99, 1, 100, 20, 20, 2 } };
static struct view_evidence scratch_evidence[] = {
    { EVIDENCE_USED, 2, 2, 10, 0 }, { EVIDENCE_MADE, 3, 1, 5, 0 }, { EVIDENCE_HELD, 2, 1, 700, 4 }, { EVIDENCE_WAITED, 1, 1, 810, 9 },
    { EVIDENCE_HELD, 1, 2, 710, 9 }, { EVIDENCE_WAITED, 1, 2, 800, 4 } };
static struct view_finding scratch_findings[] = {
    { .rule = RULE_OUT_OF_BOUNDS, .use = USE_COPY, .writes = true, .family = WIRE_COPY_MEMCPY, .process = 1, .thread = 2, .ns = 10, .event = 3, .count = 12,
      .block = 7, .address = 0x1008, .block_address = 0x1000, .block_size = 16, .offset = 8, .length = 24, .made_family = WIRE_MALLOC, .first = 0, .n = 2 },
    { .rule = RULE_DEADLOCK, .process = 1, .thread = 1, .ns = 810, .event = 9, .count = 1, .lock = 4, .first = 2, .n = 4 } };

static inline struct view scratch_lock_view(void)
{
    struct view v = scratch_view();
    v.locks = scratch_locks, v.n_locks = 4;
    v.lock_classes = scratch_classes, v.n_lock_classes = 3;
    v.lock_sites = scratch_lock_sites, v.n_lock_sites = 4;
    v.holds = scratch_holds, v.n_holds = 4;
    v.waits = scratch_waits, v.n_waits = 2;
    v.guards = scratch_guards, v.n_guards = 2;
    v.order_edges = scratch_order, v.n_order_edges = 2;
    v.cycles = scratch_cycles, v.n_cycles = 1;
    v.deadlock_edges = scratch_deadlock, v.n_deadlock_edges = 2;
    v.deadlocks = scratch_deadlocks, v.n_deadlocks = 1;
    v.locks_seen = 7, v.locks_left_out = 3;
    v.copies = 7, v.copy_bytes = 9500, v.copy_bytes_to_blocks = 5250;
    v.copy_sites = scratch_copy_sites, v.n_copy_sites = 2;
    v.flows = scratch_flows, v.n_flows = 2;
    v.block_flows = scratch_block_flows, v.n_block_flows = 2;
    v.findings = scratch_findings, v.n_findings = 2;
    v.evidence = scratch_evidence, v.n_evidence = 6;
    v.findings_by_rule[RULE_OUT_OF_BOUNDS] = 12;
    v.findings_by_rule[RULE_DEADLOCK] = 1;
    v.futex_threads = 2, v.futex_stack = 2;
    v.unordered_withheld = 4;
    v.drops_withheld = 1;
    v.by_fact[FACT_ACQUIRE] = 104;
    return v;
}

#endif
