/*
 * preload/module.h - tells the collector which file a frame lies in, before
 * the first event that names it.
 *
 * Lock-free, any thread. Modules are found by address with _dl_find_object,
 * never by the loader's list, whose lock the program may hold. What dlclose
 * unmaps is looked at anew when code is next seen there.
 */
#ifndef PRELOAD_MODULE_H
#define PRELOAD_MODULE_H

#include <stdint.h>

#include "preload/context.h"

enum { MODULE_PAGES = 4096 };
/* Pages of code whose module is announced: page number with the generation. */
extern __attribute__((visibility("hidden"))) atomic_u64 module_pages[MODULE_PAGES];
extern __attribute__((visibility("hidden"))) atomic_u64 module_generation;

void module_announce_slow(struct context *c, uint64_t pc);
/* After a dlclose. */
void module_changed(void);

static inline bool module_announced(uint64_t frame)
{
    uint64_t page = (frame & ~WIRE_FRAME_EXACT) >> 12;
    uint64_t key = page ^ load_relaxed(&module_generation) << 40;
    return likely(load_relaxed(&module_pages[page % MODULE_PAGES]) == key);
}

static inline void module_announce(struct context *c, uint64_t frame)
{
    if (!module_announced(frame))
        module_announce_slow(c, frame);
}

#endif
