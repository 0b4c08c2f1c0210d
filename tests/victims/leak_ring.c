/* Rings of five, each link with a tail of two: one that nobody holds; one that
 * a lost block holds; one that two lost blocks hold; one held from a tail's end. */
#include "leak.h"

static struct link *held;

NOINLINE static struct link *make_first(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_link(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_tail(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_entry(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_held(void) { return calloc(1, sizeof(struct link)); }

static struct link *ring(struct link *(*first)(void), struct link *(*rest)(void), struct link *(*tail)(void))
{
    struct link *start = first(), *l = start;
    for (int i = 0; i < 4; i++)
        l = l->next = rest();
    l->next = start;
    l = start;
    do {
        l->other = link_to(tail(), tail());
        l = l->next;
    } while (l != start);
    return start;
}

static void act(void)
{
    struct link *r;
    ring(make_first, make_link, make_tail);
    r = ring(make_link, make_link, make_tail);
    link_to(make_entry(), r->next);
    r = ring(make_link, make_link, make_tail);
    link_to(make_entry(), r->next->next);
    link_to(make_entry(), r->other);
    r = ring(make_held, make_held, make_held);
    held = r->other->next;
    held->next = r;
}

int main(void)
{
    act();
    puts("expect leak definite new=make_first blocks=1 bytes=32");
    puts("expect leak indirect new=make_link blocks=14 bytes=448");
    puts("expect leak indirect new=make_tail blocks=30 bytes=960");
    puts("expect leak definite new=make_entry blocks=3 bytes=96");
    puts("expect leak reachable new=make_held blocks=15 bytes=480");
    scrub();
    return 0;
}
