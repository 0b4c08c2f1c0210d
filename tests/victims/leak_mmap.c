/* Blocks that only mapped memory holds: a mapping that a global holds, one that
 * nobody does, ones that only a held and a lost block hold, a shared one. Mapped
 * memory is no leak, and holds what it holds. */
#include "leak.h"

static void **held, **shared;
static void ***holder;

NOINLINE static void *make_held(void) { return malloc(40); }
NOINLINE static void *make_loose(void) { return malloc(48); }
NOINLINE static void *make_below(void) { return malloc(56); }
NOINLINE static void *make_shared(void) { return malloc(64); }
NOINLINE static void *make_unmapped(void) { return malloc(72); }
NOINLINE static void *make_lost(void) { return calloc(1, 88); }
NOINLINE static void *make_lost_below(void) { return malloc(96); }
NOINLINE static void *make_holder(void) { return calloc(1, 80); }

static void **map(int flags)
{
    void **m = mmap(NULL, 16384, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    CHECK(m != MAP_FAILED);
    return m;
}

static void act(void)
{
    void **gone, **lost;
    held = map(MAP_PRIVATE);
    held[700] = make_held();
    map(MAP_PRIVATE)[3] = make_loose();
    holder = make_holder();
    holder[2] = map(MAP_PRIVATE);
    holder[2][5] = make_below();
    shared = map(MAP_SHARED);
    shared[1] = make_shared();
    lost = make_lost();
    *lost = map(MAP_PRIVATE);
    ((void **)*lost)[6] = make_lost_below();
    gone = map(MAP_PRIVATE);
    gone[9] = make_unmapped();
    munmap(gone, 16384);
}

int main(void)
{
    act();
    puts("expect leak reachable new=make_held blocks=1 bytes=40");
    puts("expect leak reachable new=make_loose blocks=1 bytes=48");
    puts("expect leak reachable new=make_below blocks=1 bytes=56");
    puts("expect leak reachable new=make_shared blocks=1 bytes=64");
    puts("expect leak definite new=make_unmapped blocks=1 bytes=72");
    puts("expect leak definite new=make_lost blocks=1 bytes=88");
    puts("expect leak reachable new=make_lost_below blocks=1 bytes=96"); /* the mapping is there, whoever holds it */
    puts("expect leak reachable new=make_holder blocks=1 bytes=80");
    scrub();
    return 0;
}
