/*
 * collector/session/cost.h - what hooks say of their own cost (struct wire_home),
 * and how full rings were. Ingest thread. What traced threads wrote is input: it may make an estimate wrong,
 * no more.
 */
#ifndef OWNSCOPE_SESSION_COST_H
#define OWNSCOPE_SESSION_COST_H

#include "session/session.h"

/* Sums over all slots that ever were; ns by the session's clock. */
struct session_cost {
    bool filtered;          /* the gate says so now */
    uint64_t passed;        /* calls that were looked at and recorded nothing */
    uint64_t tries;         /* records made, or asked for and refused, while filtered */
    uint64_t timed;         /* of them one in so many, timed */
    uint64_t timed_ns;
};
void session_cost(const struct session *s, struct session_cost *c);
/* The fullest ring since the last call, 0 to 1. */
double session_ring_fill(struct session *s);

#endif
