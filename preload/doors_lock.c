/*
 * preload/doors_lock.c - the locks that programs call most: the doors.
 *
 * One look at the session's gate sends them on to the real function where locks are
 * not recorded, or this one is passed over (rules.h), and else to hooks_lock.c and hooks_sem.c: all by a jump. They
 * may be called before the shim is relocated, and before the real functions are known.
 *
 * Compiled to leave no frame (see Makefile); calls nothing but by a jump.
 */
#include "preload/lock.h"
#include "preload/rules.h"

#define DOOR(name, type, passes)                                               \
    LOCK_HOT(name, (type *lock));                                              \
    EXPORT int name(type *lock)                                                \
    {                                                                          \
        const atomic_u32 *gate = __atomic_load_n(&process.gate, __ATOMIC_ACQUIRE); \
        if (unlikely(!gate || !real.name))                                     \
            return lock_##name(lock);                                          \
        if (likely(load_relaxed(gate) & WIRE_GATE_LOCKS) &&                    \
            (likely(!(load_relaxed(gate) & WIRE_GATE_FILTERED)) || !passes(load_relaxed(gate)))) \
            return lock_##name(lock);                                          \
        return real.name(lock);                                                \
    }
/* With libc's own name for it, which old programs and libraries call. */
#define DOORS(name, type, passes) DOOR(name, type, passes) HOOK_ALIAS(__##name, name)

DOORS(pthread_mutex_lock, pthread_mutex_t, rules_door_lock)
DOORS(pthread_mutex_trylock, pthread_mutex_t, rules_door_lock)
DOORS(pthread_mutex_unlock, pthread_mutex_t, rules_door_unlock)
DOORS(pthread_rwlock_rdlock, pthread_rwlock_t, rules_door_lock)
DOORS(pthread_rwlock_tryrdlock, pthread_rwlock_t, rules_door_lock)
DOORS(pthread_rwlock_wrlock, pthread_rwlock_t, rules_door_lock)
DOORS(pthread_rwlock_trywrlock, pthread_rwlock_t, rules_door_lock)
DOORS(pthread_rwlock_unlock, pthread_rwlock_t, rules_door_unlock)
DOOR(pthread_spin_lock, pthread_spinlock_t, rules_door_lock)
DOOR(pthread_spin_trylock, pthread_spinlock_t, rules_door_lock)
DOOR(pthread_spin_unlock, pthread_spinlock_t, rules_door_unlock)
DOOR(sem_wait, sem_t, rules_door_lock)
DOOR(sem_trywait, sem_t, rules_door_lock)
DOOR(sem_post, sem_t, rules_door_lock)
