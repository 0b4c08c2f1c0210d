/* Objects with virtual functions, held by their first base: at their start. */
#include "leak.h"

struct Shape { virtual ~Shape() {} virtual long area() { return 0; } Shape *next = nullptr; };
struct Round : Shape { long radius = 3; long area() override { return radius; } };
struct Square : Shape { long side[3] = {}; long area() override { return side[0]; } };
static Shape *held;

NOINLINE static Shape *make_held() { return new Round; }
NOINLINE static Shape *make_below() { return new Square; }
NOINLINE static Shape *make_lost() { return new Square; }
NOINLINE static Shape *make_gone() { return new Round; }

static void act()
{
    held = make_held();
    held->next = make_below();
    Shape *lost = make_lost();
    lost->next = make_below();
    delete make_gone();
}

int main()
{
    act();
    puts("expect leak reachable new=make_held blocks=1 bytes=24");
    puts("expect leak reachable new=make_below blocks=1 bytes=40");
    puts("expect leak definite new=make_lost blocks=1 bytes=40");
    puts("expect leak indirect new=make_below blocks=1 bytes=40");
    scrub();
    return 0;
}
