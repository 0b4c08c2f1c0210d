/* Static objects take back what they have when the program ends: nothing of
 * theirs is left. One that is never destroyed keeps it. */
#include <map>
#include <memory>
#include <string>
#include <vector>
#include "leak.h"

static std::vector<std::string> names;
static std::map<int, std::unique_ptr<long>> numbers;

NOINLINE static void make_gone()
{
    for (int i = 0; i < 20; i++) {
        names.push_back(std::string(30 + i, 'n'));
        numbers[i] = std::make_unique<long>(i);
    }
}
NOINLINE static std::string &make_never()
{
    static std::string &never = *new std::string(50, 'e');
    return never;
}

int main()
{
    make_gone();
    CHECK(make_never().size() == 50);
    puts("expect leak reachable new=make_never blocks=2 bytes=83");
    scrub();
    return 0;
}
