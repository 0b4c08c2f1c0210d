/*
 * preload/doors_lock.c - the locks that programs call most: the doors.
 *
 * One look at the session's gate sends them on to the real function where locks are
 * not recorded, and else to hooks_lock.c and hooks_sem.c: both by a jump. They
 * may be called before the shim is relocated, and before the real functions are known.
 *
 * Compiled to leave no frame (see Makefile); calls nothing but by a jump.
 */
#include "preload/lock.h"

#define DOOR(name, type)                                                       \
    LOCK_HOT(name, (type *lock));                                              \
    EXPORT int name(type *lock)                                                \
    {                                                                          \
        if (likely(gate_open_early(WIRE_GATE_LOCKS)) || unlikely(!real.name))  \
            return lock_##name(lock);                                          \
        return real.name(lock);                                                \
    }
/* With libc's own name for it, which old programs and libraries call. */
#define DOORS(name, type) DOOR(name, type) HOOK_ALIAS(__##name, name)

DOORS(pthread_mutex_lock, pthread_mutex_t)
DOORS(pthread_mutex_trylock, pthread_mutex_t)
DOORS(pthread_mutex_unlock, pthread_mutex_t)
DOORS(pthread_rwlock_rdlock, pthread_rwlock_t)
DOORS(pthread_rwlock_tryrdlock, pthread_rwlock_t)
DOORS(pthread_rwlock_wrlock, pthread_rwlock_t)
DOORS(pthread_rwlock_trywrlock, pthread_rwlock_t)
DOORS(pthread_rwlock_unlock, pthread_rwlock_t)
DOOR(pthread_spin_lock, pthread_spinlock_t)
DOOR(pthread_spin_trylock, pthread_spinlock_t)
DOOR(pthread_spin_unlock, pthread_spinlock_t)
DOOR(sem_wait, sem_t)
DOOR(sem_trywait, sem_t)
DOOR(sem_post, sem_t)
