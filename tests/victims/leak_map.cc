/* std::map: nodes point to each other and back into the map's head. Lost, held,
 * and held by one node alone, which holds all others and the map itself in its middle. */
#include <map>
#include <set>
#include <string>
#include "leak.h"

typedef std::map<int, long> Map;
static Map *held;
static void *node;

NOINLINE static void fill(Map *m, int n) { for (int i = 0; i < n; i++) (*m)[i] = i; }
NOINLINE static Map *make_held() { Map *m = new Map; fill(m, 20); return m; }
NOINLINE static Map *make_lost() { Map *m = new Map; fill(m, 20); return m; }
NOINLINE static Map *make_by_node() { Map *m = new Map; fill(m, 20); return m; }
NOINLINE static std::set<std::string> *make_set()
{
    std::set<std::string> *s = new std::set<std::string>;
    s->insert("short");
    s->insert("a string that is too long to lie in the object itself");
    return s;
}

static void act()
{
    held = make_held();
    keep(make_lost());
    node = (char *)&*make_by_node()->find(13) - 32;
    keep(make_set());
}

int main()
{
    act();
    puts("expect leak reachable new=make_held blocks=21 bytes=1008");
    puts("expect leak definite new=make_lost blocks=1 bytes=48");
    puts("expect leak indirect new=make_lost blocks=20 bytes=960");
    puts("expect leak reachable new=make_by_node blocks=20 bytes=960");
    puts("expect leak possible new=make_by_node blocks=1 bytes=48");
    puts("expect leak definite new=make_set blocks=1 bytes=48");
    puts("expect leak indirect new=make_set blocks=3");
    scrub();
    return 0;
}
