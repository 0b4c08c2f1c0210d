/*
 * collector/heap/heap_roots.c - see heap_roots.h.
 *
 * The image's private writable memory is taken in pieces; what a piece is said
 * to be is cut out of the rest (struct cuts), so that no word is in two roots.
 */
#include "heap/heap_roots.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "heap/heap_arena.h"
#include "heap/heap_memory.h"

/* How libc lays a thread out: its descriptor (struct pthread) and the static thread-local block around the thread pointer.
 * LINKS: where the descriptor is linked into glibc's list of stacks. */
#if defined(__aarch64__)
enum { RED_ZONE = 0, TLS_ABOVE = 1, DESCRIPTOR = 0x800, LINKS = 0xc0 };
#else
enum { RED_ZONE = 128, TLS_ABOVE = 0, DESCRIPTOR = 0xa00, LINKS = 0x2c0 };
#endif
enum { PAGE = 4096 };

struct range { uint64_t start, end; };

struct roots {
    struct snapshot *s;
    const struct heap_scan_input *in;
    const struct heap_maps *maps;
    const struct heap_modules *modules;
    uint64_t tls_bytes;         /* static, at most */
    size_t room;
    struct range *cuts;         /* what is no mapping root any more */
    size_t n_cuts, cuts_room;
    bool arenas;                /* glibc's malloc is in use */
};

static void cut(struct roots *r, uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    r->cuts = xgrow(r->cuts, &r->cuts_room, r->n_cuts + 1, sizeof *r->cuts);
    r->cuts[r->n_cuts++] = (struct range){start, end};
}

static struct snapshot_root *add(struct roots *r, enum root_kind kind, uint64_t start, uint64_t end)
{
    static struct snapshot_root nowhere;
    if (kind != ROOT_REGISTERS) {
        start = (start + 7) & ~7ull;
        end &= ~7ull;
    }
    if (start >= end || r->s->n_roots >= SNAPSHOT_BLOCKS_MAX)
        return &nowhere;
    r->s->roots = xgrow(r->s->roots, &r->room, r->s->n_roots + 1, sizeof *r->s->roots);
    r->s->roots[r->s->n_roots] = (struct snapshot_root){.address = start, .bytes = end - start, .kind = (uint8_t)kind};
    return &r->s->roots[r->s->n_roots++];
}

static bool holdable(const struct heap_map *m) { return m->readable && m->writable && !m->shared; }
static bool nameless(const struct heap_map *m) { return m->path[0] != '/' || !m->inode; }

/* ---- threads ---------------------------------------------------------------- */

static const struct heap_known_thread *known(const struct roots *r, pid_t tid)
{
    for (size_t i = 0; i < r->in->n_threads; i++)
        if (r->in->threads[i].tid == tid && !r->in->threads[i].ended)
            return &r->in->threads[i];
    return NULL;
}

