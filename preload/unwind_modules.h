/*
 * preload/unwind_modules.h - the modules whose unwind tables were used.
 *
 * Private to preload/unwind*.c; process-wide, lock-free. A module is looked
 * for by _dl_find_object, which takes no lock. What is remembered of it shows
 * when another module has come to lie where one was (glibc unmaps its own
 * plug-ins without passing through dlclose): then all cached rules are void.
 */
#ifndef PRELOAD_UNWIND_MODULES_H
#define PRELOAD_UNWIND_MODULES_H

#include "preload/unwind_cfi.h"

/* The unwind tables of the module at an address. 0; -ENOENT: there is no
 * module, it has no tables, or none that can be read safely. */
int modules_tables(uint64_t address, struct cfi_tables *tables);

#endif
