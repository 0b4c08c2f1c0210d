/* Drops blocks a second time, where glibc does not notice. */
#include "victim.h"

NOINLINE static char *make(size_t n) { return keep(malloc(n)); }
NOINLINE static void drop_first(char *p)
{
    free(p);
    ((size_t *)keep(p))[1] = 0; /* what glibc would know it by */
}
NOINLINE static void drop_again(char *p) { free(p); keep(NULL); }

int main(void)
{
    for (int i = 0; i < victim_times(2); i++) {
        char *p = make(701 + 100 * i); /* a size that is never asked for again */
        drop_first(p);
        drop_again(p);
    }
    puts("expect finding double-drop count=2 used=drop_again made=make dropped=drop_first");
    return 0;
}
