/*
 * collector/event/event.c - names of what an event carries, and which release
 * goes with which allocation.
 *
 * The names are promises: documents, filters and tests use them.
 */
#include "event/event.h"

static const char *const type_names[EVENT_TYPES] = {
    [EVENT_NEW] = "new",
    [EVENT_DROP] = "drop",
    [EVENT_REALLOC_BEGIN] = "realloc-begin",
    [EVENT_REALLOC_END] = "realloc-end",
    [EVENT_THREAD_START] = "thread-start",
    [EVENT_THREAD_CREATE] = "thread-create",
    [EVENT_THREAD_CREATED] = "thread-created",
    [EVENT_THREAD_EXIT] = "thread-exit",
    [EVENT_THREAD_JOIN] = "thread-join",
    [EVENT_THREAD_DETACH] = "thread-detach",
    [EVENT_THREAD_NAME] = "thread-name",
    [EVENT_THREAD_GONE] = "thread-gone",
    [EVENT_PROCESS_START] = "process-start",
    [EVENT_PROCESS_FORK] = "process-fork",
    [EVENT_PROCESS_FORKED] = "process-forked",
    [EVENT_PROCESS_EXEC] = "process-exec",
    [EVENT_PROCESS_EXEC_FAILED] = "process-exec-failed",
    [EVENT_PROCESS_EXIT] = "process-exit",
    [EVENT_PROCESS_GONE] = "process-gone",
    [EVENT_MARK] = "mark",
    [EVENT_LOST] = "lost",
    [EVENT_VERIFY] = "verify",
    [EVENT_WAIT] = "wait",
    [EVENT_ACQUIRE] = "acquire",
    [EVENT_RELEASE] = "release",
    [EVENT_WAIT_END] = "wait-end",
    [EVENT_COND_WAIT] = "cond-wait",
    [EVENT_COND_WOKEN] = "cond-woken",
    [EVENT_SIGNAL] = "signal",
    [EVENT_LOCK_INIT] = "lock-init",
    [EVENT_LOCK_DESTROY] = "lock-destroy",
    [EVENT_LOCK_CONSISTENT] = "lock-consistent",
    [EVENT_FUTEX] = "futex",
    [EVENT_COPY] = "copy",
    [EVENT_USABLE] = "usable",
    [EVENT_MODULE] = "module",
    [EVENT_SNAPSHOT] = "snapshot",
    [EVENT_RATE] = "rate",
    [EVENT_COVER] = "cover",
    [EVENT_CONTROL] = "control",
};

/* Who may release what: one group each, 0 for what is not memory. */
enum group { GROUP_NONE, GROUP_MALLOC, GROUP_NEW, GROUP_NEW_ARRAY, GROUP_NEW_ALIGNED, GROUP_NEW_ARRAY_ALIGNED, GROUP_MAP };
enum { MAKES = 1, RELEASES = 2 };

static const struct {
    const char *name;
    uint8_t group;
    uint8_t role;
} families[WIRE_FAMILIES] = {
    [WIRE_FAMILY_NONE] = { "none", GROUP_NONE, 0 },
    [WIRE_MALLOC] = { "malloc", GROUP_MALLOC, MAKES },
    [WIRE_CALLOC] = { "calloc", GROUP_MALLOC, MAKES },
    [WIRE_REALLOC] = { "realloc", GROUP_MALLOC, MAKES | RELEASES },
    [WIRE_REALLOCARRAY] = { "reallocarray", GROUP_MALLOC, MAKES | RELEASES },
    [WIRE_POSIX_MEMALIGN] = { "posix_memalign", GROUP_MALLOC, MAKES },
    [WIRE_ALIGNED_ALLOC] = { "aligned_alloc", GROUP_MALLOC, MAKES },
    [WIRE_MEMALIGN] = { "memalign", GROUP_MALLOC, MAKES },
    [WIRE_VALLOC] = { "valloc", GROUP_MALLOC, MAKES },
    [WIRE_PVALLOC] = { "pvalloc", GROUP_MALLOC, MAKES },
    [WIRE_NEW_SCALAR] = { "new", GROUP_NEW, MAKES },
    [WIRE_NEW_ARRAY] = { "new[]", GROUP_NEW_ARRAY, MAKES },
    [WIRE_NEW_ALIGNED] = { "new-aligned", GROUP_NEW_ALIGNED, MAKES },
    [WIRE_NEW_ARRAY_ALIGNED] = { "new[]-aligned", GROUP_NEW_ARRAY_ALIGNED, MAKES },
    [WIRE_MMAP_ANON] = { "mmap", GROUP_MAP, MAKES },
    [WIRE_MMAP_FILE] = { "mmap-file", GROUP_MAP, MAKES },
    [WIRE_MREMAP] = { "mremap", GROUP_MAP, MAKES | RELEASES },
    [WIRE_FREE] = { "free", GROUP_MALLOC, RELEASES },
    [WIRE_FREE_SIZED] = { "free_sized", GROUP_MALLOC, RELEASES },
    [WIRE_FREE_ALIGNED_SIZED] = { "free_aligned_sized", GROUP_MALLOC, RELEASES },
    [WIRE_DELETE] = { "delete", GROUP_NEW, RELEASES },
    [WIRE_DELETE_ARRAY] = { "delete[]", GROUP_NEW_ARRAY, RELEASES },
    [WIRE_DELETE_ALIGNED] = { "delete-aligned", GROUP_NEW_ALIGNED, RELEASES },
    [WIRE_DELETE_ARRAY_ALIGNED] = { "delete[]-aligned", GROUP_NEW_ARRAY_ALIGNED, RELEASES },
    [WIRE_MUNMAP] = { "munmap", GROUP_MAP, RELEASES },
};

