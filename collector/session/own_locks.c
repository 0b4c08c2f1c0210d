/*
 * collector/session/own_locks.c - see own_locks.h. Ingest thread.
 */
#include "session/own_locks.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"

enum { UNKNOWN, NONE, SOME };

/* All of them together: Rust's. */
static const char *const wanted[] = { "_Unwind_Backtrace", "_Unwind_GetLanguageSpecificData", "syscall" };
enum { WANTED = sizeof wanted / sizeof *wanted, ALL = (1 << WANTED) - 1, SYMBOLS_MAX = 1 << 20 };

/* What orders threads in libraries whose locks call no function of libc: who
 * wants one of these from another module uses it. Beginnings of names. */
static const char *const lent[] = {
    "GOMP_parallel", "GOMP_task", "GOMP_barrier", "GOMP_critical_start", "GOMP_atomic_start", "omp_set_lock", "omp_set_nest_lock",
    "__kmpc_fork_call", "__kmpc_barrier", "__kmpc_critical", "__kmpc_omp_task",
    "g_mutex_lock", "g_mutex_trylock", "g_rec_mutex_lock", "g_rec_mutex_trylock", "g_rw_lock_", "g_cond_wait", "g_bit_lock",
    "g_async_queue_p", "g_thread_pool_push",
    "_ZN11QBasicMutex", "_ZN6QMutex4lock", "_ZN6QMutex7tryLock", "_ZN10QSemaphore7acquire", "_ZN14QReadWriteLock",
    "_ZN14QWaitCondition4wait", "_ZN3tbb" };

/* Locks that are linked into their users mostly: there they have a place. */
static bool is_mixed_in(const char *name) { return !strncmp(name, "_ZN4absl", 8) && (strstr(name + 8, "5Mutex4LockEv") || strstr(name + 8, "5Mutex4lockEv")); }

static bool is_lent(const char *name)
{
    for (unsigned i = 0; i < sizeof lent / sizeof *lent; i++)
        if (!strncmp(name, lent[i], strlen(lent[i])))
            return true;
    return false;
}

/* A table of symbols tells of locks that are not seen. */
static bool table_tells(Elf *elf, Elf_Scn *section, const GElf_Shdr *head)
{
    Elf_Data *data = elf_getdata(section, NULL);
    unsigned found = 0;
    GElf_Sym symbol;
    for (int i = 0; data && i < SYMBOLS_MAX && gelf_getsym(data, i, &symbol); i++) {
        const char *name = elf_strptr(elf, head->sh_link, symbol.st_name);
        if (!name)
            continue;
        if (is_mixed_in(name))
            return true;
        if (head->sh_type != SHT_DYNSYM || symbol.st_shndx != SHN_UNDEF)
            continue;
        if (GELF_ST_BIND(symbol.st_info) == STB_GLOBAL && is_lent(name))    /* what is weak may not be there */
            return true;
        for (unsigned w = 0; w < WANTED; w++)
            found |= (unsigned)!strcmp(name, wanted[w]) << w;
    }
    return found == ALL;
}

static bool elf_tells(Elf *elf)
{
    Elf_Scn *section = NULL;
    GElf_Shdr head;
    while (elf_kind(elf) == ELF_K_ELF && (section = elf_nextscn(elf, section)))
        if (gelf_getshdr(section, &head) && (head.sh_type == SHT_DYNSYM || head.sh_type == SHT_SYMTAB) &&
            table_tells(elf, section, &head))
            return true;
    return false;
}

bool own_locks_in(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    bool found = false;
    if (fd < 0)
        return false;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
        elf_version(EV_CURRENT);
        Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
        found = elf && elf_tells(elf);
        elf_end(elf);
    }
    close(fd);
    return found;
}

void own_locks_tell(struct own_locks *o, const struct code *code, uint32_t pid, struct event *e)
{
    const struct code_module *m = e->extra[1] <= UINT32_MAX ? code_module(code, (uint32_t)e->extra[1]) : NULL;
    if (!m || m->path[0] != '/')
        return;
    if (e->extra[1] >= o->capacity) {
        size_t old = o->capacity;
        o->known = xgrow(o->known, &o->capacity, e->extra[1] + 1, 1);
        memset(o->known + old, UNKNOWN, o->capacity - old);
    }
    uint8_t *known = &o->known[e->extra[1]];
    if (*known == UNKNOWN) {
        char *path = xasprintf("/proc/%u/root%s", pid, m->path);
        *known = own_locks_in(path) || own_locks_in(m->path) ? SOME : NONE;
        free(path);
    }
    e->family = *known == SOME;
}

void own_locks_end(struct own_locks *o)
{
    free(o->known);
    *o = (struct own_locks){ 0 };
}