/* Where a thread's own memory ends: its neighbours of the same mapping begin there. */
static struct range tls_of(const struct roots *r, const struct heap_thread *t, const struct heap_map *m)
{
    uint64_t below = TLS_ABOVE ? DESCRIPTOR : r->tls_bytes, above = TLS_ABOVE ? r->tls_bytes + 16 : DESCRIPTOR;
    uint64_t tp = t->thread_pointer;
    struct range tls = {tp - m->start < below ? m->start : (tp - below) & ~63ull, m->end};
    if (m->end - tp > above)
        tls.end = (tp + above + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    return tls;
}

static uint64_t lower_end(const struct roots *r, const struct heap_map *m, uint64_t tp)
{
    uint64_t start = m->start;
    for (size_t i = 0; i < r->in->stop->n; i++) {
        const struct heap_thread *t = &r->in->stop->threads[i];
        if (t->thread_pointer > m->start && t->thread_pointer < tp) {
            uint64_t end = tls_of(r, t, m).end;
            if (end > start && end < tp)
                start = end;
        }
    }
    return start;
}

/* The red zone is in use in a function that calls none; around a system call it is what older calls left. */
static bool red_zone_used(const struct roots *r, const struct heap_thread *t)
{
    uint8_t code[2];
    return RED_ZONE > 0 && t->n_registers && t->pc &&
           !(heap_modules_constant(r->modules, t->pc - 2, code, 2) == 2 && code[0] == 0x0f && code[1] == 0x05);
}

/* A stack that its stack pointer lies in: the part in use. */
static void stack_from(struct roots *r, uint32_t serial, const struct heap_thread *t, struct range within)
{
    uint64_t start = t->sp - within.start < RED_ZONE || !red_zone_used(r, t) ? t->sp : t->sp - RED_ZONE;
    add(r, ROOT_STACK, start, within.end)->thread = serial;
    cut(r, within.start, within.end);
}

/* Its stack lies in a block, or in memory that nobody announced. */
static void stack_elsewhere(struct roots *r, uint32_t serial, const struct heap_thread *t, const struct heap_map *m)
{
    struct range within = {m->start, m->end};
    const struct snapshot *s = r->s;
    size_t low = 0, high = s->n_blocks;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->address[mid] <= t->sp)
            low = mid + 1;
        else
            high = mid;
    }
    if (low && t->sp - s->address[low - 1] < s->size[low - 1])
        within = (struct range){s->address[low - 1], s->address[low - 1] + s->size[low - 1]};
    else if (low < s->n_blocks && s->address[low] < within.end)
        within.end = s->address[low];
    stack_from(r, serial, t, within);
}

static void thread_add(struct roots *r, const struct heap_thread *t)
{
    const struct heap_known_thread *k = known(r, t->tid);
    const struct heap_map *at = t->sp ? heap_maps_find(r->maps, t->sp) : NULL;
    const struct heap_map *home = t->thread_pointer ? heap_maps_find(r->maps, t->thread_pointer) : NULL;
    uint32_t serial = k ? k->serial : 0;
    bool stack = at && holdable(at), pthread = home && holdable(home) && nameless(home) && t->tid != r->in->stop->pid;

    if (t->n_registers)
        add(r, ROOT_REGISTERS, 0, t->n_registers * 8ull)->thread = serial;
    if (home && holdable(home)) {
        struct range tls = tls_of(r, t, home), own = {lower_end(r, home, t->thread_pointer), tls.start};
        bool here = stack && at == home && t->sp >= own.start && t->sp < tls.start;
        add(r, ROOT_TLS, tls.start, tls.end)->thread = serial;
        cut(r, tls.start, tls.end);
        if (here) {
            stack_from(r, serial, t, own);
            return;
        }
        if (pthread) {
            add(r, ROOT_STACK, own.start, own.end)->thread = serial;
            cut(r, own.start, own.end);
        }
    }
    if (!stack)
        return;
    if (!strcmp(at->path, "[stack]"))
        stack_from(r, serial, t, (struct range){at->start, at->end});
    else
        stack_elsewhere(r, serial, t, at);
}

static bool cut_already(const struct roots *r, uint64_t address)
{
    for (size_t i = 0; i < r->n_cuts; i++)
        if (address - r->cuts[i].start < r->cuts[i].end - r->cuts[i].start)
            return true;
    return false;
}

/* A stack that libc has in a list: it was not unmapped since, and is not the program's own memory. */
static bool listed(const struct roots *r, uint64_t pthread)
{
    uint64_t links = pthread + LINKS, next = heap_memory_word(r->in->image, links);
    return next && next != links && heap_memory_word(r->in->image, next + 8) == links;
}

/* What libc keeps of threads that ended, to give it to the next. */
static void ended_stacks(struct roots *r)
{
    for (size_t i = 0; i < r->in->n_threads; i++) {
        const struct heap_known_thread *k = &r->in->threads[i];
        const struct heap_map *m = k->ended && k->pthread ? heap_maps_find(r->maps, k->pthread) : NULL;
        if (m && holdable(m) && nameless(m) && strcmp(m->path, "[heap]") && !cut_already(r, k->pthread) && listed(r, k->pthread)) {
            uint64_t end = (k->pthread + DESCRIPTOR + PAGE - 1) & ~(uint64_t)(PAGE - 1);
            end = end < m->end ? end : m->end;
            add(r, ROOT_TLS, k->pthread, end)->thread = k->serial; /* the next thread is given its dtv */
            cut(r, lower_end(r, m, k->pthread), end);
        }
    }
}

