/* A pointer that is not there as such: xored, cut in two, with a mark in its low bit, in the high ones. */
#include "leak.h"

static uintptr_t xored, halves[2], tagged, high;

NOINLINE static void *make_xored(void) { return malloc(40); }
NOINLINE static void *make_halves(void) { return malloc(48); }
NOINLINE static void *make_tagged(void) { return malloc(56); }
NOINLINE static void *make_high(void) { return malloc(64); }

static void act(void)
{
    uintptr_t p;
    xored = (uintptr_t)make_xored() ^ 0x5555555555555555;
    p = (uintptr_t)make_halves();
    halves[0] = p & 0xfffff;
    halves[1] = p >> 20;
    tagged = (uintptr_t)make_tagged() | 1;
    high = (uintptr_t)make_high() | (uintptr_t)0xab << 56;
}

int main(void)
{
    act();
    puts("expect leak definite new=make_xored blocks=1 bytes=40");
    puts("expect leak definite new=make_halves blocks=1 bytes=48");
    puts("expect leak possible new=make_tagged blocks=1 bytes=56");
    puts("expect leak definite new=make_high blocks=1 bytes=64");
    scrub();
    return 0;
}
