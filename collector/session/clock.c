/*
 * collector/session/clock.c - see clock.h. Ingest thread.
 */
#include "session/clock.h"

#include <stdio.h>
#include <string.h>

enum { CLOCK_ESTIMATE_NS = 200000, CLOCK_REFINE_FIRST_NS = 5000000, CLOCK_REFINE_NS = 1000000000 };

uint32_t clock_choose(int strict_order)
{
    char name[64] = "";
    FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (!f)
        return WIRE_CLOCK_MONOTONIC;
    if (!fgets(name, sizeof name, f))
        name[0] = 0;
    fclose(f);
    if (strcmp(name, "tsc\n") && strcmp(name, "arch_sys_counter\n"))
        return WIRE_CLOCK_MONOTONIC;
    return strict_order ? WIRE_CLOCK_COUNTER_STRICT : WIRE_CLOCK_COUNTER;
}

struct clock_sample clock_sample(uint32_t kind)
{
    struct clock_sample best = {0, 0};
    uint64_t least = UINT64_MAX;
    int i;
    if (kind == WIRE_CLOCK_MONOTONIC) {
        best.stamp = best.mono_ns = wire_clock_monotonic_ns();
        return best;
    }
    for (i = 0; i < 4; i++) {
        uint64_t a = wire_clock_counter_strict();
        uint64_t mono = wire_clock_monotonic_ns();
        uint64_t b = wire_clock_counter_strict();
        if (b - a >= least)
            continue;
        least = b - a;
        best = (struct clock_sample){a + least / 2, mono};
    }
    return best;
}

uint64_t clock_estimate_hz(uint32_t kind, const struct clock_sample *since)
{
    struct clock_sample now;
    if (kind == WIRE_CLOCK_MONOTONIC)
        return 1000000000;
    do
        now = clock_sample(kind);
    while (now.mono_ns - since->mono_ns < CLOCK_ESTIMATE_NS);
    return (uint64_t)((unsigned __int128)(now.stamp - since->stamp) * 1000000000u / (now.mono_ns - since->mono_ns));
}

static uint64_t rate_of(uint64_t ns, uint64_t stamps)
{
    return (uint64_t)(((unsigned __int128)ns << 32) / (stamps ? stamps : 1));
}

void clock_begin(struct clock *c, uint32_t kind, uint64_t hz, uint64_t start_stamp, uint64_t start_mono_ns)
{
    struct clock_sample now = clock_sample(kind);
    uint64_t rate = rate_of(1000000000, hz);
    uint64_t age_ns = now.mono_ns > start_mono_ns ? now.mono_ns - start_mono_ns : 0;

    if (kind == WIRE_CLOCK_MONOTONIC)
        rate = 1ull << 32;
    else if (age_ns > CLOCK_REFINE_FIRST_NS && now.stamp > start_stamp)
        rate = rate_of(age_ns, now.stamp - start_stamp);
    *c = (struct clock){.kind = kind, .start_stamp = start_stamp, .start_mono_ns = start_mono_ns};
    c->now = c->before = (struct clock_line){start_stamp, 0, rate};
    c->refine_mono_ns = now.mono_ns + CLOCK_REFINE_FIRST_NS;
}

void clock_correct(struct clock *c, const struct clock_sample *sample)
{
    uint64_t is_ns, should_ns, ahead_ns, true_rate, rate;
    __int128 slew;

    if (sample->stamp <= c->now.stamp || sample->stamp <= c->start_stamp || sample->mono_ns <= c->start_mono_ns)
        return;
    is_ns = clock_ns(c, sample->stamp);
    should_ns = sample->mono_ns - c->start_mono_ns;
    true_rate = rate_of(should_ns, sample->stamp - c->start_stamp);
    ahead_ns = should_ns < CLOCK_REFINE_FIRST_NS ? CLOCK_REFINE_FIRST_NS
               : should_ns > CLOCK_REFINE_NS     ? CLOCK_REFINE_NS
                                                 : should_ns;
    slew = (__int128)true_rate * ((__int128)should_ns - (__int128)is_ns) / (__int128)ahead_ns;
    if (slew > (__int128)true_rate)
        slew = (__int128)true_rate;
    if (slew < -(__int128)(true_rate / 2))
        slew = -(__int128)(true_rate / 2);
    rate = (uint64_t)((__int128)true_rate + slew);
    c->before = c->now;
    c->now = (struct clock_line){sample->stamp, is_ns, rate};
    c->refine_mono_ns = sample->mono_ns + ahead_ns;
}

void clock_refine(struct clock *c)
{
    struct clock_sample sample;
    if (c->kind == WIRE_CLOCK_MONOTONIC || wire_clock_monotonic_ns() < c->refine_mono_ns)
        return;
    sample = clock_sample(c->kind);
    clock_correct(c, &sample);
}
