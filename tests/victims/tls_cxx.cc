/* C++ thread_local objects: destructors that delete and allocate. */
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>
#include "victim.h"

struct Holder {
    char *p;
    NOINLINE Holder() : p(static_cast<char *>(keep(new char[44001]))) {}
    NOINLINE ~Holder() { delete[] p; free(keep(malloc(44002))); }
};
thread_local Holder holder;

int main()
{
    std::vector<std::thread> all;
    for (int i = 0; i < 4; i++)
        all.emplace_back([] { holder.p[0] = 1; });
    for (auto &t : all)
        t.join();
    puts("expect block size=44001 count=4 dropped=4 family=new[] new=Holder::Holder drop=Holder::~Holder");
    puts("expect block size=44002 count=4 dropped=4 new=Holder::~Holder");
    return 0;
}
