/* Drops a pointer into the middle of a block, and one of a static array, each
 * dressed so that glibc takes it for a block. */
#include "victim.h"

static _Alignas(16) char static_bytes[512];

NOINLINE static char *make(void) { return keep(malloc(1203)); }
NOINLINE static void drop_inner(char *p) { free(p); keep(NULL); }
NOINLINE static void drop_static(char *p) { free(p); keep(NULL); }
NOINLINE static char *dressed(char *p, size_t chunk)
{
    *(size_t *)(p - 8) = chunk | 1;
    return keep(p);
}

int main(void)
{
    drop_inner(dressed(make() + 64, 0x40));
    drop_static(dressed(static_bytes + 64, 0x50));
    puts("expect finding invalid-drop count=1 used=drop_inner made=make");
    puts("expect finding invalid-drop count=1 used=drop_static");
    return 0;
}
