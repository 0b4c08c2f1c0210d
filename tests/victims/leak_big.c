/* Twenty thousand blocks of every class: a table of lists, held; the same,
 * lost; a ring of all; and some thousands that are only held in the middle. */
#include "leak.h"

enum { LISTS = 500, LINKS = 9, RING = 5000, INSIDE = 2500 };
static struct link **held;
static char *inside[INSIDE];

NOINLINE static struct link **make_held_table(void) { return calloc(LISTS, sizeof(void *)); }
NOINLINE static struct link **make_lost_table(void) { return calloc(LISTS, sizeof(void *)); }
NOINLINE static struct link *make_held(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_lost(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_first(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_ring(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static char *make_inside(void) { return calloc(1, 99); }
NOINLINE static void *make_alone(void) { return malloc(7); }

static struct link **fill(struct link **table, struct link *(*make)(void))
{
    for (int i = 0; i < LISTS * LINKS; i++) {
        struct link *l = make();
        l->next = table[i % LISTS];
        table[i % LISTS] = l;
    }
    return table;
}

static void ring(void)
{
    struct link *first = make_first(), *l = first;
    for (int i = 1; i < RING; i++) {
        l->next = make_ring();
        l->next->other = l;
        l = l->next;
    }
    l->next = first;
}

int main(void)
{
    held = fill(make_held_table(), make_held);
    fill(make_lost_table(), make_lost);
    ring();
    for (int i = 0; i < INSIDE; i++)
        inside[i] = make_inside() + i % 98 + 1;
    for (int i = 0; i < 3500; i++)
        keep(make_alone());
    puts("expect leak reachable new=make_held_table blocks=1 bytes=4000");
    puts("expect leak reachable new=make_held blocks=4500 bytes=144000");
    puts("expect leak definite new=make_lost_table blocks=1 bytes=4000");
    puts("expect leak indirect new=make_lost blocks=4500 bytes=144000");
    puts("expect leak definite new=make_first blocks=1 bytes=32");
    puts("expect leak indirect new=make_ring blocks=4999 bytes=159968");
    puts("expect leak possible new=make_inside blocks=2500 bytes=247500");
    puts("expect leak definite new=make_alone blocks=3500 bytes=24500");
    scrub();
    return 0;
}
