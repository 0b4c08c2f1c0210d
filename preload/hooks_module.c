/*
 * preload/hooks_module.c - dlclose: code that went away.
 *
 * dlopen is not wrapped (it looks at its caller): what it brings is seen when
 * code of it first stands in a stack. dlclose looks at nobody.
 */
#include "preload/hook.h"
#include "preload/module.h"

EXPORT int dlclose(void *handle)
{
    int r;
    if (unlikely(!real.dlclose))
        process_begin();
    r = real.dlclose(handle);
    module_changed();
    unwind_modules_changed(); /* second: what is told under the new rules is told of the new modules */
    return r;
}
