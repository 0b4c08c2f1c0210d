/* One dlopen and dlclose of a library whose constructor and destructor allocate. */
#include <dlfcn.h>
#include "victim.h"

int main(void)
{
    void *lib = dlopen(victim_file("lib/plugin.so"), RTLD_NOW);
    if (!lib)
        return fprintf(stderr, "%s\n", dlerror()), 99;
    void *(*make)(size_t) = (void *(*)(size_t))dlsym(lib, "plugin_make");
    void (*drop)(void *) = (void (*)(void *))dlsym(lib, "plugin_drop");
    drop(make(41003));
    CHECK(!dlsym(lib, "no_such_symbol") && dlerror());
    CHECK(!dlopen("/nonexistent/library.so", RTLD_NOW) && dlerror());
    dlclose(lib);
    puts("expect block size=41001 count=1 dropped=1 new=plugin_constructor drop=plugin_destructor");
    puts("expect block size=41002 count=1 dropped=1 new=plugin_destructor");
    puts("expect block size=41003 count=1 dropped=1 new=plugin_make drop=plugin_drop");
    return 0;
}
