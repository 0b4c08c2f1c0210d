/* A pointer to a block that was freed is a pointer to the block that has its
 * place now; and where none has, to nothing. */
#include "leak.h"

static void *stale, *gone;

NOINLINE static void *make_first(void) { return malloc(104); }
NOINLINE static void *make_second(void) { return memset(malloc(104), 0, 104); }
NOINLINE static void *make_lost(void) { return malloc(4000); }
NOINLINE static struct link *make_holder(void) { return calloc(1, sizeof(struct link)); }

static void act(void)
{
    struct link *holder = make_holder();
    stale = make_first();
    free(stale);
    keep(make_second()); /* glibc: the same place */
    gone = make_lost();
    holder->next = gone; /* this one is lost when its holder is freed */
    gone = NULL;
    free(holder);
}

int main(void)
{
    act();
    puts("expect leak reachable new=make_second blocks=1 bytes=104");
    puts("expect leak definite new=make_lost blocks=1 bytes=4000");
    scrub();
    return 0;
}
