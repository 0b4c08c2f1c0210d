/* Drops a pointer into the middle of a block, dressed so that glibc takes it
 * for one; abort_invalid_free.c is what glibc makes of others. */
#include "victim.h"

NOINLINE static char *make(void) { return keep(malloc(1203)); }
NOINLINE static void drop_inner(char *p) { free(p); keep(NULL); }
NOINLINE static char *dressed(char *p, size_t chunk)
{
    *(size_t *)(p - 8) = chunk | 1;
    return keep(p);
}

int main(void)
{
    for (int i = 0; i < victim_times(2); i++)
        drop_inner(dressed(make() + 64, 0x40));
    puts("expect finding invalid-drop count=2 used=drop_inner made=make");
    return 0;
}
