/* A library to be loaded and unloaded: allocates in its constructor, in a
 * function, and in its destructor. */
#include <stdlib.h>
#include "../victim.h"

static void *from_constructor;
__attribute__((constructor)) NOINLINE static void plugin_constructor(void) { from_constructor = keep(malloc(41001)); }
__attribute__((destructor)) NOINLINE static void plugin_destructor(void)
{
    free(from_constructor);
    free(keep(malloc(41002)));
}
NOINLINE void *plugin_make(size_t bytes);
NOINLINE void *plugin_make(size_t bytes) { return keep(malloc(bytes)); }
NOINLINE void plugin_drop(void *p);
NOINLINE void plugin_drop(void *p) { free(p); keep(NULL); }
