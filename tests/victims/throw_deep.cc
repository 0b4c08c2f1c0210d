/* Exceptions thrown fifty frames down, with destructors on the way: stacks
 * before, inside and after are the right ones. */
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include "victim.h"

struct Raii {
    void *p;
    Raii() : p(keep(malloc(54201))) {}
    NOINLINE ~Raii() { free(p); free(keep(malloc(54204))); }
};

NOINLINE static int dive(int n)
{
    Raii r;
    if (n == 0) {
        free(keep(malloc(54202)));
        throw std::runtime_error("deep");
    }
    return dive(n - 1) + 1;
}

int main()
{
    for (int i = 0; i < 20; i++) {
        try {
            dive(49);
        } catch (const std::runtime_error &e) {
            free(keep(malloc(54203)));
        }
    }
    puts("expect block size=54201 count=1000 dropped=1000 new=dive drop=Raii::~Raii");
    puts("expect block size=54202 count=20 dropped=20 new=dive");
    puts("expect block size=54203 count=20 dropped=20 new=main notnew=dive");
    puts("expect block size=54204 count=1000 dropped=1000 new=Raii::~Raii");
    return 0;
}
