/*
 * collector/export/suppressions_kinds.c - what other tools' words for errors
 * mean among our rules, and their names for the functions that we hook: tables.
 */
#include <errno.h>
#include <string.h>

#include "event/event.h"
#include "export/suppressions_rule.h"

#define BIT(n) (1u << (n))
enum {
    ALL_USES = 255,
    DROPS = BIT(USE_DROP),
    NOT_DROPS = ALL_USES & ~BIT(USE_DROP),
    COPIES = BIT(USE_COPY),
    ALL_LOCKS = 0xffff,
    MUTEXES = BIT(WIRE_LOCK_MUTEX) | BIT(WIRE_LOCK_MTX) | BIT(WIRE_LOCK_SPIN),
    RWLOCKS = BIT(WIRE_LOCK_RWLOCK) | BIT(WIRE_LOCK_RWLOCK_SHARED),
    CONDITIONS = BIT(WIRE_LOCK_COND) | BIT(WIRE_LOCK_CND),
    LOCK_RULES = BIT(RULE_DROPPED_WHILE_LOCKED) | BIT(RULE_DESTROYED_WHILE_HELD) | BIT(RULE_EXITED_HOLDING) |
                 BIT(RULE_RELEASED_BY_STRANGER) | BIT(RULE_RELOCK),
    MEMORY_RULES = BIT(RULE_USE_AFTER_DROP) | BIT(RULE_OUT_OF_BOUNDS)
};

struct meaning { const char *tool, *kind; unsigned rules; uint8_t uses; uint16_t locks; };

/* Several rows may explain one kind. Kinds that are not here are of errors
 * that ownscope does not look for. */
static const struct meaning kinds[] = {
    { "Memcheck", "Free", BIT(RULE_DOUBLE_DROP) | BIT(RULE_INVALID_DROP) | BIT(RULE_MISMATCHED_DROP), ALL_USES, ALL_LOCKS },
    { "Memcheck", "Free", BIT(RULE_USE_AFTER_DROP), DROPS, ALL_LOCKS },     /* a realloc */
    { "Memcheck", "SizeMismatch", BIT(RULE_MISMATCHED_DROP), ALL_USES, ALL_LOCKS },
    { "Memcheck", "AlignMismatch", BIT(RULE_MISMATCHED_DROP), ALL_USES, ALL_LOCKS },
    { "Memcheck", "Leak", BIT(RULE_LEAK), ALL_USES, ALL_LOCKS },
    { "Memcheck", "Overlap", BIT(RULE_OVERLAP), ALL_USES, ALL_LOCKS },
    { "Memcheck", "Addr1", MEMORY_RULES, NOT_DROPS, ALL_LOCKS },
    { "Memcheck", "Addr2", MEMORY_RULES, NOT_DROPS, ALL_LOCKS },
    { "Memcheck", "Addr4", MEMORY_RULES, NOT_DROPS, ALL_LOCKS },
    { "Memcheck", "Addr8", MEMORY_RULES, NOT_DROPS, ALL_LOCKS },
    { "Memcheck", "Addr16", MEMORY_RULES, NOT_DROPS, ALL_LOCKS },
    { "Memcheck", "Addr32", MEMORY_RULES, NOT_DROPS, ALL_LOCKS },
    { "Helgrind", "Race", BIT(RULE_UNORDERED_BORROW), ALL_USES, ALL_LOCKS },
    { "Helgrind", "FreeMemLock", BIT(RULE_DROPPED_WHILE_LOCKED), ALL_USES, ALL_LOCKS },
    { "Helgrind", "UnlockUnlocked", BIT(RULE_RELEASED_BY_STRANGER), ALL_USES, ALL_LOCKS },
    { "Helgrind", "UnlockForeign", BIT(RULE_RELEASED_BY_STRANGER), ALL_USES, ALL_LOCKS },
    { "Helgrind", "UnlockBogus", BIT(RULE_RELEASED_BY_STRANGER), ALL_USES, ALL_LOCKS },
    { "Helgrind", "PthAPIerror", BIT(RULE_RELOCK) | BIT(RULE_DESTROYED_WHILE_HELD), ALL_USES, ALL_LOCKS },
    { "Helgrind", "LockOrder", BIT(RULE_LOCK_ORDER) | BIT(RULE_DEADLOCK), ALL_USES, ALL_LOCKS },
    { "Helgrind", "Misc", BIT(RULE_RELOCK) | BIT(RULE_DESTROYED_WHILE_HELD) | BIT(RULE_EXITED_HOLDING), ALL_USES, ALL_LOCKS },
    { "drd", "ConflictingAccess", BIT(RULE_UNORDERED_BORROW), ALL_USES, ALL_LOCKS },
    { "drd", "MutexErr", LOCK_RULES, ALL_USES, MUTEXES },
    { "drd", "RwlockErr", LOCK_RULES, ALL_USES, RWLOCKS },
    { "drd", "CondDestrErr", BIT(RULE_DESTROYED_WHILE_HELD), ALL_USES, CONDITIONS },
    { "drd", "SemaphoreErr", LOCK_RULES, ALL_USES, BIT(WIRE_LOCK_SEM) },
    { "drd", "BarrierErr", LOCK_RULES, ALL_USES, BIT(WIRE_LOCK_BARRIER) },
};

