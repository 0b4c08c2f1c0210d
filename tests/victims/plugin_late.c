/* Loads a library when it has run for a while, and allocates by turns in it and here. */
#include <dlfcn.h>
#include "victim.h"

enum { TURNS = 1000 };

int main(void)
{
    for (int i = 0; i < 100; i++)
        free(keep(malloc(42001)));
    usleep(100000);
    void *lib = dlopen(victim_file("lib/plugin.so"), RTLD_NOW);
    if (!lib)
        return fprintf(stderr, "%s\n", dlerror()), 99;
    void *(*make)(size_t) = (void *(*)(size_t))dlsym(lib, "plugin_make");
    void (*drop)(void *) = (void (*)(void *))dlsym(lib, "plugin_drop");
    for (int i = 0; i < TURNS; i++) {
        void *theirs = make(42002), *ours = malloc(42003);
        drop(theirs);
        free(keep(ours));
        usleep(100);
    }
    printf("expect block size=42001 count=100 dropped=100 new=main drop=main\n");
    printf("expect block size=42002 count=%d dropped=%d new=plugin_make drop=plugin_drop\n", TURNS, TURNS);
    printf("expect block size=42003 count=%d dropped=%d new=main drop=main\n", TURNS, TURNS);
    return 0;
}
