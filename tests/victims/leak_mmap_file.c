/* Blocks that only a mapped file holds, and one that a page holds that was made
 * read-only since. What is written to a file is no way to hold a block. */
#include "leak.h"

NOINLINE static void *make_shared(void) { return malloc(40); }
NOINLINE static void *make_private(void) { return malloc(48); }
NOINLINE static void *make_readonly(void) { return malloc(56); }

static void act(void)
{
    FILE *f = tmpfile();
    void **s, **p, **r;
    CHECK(f && !ftruncate(fileno(f), 8192));
    s = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
    p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(f), 0);
    r = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(s != MAP_FAILED && p != MAP_FAILED && r != MAP_FAILED);
    p[77] = make_private();
    r[78] = make_readonly();
    s[600] = make_shared();
    CHECK(!mprotect(r, 8192, PROT_READ));
    fclose(f);
}

int main(void)
{
    act();
    puts("expect leak definite new=make_shared blocks=1 bytes=40");
    puts("expect leak reachable new=make_private blocks=1 bytes=48");
    puts("expect leak reachable new=make_readonly blocks=1 bytes=56");
    scrub();
    return 0;
}
