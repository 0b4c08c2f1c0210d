/* std::function and std::any hold what does not fit into them; a closure holds what it captured. */
#include <any>
#include <functional>
#include <string>
#include "leak.h"

struct Large { long part[8]; };
alignas(std::function<long()>) static char function[sizeof(std::function<long()>)];
alignas(std::any) static char any[sizeof(std::any)];

NOINLINE static long *make_captured() { return new long(5); }
NOINLINE static void make_function(long *p) { Large l = {}; new (function) std::function<long()>([l, p] { return l.part[0] + *p; }); }
NOINLINE static void make_any() { new (any) std::any(Large()); }
NOINLINE static std::function<long()> *make_lost(long *p) { Large l = {}; return new std::function<long()>([l, p] { return l.part[1] + *p; }); }

static void act()
{
    make_function(make_captured());
    make_any();
    keep(make_lost(make_captured()));
}

int main()
{
    act();
    puts("expect leak reachable new=make_function blocks=1 bytes=72");
    puts("expect leak reachable new=make_captured blocks=1 bytes=8");
    puts("expect leak reachable new=make_any blocks=1 bytes=64");
    puts("expect leak definite new=make_lost blocks=1 bytes=32");
    puts("expect leak indirect new=make_lost blocks=1 bytes=72");
    puts("expect leak indirect new=make_captured blocks=1 bytes=8");
    scrub();
    return 0;
}
