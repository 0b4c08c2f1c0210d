/* shared_ptr: two objects that own each other are lost together; made with
 * make_shared, where object and count are one block, and with new. One cycle is held. */
#include <memory>
#include "leak.h"

struct Node { std::shared_ptr<Node> other; std::weak_ptr<Node> self; long more[4]; };
alignas(std::shared_ptr<Node>) static char held[sizeof(std::shared_ptr<Node>)];
alignas(std::weak_ptr<Node>) static char seen[sizeof(std::weak_ptr<Node>)];

NOINLINE static std::shared_ptr<Node> make_joint() { return std::make_shared<Node>(); }
NOINLINE static std::shared_ptr<Node> make_apart() { return std::shared_ptr<Node>(new Node); }
NOINLINE static std::shared_ptr<Node> make_held() { return std::make_shared<Node>(); }
NOINLINE static std::shared_ptr<Node> make_seen() { return std::make_shared<Node>(); }

NOINLINE static void cycle(std::shared_ptr<Node> (*make)())
{
    std::shared_ptr<Node> a = make(), b = make();
    a->other = b;
    b->other = a;
    a->self = a;
}

static void act()
{
    cycle(make_joint);
    cycle(make_apart);
    auto p = make_held();
    p->other = p;
    new (held) std::shared_ptr<Node>(p);
    new (seen) std::weak_ptr<Node>(make_seen()); /* the object is gone, its memory is not */
}

int main()
{
    act();
    puts("expect leak definite new=make_joint blocks=1 bytes=80");
    puts("expect leak indirect new=make_joint blocks=1 bytes=80");
    puts("expect leak definite new=make_apart blocks=1 bytes=64");
    puts("expect leak indirect new=make_apart blocks=3 bytes=112");
    puts("expect leak reachable new=make_held blocks=1 bytes=80");
    puts("expect leak reachable new=make_seen blocks=1 bytes=80");
    scrub();
    return 0;
}
