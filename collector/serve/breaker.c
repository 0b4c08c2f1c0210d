/*
 * collector/serve/breaker.c - see breaker.h.
 */
#include "serve/breaker.h"

uint64_t breaker_trip(struct breaker *b, uint64_t cooldown_ns, uint64_t now_ns)
{
    uint64_t most_ns = cooldown_ns * BREAKER_TIMES_MOST;
    b->cooling_ns = b->state == BREAKER_HALF_OPEN ? b->cooling_ns * 2 : cooldown_ns;
    if (b->cooling_ns > most_ns)
        b->cooling_ns = most_ns;
    b->state = BREAKER_OPEN;
    b->since_ns = now_ns;
    return b->cooling_ns;
}

bool breaker_tick(struct breaker *b, uint64_t now_ns)
{
    if (b->state == BREAKER_CLOSED || now_ns < b->since_ns || now_ns - b->since_ns < b->cooling_ns)
        return false;
    if (b->state == BREAKER_OPEN) {
        b->state = BREAKER_HALF_OPEN;
        b->since_ns = now_ns;
    } else {
        breaker_close(b, now_ns);
    }
    return true;
}

void breaker_close(struct breaker *b, uint64_t now_ns)
{
    *b = (struct breaker){.state = BREAKER_CLOSED, .since_ns = now_ns};
}

const char *breaker_name(enum breaker_state s)
{
    static const char *const names[] = {[BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_HALF_OPEN] = "half-open"};
    return names[s];
}
