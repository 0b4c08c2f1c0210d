/*
 * steady [PER_S SECONDS]... - makes and drops so many blocks a second for so
 * long, then so many for so long, and so on. A FILE for SECONDS: until there is
 * one of that name, which it then takes away. Says when it is done.
 */
#include "victim.h"

enum { HELD = 64, TURN_NS = 1000000 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void work(double per_s, double seconds, const char *until)
{
    static void *held[HELD];
    int64_t began = now_ns(), passed;
    uint64_t made = 0;
    while ((passed = now_ns() - began) < (int64_t)(seconds * 1e9) || (until && access(until, F_OK))) {
        for (; (double)made < per_s * (double)passed / 1e9; made++) {
            free(held[made % HELD]);
            held[made % HELD] = malloc(48);
        }
        nanosleep(&(struct timespec){ 0, TURN_NS }, NULL);
    }
    if (until)
        unlink(until);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        work(1000, 0.05, NULL);
    for (int i = 1; i + 1 < argc; i += 2)
        work(atof(argv[i]), atof(argv[i + 1]), *argv[i + 1] == '/' ? argv[i + 1] : NULL);
    puts("done");
    return 0;
}
