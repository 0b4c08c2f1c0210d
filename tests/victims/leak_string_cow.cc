/* The string of old: a pointer to the text, behind a head of length, capacity
 * and count in the same block. Held so, it is held as well as at the block's
 * start; a pointer further into the text is no such thing. */
#define _GLIBCXX_USE_CXX11_ABI 0
#include <new>
#include <string>
#include "leak.h"

alignas(std::string) static char held[sizeof(std::string)];
static const char *text;

NOINLINE static void make_held() { new (held) std::string(60, 'x'); }
NOINLINE static std::string *make_lost() { return new std::string(70, 'y'); }
NOINLINE static const char *make_text() { return (new std::string(80, 'z'))->c_str(); }

static void act()
{
    make_held();
    keep(make_lost());
    text = make_text() + 5;
}

int main()
{
    act();
    puts("expect leak reachable new=make_held blocks=1 bytes=85");
    puts("expect leak definite new=make_lost blocks=1 bytes=8");
    puts("expect leak indirect new=make_lost blocks=1 bytes=95");
    puts("expect leak definite new=make_text blocks=1 bytes=8");
    puts("expect leak possible new=make_text blocks=1 bytes=105");
    scrub();
    return 0;
}
