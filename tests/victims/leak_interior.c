/* Pointers into the middle of blocks: from a global, to the last byte, from a
 * lost block, and a tree below a block that is held so. */
#include "leak.h"

static char *middle, *last, *parent;

NOINLINE static char *make_middle(void) { return calloc(1, 101); }
NOINLINE static char *make_last(void) { return calloc(1, 102); }
NOINLINE static struct link *make_parent(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_child(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_lost(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_below(void) { return calloc(1, sizeof(struct link)); }

static void act(void)
{
    struct link *p = make_parent();
    middle = make_middle() + 13;
    last = make_last() + 101;
    parent = (char *)p + 8;
    p->next = make_child();
    p->next->next = make_child();
    p->other = (struct link *)((char *)make_child() + 5);
    p = make_lost();
    p->next = (struct link *)((char *)make_below() + 16);
}

int main(void)
{
    act();
    puts("expect leak possible new=make_middle blocks=1 bytes=101");
    puts("expect leak possible new=make_last blocks=1 bytes=102");
    puts("expect leak possible new=make_parent blocks=1 bytes=32");
    puts("expect leak possible new=make_child blocks=3 bytes=96");
    puts("expect leak definite new=make_lost blocks=1 bytes=32");
    puts("expect leak indirect new=make_below blocks=1 bytes=32");
    scrub();
    return 0;
}
