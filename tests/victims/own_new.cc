/* A C++ library linked in by halves, as compilers ship their LLVM: operator new
 * is the program's own and calls malloc, operator delete is everybody's. */
#include <cstdio>
#include <cstdlib>
#include <new>
#include "victim.h"

__attribute__((visibility("hidden"))) void *own_new(std::size_t n) __asm__("_Znwm");
void *own_new(std::size_t n) { return keep(std::malloc(n)); }
__attribute__((visibility("hidden"))) void own_array_delete(void *p) __asm__("_ZdaPv");
void own_array_delete(void *p) { std::free(p); keep(nullptr); }

int main()
{
    ::operator delete(keep(::operator new(54301)));
    ::operator delete[](keep(::operator new[](54302)));
    puts("expect block size=54301 count=1 dropped=1 family=malloc new=main drop=main");
    puts("expect coverage not-empty");
    return 0;
}
