/* A block that holds itself is lost all the same, and nothing hangs on it. */
#include "leak.h"

NOINLINE static struct link *make(void) { return calloc(1, sizeof(struct link)); }

static void act(void)
{
    struct link *l = make();
    l->next = l->other = l;
}

int main(void)
{
    act();
    puts("expect leak definite new=make blocks=1 bytes=32");
    scrub();
    return 0;
}