static bool first_runs(const struct roots *r)
{
    for (size_t i = 0; i < r->in->stop->n; i++)
        if (r->in->stop->threads[i].tid == r->in->stop->pid)
            return true;
    return false;
}

/* What outlives the first thread on its stack. */
static uint64_t environment_from(const struct roots *r, const struct heap_map *m)
{
    return r->maps->first_sp > m->start && r->maps->first_sp < m->end ? r->maps->first_sp : m->start;
}

static void threads_add(struct roots *r)
{
    const struct heap_known_thread *main_thread = known(r, r->in->stop->pid);
    for (size_t i = 0; i < r->modules->n; i++)
        r->tls_bytes += r->modules->places[i].tls_bytes;
    if (r->tls_bytes > 1 << 20)
        r->tls_bytes = 1 << 20;
    for (size_t i = 0; i < r->in->stop->n; i++)
        thread_add(r, &r->in->stop->threads[i]);
    for (size_t i = 0; i < r->maps->n; i++) {
        const struct heap_map *m = &r->maps->maps[i];
        if (strcmp(m->path, "[stack]") || !holdable(m))
            continue;
        if (!cut_already(r, m->start)) /* the first thread runs elsewhere now, or has ended */
            add(r, ROOT_STACK, first_runs(r) ? m->start : environment_from(r, m), m->end)->thread =
                main_thread ? main_thread->serial : 0;
        cut(r, m->start, m->end);
    }
    ended_stacks(r);
}

/* ---- modules ---------------------------------------------------------------- */

static void data_add(struct roots *r, const struct heap_place *p, uint64_t start, uint64_t end)
{
    struct snapshot_root *root = r->s->n_roots ? &r->s->roots[r->s->n_roots - 1] : NULL;
    if (start >= end)
        return;
    if (root && root->kind == ROOT_DATA && root->module == (uint32_t)(p - r->modules->places) + 1 && root->address + root->bytes == start) {
        root->bytes = (end & ~7ull) - root->address;    /* a variable may begin in the file's pages and end behind them */
        return;
    }
    root = add(r, ROOT_DATA, start, end);
    root->module = (uint32_t)(p - r->modules->places) + 1;
    root->offset = root->address - p->bias;
}

/* The writable mappings of modules, and the nameless ones behind them as far as the module goes. */
static void modules_add(struct roots *r)
{
    for (size_t i = 0; i < r->maps->n; i++) {
        const struct heap_map *m = &r->maps->maps[i];
        const struct heap_place *p = holdable(m) ? heap_modules_at(r->modules, m->start) : NULL;
        bool own = p && (m->path[0] == '/' || (!m->path[0] && i && m[-1].end == m->start));
        uint64_t end = p && p->end < m->end ? p->end : m->end, bins, bins_end = m->start;
        if (!own)
            continue;
        cut(r, m->start, end);
        if (r->in->shim_path && !strcmp(p->path, r->in->shim_path))
            continue;
        while (m->path[0] && heap_arena_bins(r->in->image, bins_end, end, &bins, &r->arenas)) {
            data_add(r, p, bins_end, bins);
            bins_end = bins + HEAP_ARENA_BYTES < end ? bins + HEAP_ARENA_BYTES : end;
        }
        data_add(r, p, bins_end, end);
    }
}

/* ---- the rest ----------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static size_t block_from(const struct snapshot *s, uint64_t address)
{
    size_t low = 0, high = s->n_blocks;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->address[mid] < address)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Cuts out what is a block's own mapping; true: an allocator gives blocks out of the rest. */
