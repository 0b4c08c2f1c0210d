/* std::string: short ones lie in the object, long ones beside it. */
#include <string>
#include "leak.h"

static const char *text, *in_object;

NOINLINE static std::string *make_short() { return new std::string("short"); }
NOINLINE static std::string *make_long() { return new std::string(60, 'x'); }
NOINLINE static std::string *make_text() { return new std::string(70, 'y'); }
NOINLINE static std::string *make_in_object() { return new std::string("short too"); }

static void act()
{
    keep(make_short());
    keep(make_long());
    text = make_text()->c_str();
    in_object = make_in_object()->c_str();
}

int main()
{
    act();
    puts("expect leak definite new=make_short blocks=1 bytes=32");
    puts("expect leak definite new=make_long blocks=1 bytes=32");
    puts("expect leak indirect new=make_long blocks=1 bytes=61");
    puts("expect leak definite new=make_text blocks=1 bytes=32");
    puts("expect leak reachable new=make_text blocks=1 bytes=71");
    puts("expect leak possible new=make_in_object blocks=1 bytes=32");
    scrub();
    return 0;
}
