/*
 * collector/heap/heap_remote.c - see heap_remote.h.
 *
 * A module's unwind tables are found as the loader finds them: PT_GNU_EH_FRAME of
 * its headers names .eh_frame_hdr, whose table libunwind searches through our accessor. Each
 * look is of a few words, so files are read in pages that are kept.
 */
#include "heap/heap_remote.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <libunwind.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/uio.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_unwind.h"

/* Of libunwind's inside, exported for those who look for tables themselves. */
#define dwarf_search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
extern int dwarf_search_unwind_table(unw_addr_space_t as, unw_word_t ip, unw_dyn_info_t *di, unw_proc_info_t *pi,
                                     int need_unwind_info, void *arg);

enum { PAGE = 4096, PAGES = 256,
       HDR_VERSION = 1, HDR_TABLE_SDATA4_DATAREL = 0x3b, HDR_COUNT_UDATA4 = 0x03, HDR_PTR_SDATA4_PCREL = 0x1b };

struct tables { bool looked, there; unw_dyn_info_t info; };
struct page { uint64_t address; size_t n; uint8_t bytes[PAGE]; };

struct heap_remote {
    const struct heap_modules *modules;
    const struct heap_maps *maps;
    pid_t pid;
    unw_addr_space_t space;
    struct tables *tables, vdso;    /* of modules->places; of the vdso */
    uint64_t vdso_start, vdso_end;
    struct page **pages;            /* of files and of the process, by address */
    /* the thread that is unwound */
    const struct heap_thread *thread;
    const struct heap_remote_copy *stack;
    uint64_t stack_start, stack_end;    /* its mapping */
};

/* ---- memory -------------------------------------------------------------------- */

static size_t process_read(pid_t pid, uint64_t address, void *to, size_t n)
{
    struct iovec mine = {to, n}, its = {(void *)(uintptr_t)address, n};
    ssize_t got = process_vm_readv(pid, &mine, 1, &its, 1, 0);
    return got > 0 ? (size_t)got : 0;
}

static struct page *page_at(struct heap_remote *r, uint64_t address)
{
    uint64_t start = address & ~(uint64_t)(PAGE - 1);
    struct page **slot = &r->pages[start / PAGE % PAGES];
    if (*slot && (*slot)->address == start)
        return *slot;
    if (!*slot)
        *slot = xmalloc(sizeof **slot);
    (*slot)->address = start;
    (*slot)->n = heap_modules_constant(r->modules, start, (*slot)->bytes, PAGE);
    if (!(*slot)->n)
        (*slot)->n = process_read(r->pid, start, (*slot)->bytes, PAGE);
    return *slot;
}

static size_t some_read(struct heap_remote *r, uint64_t address, uint8_t *to, size_t n)
{
    const struct heap_remote_copy *s = r->stack;
    if (s && address >= s->address && address - s->address < s->n) {
        size_t left = s->n - (size_t)(address - s->address);
        n = n < left ? n : left;
        memcpy(to, s->bytes + (address - s->address), n);
        return n;
    }
    if (s && address >= r->stack_start && address < r->stack_end)
        return 0; /* it has run on: what is there now is of another moment */
    if (address >= r->vdso_start && address < r->vdso_end) {
        size_t left = (size_t)(r->vdso_end - address);
        n = n < left ? n : left;
        memcpy(to, (const uint8_t *)(uintptr_t)getauxval(AT_SYSINFO_EHDR) + (address - r->vdso_start), n);
        return n;
    }
    const struct page *p = page_at(r, address);
    size_t at = (size_t)(address - p->address);
    if (at >= p->n)
        return 0;
    n = n < p->n - at ? n : p->n - at;
    memcpy(to, p->bytes + at, n);
    return n;
}

static bool memory_read(struct heap_remote *r, uint64_t address, void *to, size_t bytes)
{
    for (size_t done = 0, n; done < bytes; done += n)
        if (address + done < address || !(n = some_read(r, address + done, (uint8_t *)to + done, bytes - done)))
            return false;
    return true;
}

/* ---- unwind tables -------------------------------------------------------------- */

/* The head of .eh_frame_hdr, which tells where its table lies. */
static void tables_read(struct heap_remote *r, struct tables *t, uint64_t start, uint64_t end, uint64_t hdr)
{
    struct { uint8_t version, ptr, count, table; uint32_t eh_frame, entries; } __attribute__((packed)) head;
    if (!memory_read(r, hdr, &head, sizeof head) || head.version != HDR_VERSION || head.ptr != HDR_PTR_SDATA4_PCREL ||
        head.count != HDR_COUNT_UDATA4 || head.table != HDR_TABLE_SDATA4_DATAREL || head.entries > (end - start))
        return;
    t->info.format = UNW_INFO_FORMAT_REMOTE_TABLE;
    t->info.start_ip = start;
    t->info.end_ip = end;
    t->info.u.rti.segbase = hdr;
    t->info.u.rti.table_data = hdr + sizeof head;
    t->info.u.rti.table_len = (unw_word_t)head.entries * 8 / sizeof(unw_word_t);
    t->there = head.entries > 0;
}

/* Where an ELF image has its .eh_frame_hdr, as an offset to its bias; 0: nowhere. */
static uint64_t hdr_find(Elf *elf)
{
    size_t n;
    GElf_Phdr ph;
    if (elf && elf_kind(elf) == ELF_K_ELF && !elf_getphdrnum(elf, &n))
        for (size_t i = 0; i < n && gelf_getphdr(elf, (int)i, &ph); i++)
            if (ph.p_type == PT_GNU_EH_FRAME)
                return ph.p_vaddr;
    return 0;
}

