/* realloc that moves: the pointer to the old place holds nothing, the new one
 * does; what is inside moves with it. It stays the block that it was, made where
 * it was made; so does one that grows in place. */
#include "leak.h"

static void *old, *held, *grown;

NOINLINE static void *make_lost(void) { return calloc(1, 40); }
NOINLINE static void *make_held(void) { return calloc(1, 48); }
NOINLINE static void *make_grown(void) { return malloc(100); }
NOINLINE static void *make_inside(void) { return malloc(56); }
NOINLINE static void *make_wall(void) { return malloc(64); }
NOINLINE static void *move_lost(void *p) { return realloc(p, 300000); }
NOINLINE static void *move_held(void *p) { return realloc(p, 310000); }
NOINLINE static void *grow(void *p) { return realloc(p, 103); }
static void *wall;

static void act(void)
{
    void **p;
    old = make_lost();
    p = make_held();
    wall = make_wall();
    *p = make_inside();
    CHECK(move_lost(old) != old);
    held = move_held(p);
    CHECK(held != p);
    grown = make_grown();
    grown = grow(grown);
}

int main(void)
{
    act();
    puts("expect leak definite new=make_lost blocks=1 bytes=300000");
    puts("expect leak reachable new=make_held blocks=1 bytes=310000");
    puts("expect leak reachable new=make_inside blocks=1 bytes=56");
    puts("expect leak reachable new=make_grown blocks=1 bytes=103");
    scrub();
    return 0;
}
