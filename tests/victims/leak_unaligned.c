/* Only aligned words are looked at: a pointer in a packed struct is not seen, in static memory or in a block. */
#include "leak.h"

struct __attribute__((packed)) packed { char tag; void *pointer; char rest[7]; void *aligned; };
static struct packed global __attribute__((aligned(16)));
static struct packed *block;

NOINLINE static void *make_odd(void) { return calloc(1, 48); }
NOINLINE static void *make_even(void) { return calloc(1, 56); }
NOINLINE static void *make_packed(void) { return calloc(1, sizeof(struct packed)); }

static void act(void)
{
    CHECK((uintptr_t)&global % 8 == 0 && sizeof global == 24);
    global.pointer = make_odd();
    global.aligned = make_even();
    block = make_packed();
    block->pointer = make_odd();
    block->aligned = make_even();
}

int main(void)
{
    act();
    puts("expect leak definite new=make_odd blocks=2 bytes=96");
    puts("expect leak reachable new=make_even blocks=2 bytes=112");
    puts("expect leak reachable new=make_packed blocks=1 bytes=24");
    scrub();
    return 0;
}