/* Types of the sanitizers' lines; beside them every rule's name is one. */
static const struct { const char *type; unsigned rules; uint8_t uses; enum suppression_reach reach; } types[] = {
    { "leak", BIT(RULE_LEAK), ALL_USES, REACH_FRAMES },
    { "race", BIT(RULE_UNORDERED_BORROW) | BIT(RULE_USE_AFTER_DROP), ALL_USES, REACH_FRAMES },
    { "race_top", BIT(RULE_UNORDERED_BORROW) | BIT(RULE_USE_AFTER_DROP), ALL_USES, REACH_TOP },
    { "mutex", LOCK_RULES & ~BIT(RULE_EXITED_HOLDING), ALL_USES, REACH_FRAMES },
    { "deadlock", BIT(RULE_LOCK_ORDER) | BIT(RULE_DEADLOCK), ALL_USES, REACH_FRAMES },
    { "called_from_lib", BIT(RULES) - 1, ALL_USES, REACH_CALLER },
    { "thread", 0, 0, REACH_FRAMES },
    { "signal", 0, 0, REACH_FRAMES },
    { "alloc_dealloc_mismatch", BIT(RULE_MISMATCHED_DROP), ALL_USES, REACH_FRAMES },
    { "interceptor_name", MEMORY_RULES | BIT(RULE_OVERLAP), COPIES, REACH_CALLED },
    { "interceptor_via_fun", MEMORY_RULES | BIT(RULE_OVERLAP), COPIES, REACH_FUNCTIONS },
    { "interceptor_via_lib", MEMORY_RULES | BIT(RULE_OVERLAP), COPIES, REACH_MODULES },
    { "odr_violation", 0, 0, REACH_FRAMES },
};

static void scope_join(struct suppression_scope *scope, unsigned rules, uint8_t uses, uint16_t locks)
{
    for (unsigned i = 0; i < RULES; i++)
        if (rules & BIT(i)) {
            scope->uses[i] |= uses;
            scope->locks[i] |= locks;
        }
}

/* The bit of a rule's name; "*": all; 0: no such rule. */
static unsigned rule_bits(const char *name)
{
    if (!strcmp(name, "*"))
        return BIT(RULES) - 1;
    for (unsigned i = 0; i < RULES; i++)
        if (!strcmp(name, rule_names[i]))
            return BIT(i);
    return 0;
}

int suppression_scope_add(struct suppression_scope *scope, const char *tool, const char *kind)
{
    if (!strcmp(tool, "ownscope")) {
        unsigned rules = rule_bits(kind);
        scope_join(scope, rules, ALL_USES, ALL_LOCKS);
        return rules ? 0 : -ENOENT;
    }
    int found = 1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(tool, kinds[i].tool) && !strcmp(kind, kinds[i].kind)) {
            scope_join(scope, kinds[i].rules, kinds[i].uses, kinds[i].locks);
            found = 0;
        }
    return found;
}

int suppression_scope_type(struct suppression_scope *scope, const char *type, enum suppression_reach *reach)
{
    unsigned rules = rule_bits(type);
    int found = -ENOENT;
    if (rules) {
        scope_join(scope, rules, ALL_USES, ALL_LOCKS);
        *reach = REACH_FRAMES;
        found = 0;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(type, types[i].type)) {
            scope_join(scope, types[i].rules, types[i].uses, ALL_LOCKS);
            *reach = types[i].reach;
            found = types[i].rules ? 0 : 1;
        }
    return found;
}

bool suppression_scope_has(const struct suppression_scope *scope, const struct suppression_subject *f)
{
    if (f->rule >= RULES || f->use >= 8 || !(scope->uses[f->rule] & BIT(f->use)))
        return false;
    return f->use != USE_LOCK || scope->locks[f->rule] & BIT(f->family % 16u);
}

