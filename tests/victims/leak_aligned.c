/* Every function that makes blocks, one held and one lost of each. */
#include "leak.h"
#include <malloc.h>

static void *held[7];

NOINLINE static void *make_calloc(void) { return calloc(3, 11); }
NOINLINE static void *make_memalign(void) { return memalign(64, 34); }
NOINLINE static void *make_aligned(void) { return aligned_alloc(256, 512); }
NOINLINE static void *make_posix(void) { void *p = NULL; CHECK(!posix_memalign(&p, 1024, 36)); return p; }
NOINLINE static void *make_valloc(void) { return valloc(37); }
NOINLINE static void *make_realloc(void) { return realloc(NULL, 38); }
NOINLINE static void *make_reallocarray(void) { return reallocarray(NULL, 3, 13); }

int main(void)
{
    void *(*const make[])(void) = { make_calloc, make_memalign, make_aligned, make_posix, make_valloc, make_realloc, make_reallocarray };
    static const char *const said[] = { "calloc blocks=1 bytes=33", "memalign blocks=1 bytes=34", "aligned blocks=1 bytes=512",
        "posix blocks=1 bytes=36", "valloc blocks=1 bytes=37", "realloc blocks=1 bytes=38", "reallocarray blocks=1 bytes=39" };
    for (int i = 0; i < 7; i++) {
        held[i] = make[i]();
        keep(make[i]());
        printf("expect leak definite new=make_%s\nexpect leak reachable new=make_%s\n", said[i], said[i]);
    }
    scrub();
    return 0;
}
