/* new[] of classes with destructors: the count stands before the first one, and
 * the pointer behind it holds the block. Of none, the pointer is past its end. */
#include "leak.h"

struct Thing { long a, b, c; ~Thing() { a = 0; } };
struct Inner { long *p; ~Inner() { delete p; } };
static Thing *held, *none, *second;
static long *plain;

NOINLINE static Thing *make_held() { return new Thing[7]; }
NOINLINE static Thing *make_lost() { return new Thing[6]; }
NOINLINE static Thing *make_none() { return new Thing[0]; }
NOINLINE static Thing *make_second() { return new Thing[5]; }
NOINLINE static long *make_plain() { return new long[9]; }
NOINLINE static Inner *make_inners() { Inner *i = new Inner[4]; for (int n = 0; n < 4; n++) i[n].p = nullptr; return i; }
NOINLINE static long *make_inside() { return new long(1); }

static void act()
{
    held = make_held();
    keep(make_lost());
    none = make_none();
    second = make_second() + 1;
    plain = make_plain();
    make_inners()[2].p = make_inside();
    delete[] make_held();
}

int main()
{
    act();
    puts("expect leak reachable new=make_held blocks=1 bytes=176");
    puts("expect leak definite new=make_lost blocks=1 bytes=152");
    puts("expect leak definite new=make_none blocks=1 bytes=8");
    puts("expect leak possible new=make_second blocks=1 bytes=128");
    puts("expect leak reachable new=make_plain blocks=1 bytes=72");
    puts("expect leak definite new=make_inners blocks=1 bytes=40");
    puts("expect leak indirect new=make_inside blocks=1 bytes=8");
    scrub();
    return 0;
}
