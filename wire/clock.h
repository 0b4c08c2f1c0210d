/*
 * wire/clock.h - the stamp of an event.
 *
 * One plain read of the processor's counter: not serialised, so that it
 * overlaps with the program's own work; the collector repairs the rare
 * inversion (under 0.1 us) by liveness. Where the kernel does not trust the
 * counter, or the processor has none that user code may read, stamps are
 * CLOCK_MONOTONIC nanoseconds. The collector decides, the header says which.
 */
#ifndef WIRE_CLOCK_H
#define WIRE_CLOCK_H

#include <stdint.h>
#include <time.h>

enum wire_clock { WIRE_CLOCK_MONOTONIC = 0, WIRE_CLOCK_COUNTER = 1, WIRE_CLOCK_COUNTER_STRICT = 2 };

static inline uint64_t wire_clock_monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#if defined(__x86_64__)
static inline uint64_t wire_clock_counter(void) { return __builtin_ia32_rdtsc(); }
static inline uint64_t wire_clock_counter_strict(void)
{
    unsigned cpu;
    return __builtin_ia32_rdtscp(&cpu);
}
#elif defined(__aarch64__)
static inline uint64_t wire_clock_counter(void)
{
    uint64_t v;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
    return v;
}
static inline uint64_t wire_clock_counter_strict(void)
{
    __asm__ volatile("isb" ::: "memory");
    return wire_clock_counter();
}
#else
#error "ownscope runs on x86-64 and aarch64"
#endif

/* The stamp of now by the session's clock. */
static inline uint64_t wire_clock_stamp(uint32_t clock)
{
    if (__builtin_expect(clock == WIRE_CLOCK_COUNTER, 1))
        return wire_clock_counter();
    return clock == WIRE_CLOCK_COUNTER_STRICT ? wire_clock_counter_strict() : wire_clock_monotonic_ns();
}

#endif
