/* Multiple inheritance: a pointer to the second base points into the object,
 * and holds it; one to a plain member there does not. Virtual bases too. */
#include "leak.h"

struct First { virtual ~First() {} long a = 1; };
struct Second { virtual ~Second() {} long b = 2; };
struct Both : First, Second { long c = 3; };
struct Plain { long d = 4; };
struct With : First, Plain { long e = 5; };
struct Top { virtual ~Top() {} long t = 6; };
struct Left : virtual Top { long l = 7; };
struct Right : virtual Top { long r = 8; };
struct Diamond : Left, Right { long m = 9; };

static Second *second;
static Plain *plain;
static Right *right;
static Top *top;

NOINLINE static Both *make_second() { return new Both; }
NOINLINE static Both *make_lost() { return new Both; }
NOINLINE static With *make_plain() { return new With; }
NOINLINE static Diamond *make_right() { return new Diamond; }
NOINLINE static Diamond *make_top() { return new Diamond; }
NOINLINE static Second **make_holder() { return new Second *(make_lost()); }

static void act()
{
    second = make_second();
    plain = make_plain();
    right = make_right();
    top = make_top();
    keep(make_holder());
}

int main()
{
    act();
    puts("expect leak reachable new=make_second blocks=1 bytes=40");
    puts("expect leak possible new=make_plain blocks=1 bytes=32");
    puts("expect leak reachable new=make_right blocks=1 bytes=56");
    puts("expect leak reachable new=make_top blocks=1 bytes=56");
    puts("expect leak definite new=make_holder blocks=1 bytes=8");
    puts("expect leak indirect new=make_lost blocks=1 bytes=40");
    scrub();
    return 0;
}
