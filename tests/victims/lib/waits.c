/* A library whose constructor wants static.cc's variable: the loader's lock is
 * held while it waits for whoever makes it. */
#include <dlfcn.h>
#include "../victim.h"

__attribute__((constructor)) static void waits_constructor(void)
{
    void *lib = dlopen(victim_file("lib/static.so"), RTLD_NOW | RTLD_NOLOAD);
    int (*value)(void) = lib ? (int (*)(void))dlsym(lib, "static_value") : NULL;
    CHECK(value && value() == 7);
    puts("waited");
}
