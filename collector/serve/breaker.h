/*
 * collector/serve/breaker.h - the state of a fuse that tries again: closed, open for
 * a cool-down, half-open (on trial) as long as that was, closed. Pure; told the time.
 *
 * A trip on trial doubles the cool-down, up to BREAKER_TIMES_MOST times the one that was asked for; a trial that
 * passes puts it back. Invariant: cooling_ns is what the state that holds lasts, unless closed.
 */
#ifndef OWNSCOPE_BREAKER_H
#define OWNSCOPE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum { BREAKER_TIMES_MOST = 16 };
enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
struct breaker {
    enum breaker_state state;
    uint64_t since_ns;      /* of the state */
    uint64_t cooling_ns;    /* of the last trip; 0: none since it closed */
};

/* Opens it; returns how long it cools down. */
uint64_t breaker_trip(struct breaker *b, uint64_t cooldown_ns, uint64_t now_ns);
/* True: the state is another one from now on. */
bool breaker_tick(struct breaker *b, uint64_t now_ns);
void breaker_close(struct breaker *b, uint64_t now_ns);
const char *breaker_name(enum breaker_state s);

#endif