static bool allocators(struct roots *r, const struct heap_map *m)
{
    const struct snapshot *s = r->s;
    size_t i = block_from(s, m->start);
    bool handed_out = heap_arena_at(r->in->image, m) || (r->arenas && !strcmp(m->path, "[heap]"));
    if (i && s->address[i - 1] + s->size[i - 1] > m->start && heap_mapped(s->family[i - 1]))
        cut(r, m->start, s->address[i - 1] + s->size[i - 1]);
    for (; i < s->n_blocks && s->address[i] < m->end && !handed_out; i++) {
        uint64_t start = s->address[i], end = start + s->size[i];
        if (heap_mapped(s->family[i]))
            cut(r, start, (end + PAGE - 1) & ~(uint64_t)(PAGE - 1));
        else if (!heap_arena_mapped(r->in->image, start, s->size[i], &end))
            handed_out = !cut_already(r, start);
        else
            cut(r, start & ~(uint64_t)(PAGE - 1), end);
    }
    return handed_out;
}

/* Sorted and apart. */
static void cuts_merge(struct roots *r)
{
    size_t n = 0;
    if (r->n_cuts)
        qsort(r->cuts, r->n_cuts, sizeof *r->cuts, by_start);
    for (size_t i = 0; i < r->n_cuts; i++)
        if (n && r->cuts[i].start <= r->cuts[n - 1].end)
            r->cuts[n - 1].end = r->cuts[i].end > r->cuts[n - 1].end ? r->cuts[i].end : r->cuts[n - 1].end;
        else
            r->cuts[n++] = r->cuts[i];
    r->n_cuts = n;
}

/* What lies between recorded blocks, where others may lie. */
static void unrecorded_add(struct roots *r, uint64_t start, uint64_t end)
{
    enum { LEAST_BYTES = 32 };  /* a block that was not recorded, with its head */
    const struct snapshot *s = r->s;
    size_t i = block_from(s, start);
    if (i && s->address[i - 1] + s->size[i - 1] > start)
        start = s->address[i - 1] + s->size[i - 1];
    for (; start < end; i++) {
        bool more = i < s->n_blocks && s->address[i] < end;
        uint64_t to = more ? s->address[i] : end;
        if (to > start && to - start >= LEAST_BYTES)
            add(r, ROOT_UNRECORDED, start, to);
        if (!more)
            return;
        to = s->address[i] + s->size[i];
        start = to > start ? to : start;
    }
}

static void range_add(struct roots *r, bool mine, uint64_t start, uint64_t end)
{
    if (mine)
        add(r, ROOT_MAPPING, start, end);
    else
        unrecorded_add(r, start, end);
}

static void rest_add(struct roots *r)
{
    size_t n = r->maps->n, c = 0;
    bool *mine = xcalloc(n + 1, sizeof *mine);
    for (size_t i = 0; i < n; i++) {
        const struct heap_map *m = &r->maps->maps[i];
        mine[i] = holdable(m) && !allocators(r, m) && (r->arenas || !r->s->n_blocks || !nameless(m));
    }
    cuts_merge(r);
    for (size_t i = 0; i < n; i++) {
        const struct heap_map *m = &r->maps->maps[i];
        uint64_t from = m->start;
        bool wanted = mine[i] || (r->s->partial && holdable(m));
        while (c < r->n_cuts && r->cuts[c].end <= from)
            c++;
        for (size_t at = c; wanted && from < m->end; at++) {
            bool more = at < r->n_cuts && r->cuts[at].start < m->end;
            uint64_t end = more ? r->cuts[at].start : m->end;
            if (end > from)
                range_add(r, mine[i], from, end);
            from = more ? r->cuts[at].end : m->end;
        }
    }
    free(mine);
}

void heap_roots(struct snapshot *s, const struct heap_scan_input *in, const struct heap_modules *modules)
{
    struct roots r = {.s = s, .in = in, .maps = heap_image_maps(in->image), .modules = modules};
    s->n_roots = 0;
    threads_add(&r);
    modules_add(&r);
    rest_add(&r);
    free(r.cuts);
}
