/*
 * bench/work.c - `work CPU_SECONDS [PASSES]`: a program that allocates a lot and works
 * on what it allocates: blocks of 16 to 1,024 bytes, half of them the smallest, are
 * made, filled and read PASSES times (16), and released a thousand blocks later. Runs until it
 * has used so much CPU, then prints how many blocks it made, and its CPU seconds. bench/limits.py compares these.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { KEPT = 1000, LOOK_EVERY = 4096 };

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Fills and reads it. */
static uint64_t use(uint64_t *block, size_t words, unsigned passes, uint64_t sum)
{
    for (unsigned p = 0; p < passes; p++)
        for (size_t i = 0; i < words; i++)
            sum = (sum ^ (block[i] = sum + i)) * 0x9e3779b97f4a7c15ull;
    return sum;
}

int main(int argc, char **argv)
{
    static void *kept[KEPT];
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    unsigned passes = argc > 2 ? (unsigned)atoi(argv[2]) : 16;
    uint64_t state = 88172645463325252ull, sum = 1, made = 0;
    while (made % LOOK_EVERY || cpu() < seconds) {
        uint64_t r = random_next(&state);
        size_t bytes = (size_t)16 << __builtin_ctzll(r | 64);
        void **place = &kept[made++ % KEPT];
        free(*place);
        *place = malloc(bytes);
        if (!*place)
            return 1;
        sum = use(*place, bytes / 8, passes, sum);
    }
    printf("%llu %.6f %u\n", (unsigned long long)made, cpu(), (unsigned)(sum & 1));
    return 0;
}
