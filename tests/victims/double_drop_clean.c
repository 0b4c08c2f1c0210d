/* Drops each block once, though many lie at one address after the other, and
 * drops NULL, and what failed to grow. */
#include "victim.h"

NOINLINE static char *make(void) { return keep(malloc(701)); }
NOINLINE static void drop(char *p) { free(p); keep(NULL); }
static void *other(void *p) { drop(p); return NULL; }

int main(void)
{
    for (int i = 0; i < 2000; i++) {
        char *p = make();
        drop(p);
        drop(NULL);
    }
    for (int i = 0; i < 20; i++) {
        char *p = make();
        victim_join(victim_thread(other, p));
        p = make(); /* the same address, by another thread's leave */
        drop(p);
    }
    char *p = make();
    CHECK(!realloc(p, PTRDIFF_MAX));
    drop(p);
    p = make();
    p = keep(realloc(p, 60000));
    drop(p);
    puts("expect blocks from=701 to=701 dropped>=2020");
    return 0;
}
