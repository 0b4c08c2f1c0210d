/* Every pair that belongs together, as libraries and compilers make them. */
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>
#include "victim.h"

struct alignas(64) Wide { char bytes[192]; ~Wide() { keep(this); } };
struct Base { virtual ~Base() { keep(this); } };
struct Derived : Base { char more[500]; };
struct Counted { int n = 0; ~Counted() { n++; } };

int main()
{
    delete static_cast<Base *>(keep(new Derived));
    delete[] static_cast<Counted *>(keep(new Counted[9]));
    delete static_cast<Wide *>(keep(new Wide));
    delete[] static_cast<Wide *>(keep(new Wide[3]));
    std::free(keep(std::aligned_alloc(64, 640)));
    std::free(keep(std::calloc(7, 7)));
    std::free(keep(std::realloc(keep(std::malloc(10)), 5000)));
    void *p = keep(std::malloc(10));
    std::free(keep(std::realloc(p, 54201)));
    std::vector<std::string> words;
    for (int i = 0; i < 100; i++)
        words.push_back(std::string(i, 'x'));
    auto shared = std::make_shared<Derived>();
    auto other = shared;
    std::unique_ptr<int[]> array(new int[100]);
    ::operator delete(keep(::operator new(54202)), std::size_t(54202));
    std::free(nullptr);
    return 0;
}
