/* std::list, whose last node points into the list's head; std::forward_list; std::deque, which points to a table of pieces and to their middles. */
#include <deque>
#include <forward_list>
#include <list>
#include "leak.h"

static std::deque<long> *held;
static void *iterator;

NOINLINE static std::list<long> *make_list() { return new std::list<long>(6, 1); }
NOINLINE static std::forward_list<long> *make_forward() { return new std::forward_list<long>(6, 1); }
NOINLINE static std::deque<long> *make_deque() { return new std::deque<long>(200, 1); }
NOINLINE static std::deque<long> *make_held() { return new std::deque<long>(200, 1); }
NOINLINE static std::list<long> *make_by_node() { return new std::list<long>(6, 1); }

static void act()
{
    keep(make_list());
    keep(make_forward());
    keep(make_deque());
    held = make_held();
    iterator = (char *)&make_by_node()->front() - 16;
}

int main()
{
    act();
    puts("expect leak definite new=make_list blocks=1 bytes=24");
    puts("expect leak indirect new=make_list blocks=6 bytes=144");
    puts("expect leak definite new=make_forward blocks=1 bytes=8");
    puts("expect leak indirect new=make_forward blocks=6 bytes=96");
    puts("expect leak definite new=make_deque blocks=1 bytes=80");
    puts("expect leak indirect new=make_deque blocks=5 bytes=2112");
    puts("expect leak reachable new=make_held blocks=6 bytes=2192");
    puts("expect leak reachable new=make_by_node blocks=7 bytes=168"); /* the list's head is its start */
    scrub();
    return 0;
}
