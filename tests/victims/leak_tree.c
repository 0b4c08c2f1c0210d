/* Two binary trees of 15 blocks: the root of one is forgotten, that of the other is not. */
#include "leak.h"

struct node { struct node *left, *right; char name[24]; };
static struct node *held;

NOINLINE static struct node *make_lost(void) { return calloc(1, sizeof(struct node)); }
NOINLINE static struct node *make_held(void) { return calloc(1, sizeof(struct node)); }

static struct node *grow(struct node *(*make)(void), int depth)
{
    struct node *n = make();
    if (depth) {
        n->left = grow(make, depth - 1);
        n->right = grow(make, depth - 1);
    }
    return n;
}

int main(void)
{
    held = grow(make_held, 3);
    keep(grow(make_lost, 3));
    puts("expect leak definite new=make_lost blocks=1 bytes=40");
    puts("expect leak indirect new=make_lost blocks=14 bytes=560");
    puts("expect leak reachable new=make_held blocks=15 bytes=600");
    scrub();
    return 0;
}
