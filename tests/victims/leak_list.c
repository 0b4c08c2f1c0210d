/* Lists: one held by its head, one by its last link alone, one by the middle, one by nobody. */
#include "leak.h"

static struct link *head, *last, *middle;

NOINLINE static struct link *make_head(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_last(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_middle(void) { return calloc(1, sizeof(struct link)); }
NOINLINE static struct link *make_lost(void) { return calloc(1, sizeof(struct link)); }

static struct link *chain(struct link *(*make)(void), int links, int at, struct link **kept)
{
    struct link *l = NULL;
    for (int i = links; i-- > 0;) {
        l = link_to(make(), l);
        if (i == at)
            *kept = l;
    }
    return l;
}

int main(void)
{
    struct link *none = NULL;
    chain(make_head, 10, 0, &head);
    chain(make_last, 10, 9, &last);
    chain(make_middle, 10, 5, &middle);
    chain(make_lost, 10, -1, &none);
    puts("expect leak reachable new=make_head blocks=10 bytes=320");
    puts("expect leak definite new=make_last blocks=1 bytes=32");
    puts("expect leak indirect new=make_last blocks=8 bytes=256");
    puts("expect leak reachable new=make_last blocks=1 bytes=32");
    puts("expect leak definite new=make_middle blocks=1 bytes=32");
    puts("expect leak indirect new=make_middle blocks=4 bytes=128");
    puts("expect leak reachable new=make_middle blocks=5 bytes=160");
    puts("expect leak definite new=make_lost blocks=1 bytes=32");
    puts("expect leak indirect new=make_lost blocks=9 bytes=288");
    scrub();
    return 0;
}