/* ---- names of hooked functions -------------------------------------------- */

enum { NAMES_MAX = 24 };
struct names { const char *const list[NAMES_MAX]; };

static const struct names family_names[WIRE_FAMILIES] = {
    [WIRE_MALLOC] = { { "malloc" } },
    [WIRE_CALLOC] = { { "calloc" } },
    [WIRE_REALLOC] = { { "realloc" } },
    [WIRE_REALLOCARRAY] = { { "reallocarray", "realloc" } },
    [WIRE_POSIX_MEMALIGN] = { { "posix_memalign" } },
    [WIRE_ALIGNED_ALLOC] = { { "aligned_alloc" } },
    [WIRE_MEMALIGN] = { { "memalign" } },
    [WIRE_VALLOC] = { { "valloc" } },
    [WIRE_PVALLOC] = { { "pvalloc" } },
    [WIRE_NEW_SCALAR] = { { "_Znwm", "_ZnwmRKSt9nothrow_t", "operator new(unsigned long)", "operator new" } },
    [WIRE_NEW_ARRAY] = { { "_Znam", "_ZnamRKSt9nothrow_t", "operator new[](unsigned long)", "operator new[]" } },
    [WIRE_NEW_ALIGNED] = { { "_ZnwmSt11align_val_t", "_ZnwmSt11align_val_tRKSt9nothrow_t",
                             "operator new(unsigned long, std::align_val_t)", "operator new" } },
    [WIRE_NEW_ARRAY_ALIGNED] = { { "_ZnamSt11align_val_t", "_ZnamSt11align_val_tRKSt9nothrow_t",
                                   "operator new[](unsigned long, std::align_val_t)", "operator new[]" } },
    [WIRE_MMAP_ANON] = { { "mmap", "mmap64" } },
    [WIRE_MMAP_FILE] = { { "mmap", "mmap64" } },
    [WIRE_MREMAP] = { { "mremap" } },
    [WIRE_FREE] = { { "free", "cfree" } },
    [WIRE_FREE_SIZED] = { { "free_sized", "free" } },
    [WIRE_FREE_ALIGNED_SIZED] = { { "free_aligned_sized", "free" } },
    [WIRE_DELETE] = { { "_ZdlPv", "_ZdlPvm", "_ZdlPvRKSt9nothrow_t", "operator delete(void*)",
                        "operator delete(void*, unsigned long)", "operator delete" } },
    [WIRE_DELETE_ARRAY] = { { "_ZdaPv", "_ZdaPvm", "_ZdaPvRKSt9nothrow_t", "operator delete[](void*)",
                              "operator delete[](void*, unsigned long)", "operator delete[]" } },
    [WIRE_DELETE_ALIGNED] = { { "_ZdlPvSt11align_val_t", "_ZdlPvmSt11align_val_t", "_ZdlPvSt11align_val_tRKSt9nothrow_t",
                                "operator delete(void*, std::align_val_t)", "operator delete" } },
    [WIRE_DELETE_ARRAY_ALIGNED] = { { "_ZdaPvSt11align_val_t", "_ZdaPvmSt11align_val_t", "_ZdaPvSt11align_val_tRKSt9nothrow_t",
                                      "operator delete[](void*, std::align_val_t)", "operator delete[]" } },
    [WIRE_MUNMAP] = { { "munmap" } },
};

/* Valgrind shows memcpy as memmove where libc has one for both. */
static const struct names copy_function_names[WIRE_COPIES] = {
    [WIRE_COPY_MEMCPY] = { { "memcpy", "__memcpy_chk", "memmove" } },
    [WIRE_COPY_MEMMOVE] = { { "memmove", "__memmove_chk", "memcpy" } },
    [WIRE_COPY_MEMPCPY] = { { "mempcpy", "__mempcpy_chk", "__mempcpy", "memcpy", "memmove" } },
    [WIRE_COPY_MEMSET] = { { "memset", "__memset_chk" } },
    [WIRE_COPY_STRCPY] = { { "strcpy", "__strcpy_chk" } },
    [WIRE_COPY_STPCPY] = { { "stpcpy", "__stpcpy_chk", "__stpcpy" } },
    [WIRE_COPY_STRNCPY] = { { "strncpy", "__strncpy_chk" } },
    [WIRE_COPY_STPNCPY] = { { "stpncpy", "__stpncpy_chk" } },
    [WIRE_COPY_STRCAT] = { { "strcat", "__strcat_chk" } },
    [WIRE_COPY_STRNCAT] = { { "strncat", "__strncat_chk" } },
    [WIRE_COPY_BCOPY] = { { "bcopy", "memmove" } },
    [WIRE_COPY_BZERO] = { { "bzero", "explicit_bzero", "memset" } },
};

