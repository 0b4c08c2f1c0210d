/* std::unordered_map: a table of buckets, a list of nodes, and a bucket that points back into the map. */
#include <string>
#include <unordered_map>
#include "leak.h"

typedef std::unordered_map<std::string, long> Map;
static Map *held;

NOINLINE static void fill(Map *m)
{
    for (int i = 0; i < 30; i++)
        (*m)[std::string(i < 10 ? 3 : 40, 'a' + i % 26) + std::to_string(i)] = i;
}
NOINLINE static Map *make_held() { Map *m = new Map; fill(m); return m; }
NOINLINE static Map *make_lost() { Map *m = new Map; fill(m); return m; }

static void act()
{
    held = make_held();
    keep(make_lost());
}

int main()
{
    act();
    puts("expect leak reachable new=make_held blocks=52"); /* map, table, 30 nodes, 20 strings */
    puts("expect leak definite new=make_lost blocks=1 bytes=56");
    puts("expect leak indirect new=make_lost blocks=51");
    scrub();
    return 0;
}
