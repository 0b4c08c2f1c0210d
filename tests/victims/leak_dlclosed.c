/* A library that was closed: what its memory held is lost. */
#include "leak.h"
#include <dlfcn.h>

int main(void)
{
    void *lib = dlopen(victim_file("lib/leaky.so"), RTLD_NOW);
    void (*act)(void);
    CHECK(lib);
    *(void **)&act = dlsym(lib, "leaky_act");
    CHECK(act);
    act();
    CHECK(!dlclose(lib));
    puts("expect leak definite new=leaky_make_data blocks=1 bytes=40");
    puts("expect leak definite new=leaky_make_lost blocks=1 bytes=56");
    scrub();
    return 0;
}