static const struct names lock_function_names[WIRE_LOCKS] = {
    [WIRE_LOCK_MUTEX] = { { "pthread_mutex_lock", "pthread_mutex_trylock", "pthread_mutex_timedlock", "pthread_mutex_clocklock",
                            "pthread_mutex_unlock", "pthread_mutex_init", "pthread_mutex_destroy", "pthread_cond_wait",
                            "pthread_cond_timedwait", "pthread_cond_clockwait" } },
    [WIRE_LOCK_RWLOCK] = { { "pthread_rwlock_wrlock", "pthread_rwlock_trywrlock", "pthread_rwlock_timedwrlock",
                             "pthread_rwlock_clockwrlock", "pthread_rwlock_unlock", "pthread_rwlock_init", "pthread_rwlock_destroy" } },
    [WIRE_LOCK_RWLOCK_SHARED] = { { "pthread_rwlock_rdlock", "pthread_rwlock_tryrdlock", "pthread_rwlock_timedrdlock",
                                    "pthread_rwlock_clockrdlock", "pthread_rwlock_unlock" } },
    [WIRE_LOCK_SPIN] = { { "pthread_spin_lock", "pthread_spin_trylock", "pthread_spin_unlock", "pthread_spin_init", "pthread_spin_destroy" } },
    [WIRE_LOCK_SEM] = { { "sem_wait", "sem_trywait", "sem_timedwait", "sem_clockwait", "sem_post", "sem_init", "sem_destroy" } },
    [WIRE_LOCK_BARRIER] = { { "pthread_barrier_wait", "pthread_barrier_init", "pthread_barrier_destroy" } },
    [WIRE_LOCK_COND] = { { "pthread_cond_wait", "pthread_cond_timedwait", "pthread_cond_clockwait", "pthread_cond_signal",
                           "pthread_cond_broadcast", "pthread_cond_init", "pthread_cond_destroy" } },
    [WIRE_LOCK_ONCE] = { { "pthread_once", "call_once" } },
    [WIRE_LOCK_MTX] = { { "mtx_lock", "mtx_trylock", "mtx_timedlock", "mtx_unlock", "mtx_init", "mtx_destroy", "cnd_wait", "cnd_timedwait" } },
    [WIRE_LOCK_CND] = { { "cnd_wait", "cnd_timedwait", "cnd_signal", "cnd_broadcast", "cnd_init", "cnd_destroy" } },
};

static const struct names create_names = { { "pthread_create", "thrd_create" } };

/* Where the finding does not say which function a stack began in. */
static const struct names unknown_names = { {
    "malloc", "calloc", "realloc", "free", "_Znwm", "_Znam", "_ZdlPv", "_ZdlPvm", "_ZdaPv", "_ZdaPvm",
    "memcpy", "memmove", "memset", "strcpy", "strncpy", "pthread_mutex_lock", "pthread_mutex_trylock", "pthread_mutex_init",
    "pthread_rwlock_wrlock", "pthread_rwlock_rdlock", "pthread_spin_lock", "sem_wait", "mtx_lock", "pthread_create" } };

static const struct names *use_names(const struct suppression_subject *f)
{
    unsigned copy = f->family & ~(unsigned)WIRE_COPY_CHECKED, lock = f->family & ~(unsigned)WIRE_LOCK_FLAG;
    if (f->use == USE_DROP && f->family < WIRE_FAMILIES)
        return &family_names[f->family];
    if (f->use == USE_COPY && copy < WIRE_COPIES)
        return &copy_function_names[copy];
    if (f->use == USE_LOCK && lock < WIRE_LOCKS)
        return &lock_function_names[lock];
    return f->use == USE_THREAD ? &create_names : &unknown_names;
}

const char *const *suppression_called(const struct suppression_subject *f, unsigned role, size_t *n)
{
    const struct names *names = &unknown_names;
    if (role == EVIDENCE_USED)
        names = use_names(f);
    else if (role == EVIDENCE_MADE && f->made_family && f->made_family < WIRE_FAMILIES)
        names = &family_names[f->made_family];
    for (*n = 0; *n < NAMES_MAX && names->list[*n];)
        ++*n;
    return names->list;
}
