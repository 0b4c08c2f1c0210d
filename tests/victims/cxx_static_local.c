/* A C program opens a C++ library for itself alone. One thread makes a static
 * variable of it; another holds the loader's lock and waits for the variable. */
#include <dlfcn.h>
#include "victim.h"

static int (*value)(void);

static void *maker(void *arg)
{
    CHECK(value() == 7);
    return NULL;
}

int main(void)
{
    void *lib = dlopen(victim_file("lib/static.so"), RTLD_NOW | RTLD_LOCAL);
    if (!lib)
        return fprintf(stderr, "%s\n", dlerror()), 99;
    value = (int (*)(void))dlsym(lib, "static_value");
    pthread_t t = victim_thread(maker, NULL);
    victim_sleep_ms(100);
    CHECK(dlopen(victim_file("lib/waits.so"), RTLD_NOW | RTLD_LOCAL));
    victim_join(t);
    CHECK(value() == 7);
    return 0;
}
