/* Two libraries loaded and unloaded in turn 200 times, often at one address:
 * every stack must name the one that was there. */
#include <dlfcn.h>
#include "victim.h"

NOINLINE static void round_of(const char *file, const char *symbol, size_t bytes)
{
    void *lib = dlopen(victim_file(file), RTLD_NOW | RTLD_LOCAL);
    if (!lib)
        _exit(99);
    void *(*make)(size_t) = (void *(*)(size_t))dlsym(lib, symbol);
    free(make(bytes));
    CHECK(dlclose(lib) == 0);
}

int main(void)
{
    for (int i = 0; i < 200; i++) {
        round_of("lib/plugin.so", "plugin_make", 42001);
        round_of("lib/other.so", "other_make", 42002);
    }
    puts("expect block size=42001 count=200 dropped=200 new=plugin_make drop=round_of");
    puts("expect block size=42002 count=200 dropped=200 new=other_make drop=round_of");
    puts("expect block size=41001 count=200 dropped=200 new=plugin_constructor");
    return 0;
}
