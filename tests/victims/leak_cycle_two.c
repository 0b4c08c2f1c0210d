/* Two blocks that hold each other: a cycle counts once, by its first-born. A third pair is held. */
#include "leak.h"

static struct link *held;

NOINLINE static struct link *make_first(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_second(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_held(void) { return calloc(1, sizeof(struct link)); }

static void act(void)
{
    for (int i = 0; i < 3; i++) {
        struct link *a = make_first();
        link_to(a, link_to(make_second(), a));
    }
    held = make_held();
    link_to(held, link_to(make_held(), held));
}

int main(void)
{
    act();
    puts("expect leak definite new=make_first blocks=3 bytes=96");
    puts("expect leak indirect new=make_second blocks=3 bytes=96");
    puts("expect leak reachable new=make_held blocks=2 bytes=64");
    scrub();
    return 0;
}