static const char *const lock_names[WIRE_LOCKS] = {
    [WIRE_LOCK_MUTEX] = "mutex", [WIRE_LOCK_RWLOCK] = "rwlock", [WIRE_LOCK_RWLOCK_SHARED] = "rwlock",
    [WIRE_LOCK_SPIN] = "spin", [WIRE_LOCK_SEM] = "sem", [WIRE_LOCK_BARRIER] = "barrier", [WIRE_LOCK_COND] = "cond",
    [WIRE_LOCK_ONCE] = "once", [WIRE_LOCK_MTX] = "mtx", [WIRE_LOCK_CND] = "cnd",
};

static const char *const copy_names[WIRE_COPIES][2] = {
    [WIRE_COPY_MEMCPY] = { "memcpy", "__memcpy_chk" }, [WIRE_COPY_MEMMOVE] = { "memmove", "__memmove_chk" },
    [WIRE_COPY_MEMPCPY] = { "mempcpy", "__mempcpy_chk" }, [WIRE_COPY_MEMSET] = { "memset", "__memset_chk" },
    [WIRE_COPY_STRCPY] = { "strcpy", "__strcpy_chk" }, [WIRE_COPY_STPCPY] = { "stpcpy", "__stpcpy_chk" },
    [WIRE_COPY_STRNCPY] = { "strncpy", "__strncpy_chk" }, [WIRE_COPY_STPNCPY] = { "stpncpy", "__stpncpy_chk" },
    [WIRE_COPY_STRCAT] = { "strcat", "__strcat_chk" }, [WIRE_COPY_STRNCAT] = { "strncat", "__strncat_chk" },
    [WIRE_COPY_BCOPY] = { "bcopy", "bcopy" }, [WIRE_COPY_BZERO] = { "bzero", "__explicit_bzero_chk" },
};

static const char *const lost_names[WIRE_LOST_REASONS] = {
    [WIRE_LOST_RING_FULL] = "ring-full",
    [WIRE_LOST_NO_COLLECTOR] = "no-collector",
    [WIRE_LOST_NO_SLOT] = "no-slot",
    [WIRE_LOST_NESTED] = "nested",
    [WIRE_LOST_TORN] = "torn",
    [WIRE_LOST_COLLECTOR_DIED] = "collector-died",
    [WIRE_LOST_SANDBOXED] = "sandboxed",
};

static const char *const verify_names[WIRE_VERIFY_COUNTS] = {
    [WIRE_VERIFY_SAME] = "same",
    [WIRE_VERIFY_DIFFERENT] = "different",
    [WIRE_VERIFY_NO_RULES] = "no-unwind-rules",
    [WIRE_VERIFY_FAILED] = "libunwind-failed",
    [WIRE_VERIFY_WITHOUT] = "without-libunwind",
};

const char *event_type_name(unsigned type)
{
    return type < EVENT_TYPES && type_names[type] ? type_names[type] : "?";
}

const char *family_name(unsigned family)
{
    return family < WIRE_FAMILIES ? families[family].name : "?";
}

const char *lock_name(unsigned family)
{
    unsigned kind = family & ~(unsigned)WIRE_LOCK_FLAG;
    return kind < WIRE_LOCKS && lock_names[kind] ? lock_names[kind] : "?";
}

const char *copy_name(unsigned family)
{
    unsigned copy = family & ~(unsigned)WIRE_COPY_CHECKED;
    return copy < WIRE_COPIES && copy_names[copy][0] ? copy_names[copy][!!(family & WIRE_COPY_CHECKED)] : "?";
}

const char *lost_name(unsigned reason)
{
    return reason < WIRE_LOST_REASONS ? lost_names[reason] : "?";
}

const char *verify_name(unsigned outcome)
{
    return outcome < WIRE_VERIFY_COUNTS ? verify_names[outcome] : "?";
}

bool family_is_map(unsigned family)
{
    return family < WIRE_FAMILIES && families[family].group == GROUP_MAP;
}

bool family_matches(unsigned made, unsigned released)
{
    if (made >= WIRE_FAMILIES || released >= WIRE_FAMILIES)
        return false;
    return (families[made].role & MAKES) && (families[released].role & RELEASES) &&
           families[made].group == families[released].group;
}
