/* Another library, likely to be mapped where plugin.c's was a moment ago. */
#include <stdlib.h>
#include "../victim.h"

NOINLINE void *other_make(size_t bytes);
NOINLINE void *other_make(size_t bytes) { return keep(malloc(bytes)); }
