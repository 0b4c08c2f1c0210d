/* A C program opens a C++ library for itself alone, closes it, opens it again:
 * the operators are those that came with it, also for what the C++ library
 * itself allocates, and nothing of dlerror() is lost on the way. */
#include <dlfcn.h>
#include "victim.h"

int main(void)
{
    for (int i = 0; i < 3; i++) {
        void *lib = dlopen(victim_file("lib/cxx.so"), RTLD_NOW | RTLD_LOCAL);
        if (!lib)
            return fprintf(stderr, "%s\n", dlerror()), 99;
        size_t (*use)(size_t) = (size_t (*)(size_t))dlsym(lib, "cxx_use");
        CHECK(use(3000) == 3000);
        CHECK(!dlsym(lib, "no_such_symbol"));
        CHECK(use(3000) == 3000);
        CHECK(dlerror());
        CHECK(!dlerror());
        dlclose(lib);
    }
    puts("expect block size=47101 count=6 dropped=6 family=new[] new=cxx_use drop=cxx_use");
    puts("expect block size=47104 count=6 dropped=6 new=cxx_use");
    return 0;
}
