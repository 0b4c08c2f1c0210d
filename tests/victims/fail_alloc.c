/* Calls that fail, in every form: no block comes of them, and the old block of a failed realloc lives on. */
#include <malloc.h>
#include "victim.h"

int main(void)
{
    volatile size_t huge = SIZE_MAX, half = SIZE_MAX / 2;
    void *q = (void *)0x5a5a;
    char *p = keep(malloc(53001));
    memset(p, 7, 53001);
    CHECK(!keep(malloc(huge)) && errno == ENOMEM);
    CHECK(!keep(malloc(half)));
    CHECK(!keep(calloc(huge, 2)) && !keep(calloc(half, 3)));
    CHECK(!keep(realloc(p, half)) && p[53000] == 7);
    CHECK(!keep(reallocarray(p, half, 3)) && p[0] == 7);
    CHECK(!keep(realloc(NULL, half)));
    CHECK(posix_memalign(&q, 3, 64) == EINVAL && posix_memalign(&q, 0, 64) == EINVAL);
    CHECK(posix_memalign(&q, 64, half) == ENOMEM && q == (void *)0x5a5a);
    CHECK(!keep(aligned_alloc(64, half)) && !keep(memalign(64, half)));
    CHECK(!keep(valloc(half)) && !keep(pvalloc(half)));
    p = keep(realloc(p, 53002));
    CHECK(p && p[53000] == 7);
    free(p);
    puts("expect block size=53001 count=0");
    puts("expect block size=53002 count=1 dropped=1 new=main");
    puts("expect report lost.events == 0");
    puts("expect report totals.reallocations == 1");
    return 0;
}
