/* A fortified copy that overflows: glibc's own words, and its own death. */
#include "victim.h"

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room);
static char bytes[600];
NOINLINE static char *make(void) { return keep(malloc(401)); }
NOINLINE static void overflow(char *p) { __memcpy_chk(p, bytes, 500, 401); keep(NULL); }

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    puts("expect finding out-of-bounds count=1 used=overflow made=make");
    overflow(make());
    return 0;
}
