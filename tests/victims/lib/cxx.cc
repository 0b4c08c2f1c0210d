// A C++ library for a program that is none: it brings its operators with it.
#include <string>
#include "../victim.h"

extern "C" NOINLINE size_t cxx_use(size_t n)
{
    std::string s;
    for (size_t i = 0; i < n; i++)
        s.push_back('x'); // grows inside the C++ library itself
    char *p = new char[47101];
    keep(p);
    delete[] p;
    struct alignas(64) wide { char c[47104]; };
    delete static_cast<wide *>(keep(new wide));
    try {
        keep(new char[SIZE_MAX / 4]);
        return 0;
    } catch (const std::bad_alloc &) {
    }
    delete static_cast<std::string *>(keep(new std::string(s)));
    return s.size();
}
