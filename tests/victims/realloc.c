/* realloc's corners: from nothing, to nothing, in place, moving, smaller, and failing. */
#include "victim.h"

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    char *a = keep(realloc(NULL, 53101));      /* a malloc */
    CHECK(a);
    char *p = keep(malloc(600001));            /* large: grows by mremap, moving or not */
    p = keep(realloc(p, 900001));
    p = keep(realloc(p, 700001));
    char *fence = keep(malloc(53102));
    char *small = keep(malloc(53103));
    char *after = keep(malloc(53104));         /* so that `small` cannot grow in place */
    memset(small, 3, 53103);
    char *moved = keep(realloc(small, 153103));
    CHECK(moved && moved != small && moved[53102] == 3);
    char *shrunk = keep(realloc(moved, 13103));
    CHECK(shrunk && shrunk[13102] == 3);
    CHECK(!keep(realloc(a, 0)));               /* glibc: frees */
    free(p);
    free(fence);
    free(after);
    free(shrunk);
    puts("expect block size=53101 count=1 dropped=1 new=main drop=main");
    puts("expect block size=700001 count=1 dropped=1 new=main");
    puts("expect block size=13103 count=1 dropped=1 new=main");
    puts("expect block size=53102 count=1 dropped=1");
    puts("expect report totals.reallocations == 4");
    puts("expect report totals.allocations == 5");
    puts("expect report totals.frees == 5");
    puts("expect move by=realloc size=13103 count>=1");
    return 0;
}
