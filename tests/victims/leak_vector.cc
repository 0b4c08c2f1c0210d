/* std::vector: a lost one takes its body along, one that a global points to
 * holds its body, and a vector of owners what they own. */
#include <vector>
#include "leak.h"

static std::vector<long> *held;
static std::vector<long *> *owners;

NOINLINE static std::vector<long> *make_held() { return new std::vector<long>(11); }
NOINLINE static std::vector<long> *make_lost() { return new std::vector<long>(12); }
NOINLINE static std::vector<long *> *make_owners() { return new std::vector<long *>; }
NOINLINE static long *make_owned() { return new long(7); }
NOINLINE static void grow(std::vector<long *> *v) { v->push_back(make_owned()); }

static void act()
{
    held = make_held();
    keep(make_lost());
    owners = make_owners();
    for (int i = 0; i < 9; i++)
        grow(owners);
    owners->pop_back();
    owners->resize(9);
    owners->resize(4); /* the words stay where they were */
    for (int i = 4; i < 16; i++)
        owners->data()[i] = nullptr;
}

int main()
{
    act();
    puts("expect leak reachable new=make_held blocks=2 bytes=112");
    puts("expect leak definite new=make_lost blocks=1 bytes=24");
    puts("expect leak indirect new=make_lost blocks=1 bytes=96");
    puts("expect leak reachable new=make_owners blocks=1 bytes=24");
    puts("expect leak definite new=make_owned blocks=5 bytes=40");
    puts("expect leak reachable new=make_owned blocks=4 bytes=32");
    scrub();
    return 0;
}