static const struct tables *tables_of(struct heap_remote *r, uint64_t pc)
{
    const struct heap_place *p = heap_modules_at(r->modules, pc);
    struct tables *t = p ? &r->tables[p - r->modules->places] : pc >= r->vdso_start && pc < r->vdso_end ? &r->vdso : NULL;
    if (!t || t->looked)
        return t && t->there ? t : NULL;
    t->looked = true;
    elf_version(EV_CURRENT);
    if (p && (p->fd < 0 || !p->headers))
        return NULL;
    Elf *elf = p ? elf_begin(p->fd, ELF_C_READ, NULL)
                 : elf_memory((char *)(uintptr_t)getauxval(AT_SYSINFO_EHDR), (size_t)(r->vdso_end - r->vdso_start));
    uint64_t hdr = hdr_find(elf);
    elf_end(elf);
    if (hdr && p)
        tables_read(r, t, p->start, p->end, p->bias + hdr);
    else if (hdr)
        tables_read(r, t, r->vdso_start, r->vdso_end, r->vdso_start + hdr);
    return t->there ? t : NULL;
}

/* ---- what libunwind asks --------------------------------------------------------- */

static int find_proc_info(unw_addr_space_t space, unw_word_t pc, unw_proc_info_t *info, int need, void *remote)
{
    const struct tables *t = tables_of(remote, pc);
    unw_dyn_info_t di;
    if (!t)
        return -UNW_ENOINFO;
    di = t->info;
    return dwarf_search_unwind_table(space, pc, &di, info, need, remote);
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *remote)
{
    /* Of a remote table it is of libunwind's own pool, which its cursor gives back. */
}

static int get_dyn_info_list_addr(unw_addr_space_t space, unw_word_t *list, void *remote) { return -UNW_ENOINFO; }

static int access_mem(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int writes, void *remote)
{
    return !writes && memory_read(remote, address, value, sizeof *value) ? 0 : -UNW_EINVAL;
}

static int access_reg(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int writes, void *remote)
{
    const struct heap_remote *r = remote;
    if (writes || number < 0 || number >= HEAP_GENERAL)
        return -UNW_EBADREG;
    *value = r->thread->registers[number];
    return 0;
}

static int access_fpreg(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int writes, void *remote) { return -UNW_EBADREG; }
static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *remote) { return -UNW_EINVAL; }
static int get_proc_name(unw_addr_space_t space, unw_word_t pc, char *name, size_t size, unw_word_t *offset, void *remote) { return -UNW_ENOINFO; }

static unw_accessors_t accessors = { .find_proc_info = find_proc_info, .put_unwind_info = put_unwind_info,
                                     .get_dyn_info_list_addr = get_dyn_info_list_addr, .access_mem = access_mem, .access_reg = access_reg,
                                     .access_fpreg = access_fpreg, .resume = resume, .get_proc_name = get_proc_name };

/* ---- the whole -------------------------------------------------------------------- */

struct heap_remote *heap_remote_new(const struct heap_modules *modules, const struct heap_maps *maps, pid_t pid)
{
    struct heap_remote *r = xcalloc(1, sizeof *r);
    r->modules = modules;
    r->maps = maps;
    r->pid = pid;
    r->tables = xcalloc(modules->n + 1, sizeof *r->tables);
    r->pages = xcalloc(PAGES, sizeof *r->pages);
    r->space = unw_create_addr_space(&accessors, 0);
    for (size_t i = 0; i < maps->n && getauxval(AT_SYSINFO_EHDR); i++)
        if (!strcmp(maps->maps[i].path, "[vdso]")) {
            r->vdso_start = maps->maps[i].start;
            r->vdso_end = maps->maps[i].end;
        }
    return r;
}

void heap_remote_free(struct heap_remote *r)
{
    if (!r)
        return;
    if (r->space)
        unw_destroy_addr_space(r->space);
    for (size_t i = 0; i < PAGES; i++)
        free(r->pages[i]);
    free(r->pages);
    free(r->tables);
    free(r);
}

size_t heap_remote_unwind(struct heap_remote *r, const struct heap_thread *thread, const struct heap_remote_copy *stack,
                          struct heap_remote_frame *frames, size_t most, bool *whole)
{
    const struct heap_map *map = heap_maps_find(r->maps, thread->sp);
    unw_cursor_t cursor;
    size_t n = 0;
    int step = -1;
    *whole = false;
    if (!r->space || thread->n_registers < HEAP_GENERAL || !most)
        return 0;
    r->thread = thread;
    r->stack = stack;
    r->stack_start = map ? map->start : 0;
    r->stack_end = map ? map->end : 0;
    if (!unw_init_remote(&cursor, r->space, r))
        do {
            unw_word_t pc, sp;
            if (unw_get_reg(&cursor, UNW_REG_IP, &pc) || unw_get_reg(&cursor, UNW_REG_SP, &sp) || !pc)
                break;
            frames[n] = (struct heap_remote_frame){ .pc = pc, .exact = !n || unw_is_signal_frame(&cursor) > 0 };
            n++;
            step = n < most ? unw_step(&cursor) : -1;
        } while (step > 0);
    *whole = n && step == 0;
    r->thread = NULL;
    r->stack = NULL;
    return n;
}
