/*
 * preload/sample.c - see sample.h.
 */
#include "preload/sample.h"

double sample_minus_ln(double x)
{
    const double ln2 = 0.693147180559945309417;
    union { double d; uint64_t bits; } v = {.d = x};
    int exponent = (int)(v.bits >> 52 & 2047) - 1023;
    double z, square, power, sum = 0;

    v.bits = (v.bits & ~(2047ull << 52)) | 1023ull << 52; /* 1 to 2 */
    if (v.d > 1.41421356237309504880) {
        v.d /= 2;
        exponent++;
    }
    z = (v.d - 1) / (v.d + 1); /* ln = 2 atanh z, z within 0.1716 */
    square = z * z;
    power = z;
    for (int n = 1; n <= 19; n += 2, power *= square)
        sum += power / n;
    return -(2 * sum + exponent * ln2);
}

static uint64_t rounded_up(double x)
{
    const double most = 4611686018427387904.0; /* 2^62 */
    uint64_t whole = x < most ? (uint64_t)x : (uint64_t)most;
    return whole + ((double)whole < x && x < most);
}

/* Between 0 and 1. */
static double even(uint64_t *state) { return ((double)(sample_random(state) >> 11) + 0.5) * 0x1p-53; }

/* A count of bytes is the exponential's, rounded up: P(count > s) = exp(-s / mean) for
 * every whole s, which is all that is ever asked. */
uint64_t sample_next(uint64_t *state, uint64_t mean)
{
    return rounded_up(sample_minus_ln(even(state)) * (double)mean);
}

/* P(count > k) = (1 - 1 / every)^k. */
uint64_t sample_next_event(uint64_t *state, uint32_t every)
{
    uint64_t count = rounded_up(sample_minus_ln(even(state)) / sample_minus_ln(1 - 1.0 / every));
    return count + !count;
}
