/* unique_ptr: released without being deleted; released to a raw holder; held; and gone properly. */
#include <memory>
#include "leak.h"

struct Thing { long number[5]; std::unique_ptr<long> inside; };
static Thing *raw;
alignas(std::unique_ptr<Thing>) static char held[sizeof(std::unique_ptr<Thing>)];

NOINLINE static std::unique_ptr<Thing> make_released() { return std::make_unique<Thing>(); }
NOINLINE static std::unique_ptr<Thing> make_raw() { return std::make_unique<Thing>(); }
NOINLINE static std::unique_ptr<Thing> make_held() { return std::make_unique<Thing>(); }
NOINLINE static std::unique_ptr<Thing> make_gone() { return std::make_unique<Thing>(); }
NOINLINE static std::unique_ptr<long> make_inside() { return std::make_unique<long>(9); }

static void act()
{
    auto p = make_released();
    p->inside = make_inside();
    p.release();
    raw = make_raw().release();
    new (held) std::unique_ptr<Thing>(make_held());
    auto gone = make_gone();
    gone->inside = make_inside();
}

int main()
{
    act();
    puts("expect leak definite new=make_released blocks=1 bytes=48");
    puts("expect leak indirect new=make_inside blocks=1 bytes=8");
    puts("expect leak reachable new=make_raw blocks=1 bytes=48");
    puts("expect leak reachable new=make_held blocks=1 bytes=48");
    scrub();
    return 0;
}
