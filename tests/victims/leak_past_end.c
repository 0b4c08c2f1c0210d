/* One past the end is no part of a block; so is the room that malloc gives beyond what was asked for. */
#include "leak.h"

static char *end, *beyond;

NOINLINE static char *make_end(void) { return calloc(1, 104); }
NOINLINE static char *make_beyond(void) { return calloc(1, 97); }

static void act(void)
{
    end = make_end() + 104;
    beyond = make_beyond() + 100;
}

int main(void)
{
    act();
    puts("expect leak definite new=make_end blocks=1 bytes=104");
    puts("expect leak definite new=make_beyond blocks=1 bytes=97");
    scrub();
    return 0;
}
