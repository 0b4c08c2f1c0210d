/* The aligned forms keep their promise, and malloc_usable_size its. */
#include <malloc.h>
#include "victim.h"

static int aligned(void *p, size_t to) { return p && (uintptr_t)p % to == 0; }

int main(void)
{
    void *p = NULL;
    CHECK(!posix_memalign(&p, 4096, 53201) && aligned(p, 4096));
    free(p);
    p = keep(aligned_alloc(256, 53248));
    CHECK(aligned(p, 256));
    free(p);
    p = keep(memalign(1024, 53203));
    CHECK(aligned(p, 1024));
    free(p);
    p = keep(valloc(53204));
    CHECK(aligned(p, 4096));
    free(p);
    p = keep(pvalloc(53205));
    CHECK(aligned(p, 4096));
    free(p);
    p = keep(malloc(53206));
    CHECK(aligned(p, 16) && malloc_usable_size(p) >= 53206);
    free(p);
    struct mallinfo2 info = mallinfo2();
    CHECK(info.uordblks < 1u << 20);
    puts("expect block size=53201 count=1 dropped=1 family=posix_memalign");
    puts("expect block size=53248 count=1 dropped=1 family=aligned_alloc");
    puts("expect block size=53203 count=1 dropped=1 family=memalign");
    puts("expect block size=53204 count=1 dropped=1 family=valloc");
    puts("expect block size=53205 count=1 dropped=1 family=pvalloc");
    puts("expect block size=53206 count=1 dropped=1 family=malloc");
    return 0;
}
