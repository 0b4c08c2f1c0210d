/* Blocks with more than one holder: two lost parents of one child; a lost parent
 * of a child that is also held; a child held at its start and in its middle. */
#include "leak.h"

static struct link *held, *start;
static char *inside;

NOINLINE static struct link *make_parent(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_shared(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_held(void) { return calloc(1, sizeof(struct link)); }

static void act(void)
{
    struct link *child = make_shared();
    link_to(make_parent(), child);
    link_to(make_parent(), child);
    held = make_held();
    link_to(make_parent(), held);
    start = make_held();
    inside = (char *)start + 9;
}

int main(void)
{
    act();
    puts("expect leak definite new=make_parent blocks=3 bytes=96");
    puts("expect leak indirect new=make_shared blocks=1 bytes=32");
    puts("expect leak reachable new=make_held blocks=2 bytes=64");
    scrub();
    return 0;
}
