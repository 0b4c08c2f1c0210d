/*
 * preload/unwind_reach.c - proves pages readable; see preload/unwind_reach.h.
 *
 * Runs in the traced thread, off the usual path: once a page of a stack, when
 * a walk first meets it. errno stays as it was.
 */
#include "preload/unwind_reach.h"

#include "preload/system.h"

enum { PAGE = 4096, GAP_PAGES_MAX = 64 };

static atomic_u32 shut;

void reach_shut(int by) { add_relaxed(&shut, (uint32_t)by); }

bool reach_is_shut(void) { return load_relaxed(&shut) != 0; }

bool reach_probe(uint64_t address)
{
    if (unlikely(reach_is_shut()))
        return false;
    /* The kernel copies the set before it refuses the unknown `how`; a null
     * pointer would mean no set. */
    return address >= PAGE && system_call(SYS_rt_sigprocmask, -1, (long)address, 0, 8, 0, 0) != -EFAULT;
}

/* Every page of [low, high) can be read, and they are few. */
static bool reach_span(uint64_t low, uint64_t high)
{
    if (high - low > (uint64_t)GAP_PAGES_MAX * PAGE)
        return false;
    for (; low < high; low += PAGE)
        if (!reach_probe(low))
            return false;
    return true;
}

static bool range_holds(const struct unwind_range *r, uint64_t address)
{
    return address - r->low < r->high - r->low;
}

bool reach_known(const struct unwind_memory *m, uint64_t address)
{
    for (int i = 0; m->ready && i < UNWIND_RANGES; i++)
        if (range_holds(&m->ranges[i], address))
            return true;
    return false;
}

/* Adds a page that is known to be readable, to a range near it or as a new one. */
static struct unwind_range *range_add(struct unwind_memory *m, uint64_t page)
{
    for (int i = 0; i < UNWIND_RANGES; i++) {
        struct unwind_range *r = &m->ranges[i];
        if (r->low == r->high)
            continue;
        if (page >= r->high && reach_span(r->high, page)) {
            r->high = page + PAGE;
            return r;
        }
        if (page < r->low && reach_span(page + PAGE, r->low)) {
            r->low = page;
            return r;
        }
    }
    struct unwind_range *r = &m->ranges[1 + m->next_range++ % (UNWIND_RANGES - 1)];
    *r = (struct unwind_range){page, page + PAGE};
    return r;
}

void reach_focus(struct unwind_memory *m, uint64_t sp)
{
    struct unwind_range *found = NULL;
    for (int i = 0; i < UNWIND_RANGES && !found; i++)
        if (range_holds(&m->ranges[i], sp - 8))
            found = &m->ranges[i];
    if (!found)
        found = range_add(m, (sp - 8) & ~(uint64_t)(PAGE - 1));
    struct unwind_range was = m->ranges[0];
    m->ranges[0] = *found;
    if (found != &m->ranges[0])
        *found = was;
}

bool reach_read(struct unwind_memory *m, uint64_t address, uint64_t *value)
{
    if (address & 7)
        return false;
    for (int i = 0; i < UNWIND_RANGES; i++)
        if (range_holds(&m->ranges[i], address)) {
            *value = unwind_load(address);
            return true;
        }
    if (!reach_probe(address))
        return false;
    range_add(m, address & ~(uint64_t)(PAGE - 1));
    *value = unwind_load(address);
    return true;
}
