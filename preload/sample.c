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

/* A count of bytes is the exponential's, rounded up: P(count > s) = exp(-s / mean) for
 * every whole s, which is all that is ever asked. */
uint64_t sample_next(uint64_t *state, uint64_t mean)
{
    const double most = 4611686018427387904.0; /* 2^62 */
    double u = ((double)(sample_random(state) >> 11) + 0.5) * 0x1p-53;
    double bytes = sample_minus_ln(u) * (double)mean;
    uint64_t whole = bytes < most ? (uint64_t)bytes : (uint64_t)most;
    return whole + ((double)whole < bytes && bytes < most);
}
