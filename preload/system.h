/*
 * preload/system.h - the few system calls the shim makes, none of them through
 * a function that a hook (ours or another preload's) stands in front of: by
 * the instruction itself. All return the result or -errno and leave errno alone.
 */
#ifndef PRELOAD_SYSTEM_H
#define PRELOAD_SYSTEM_H

#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long r;
    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}
#elif defined(__aarch64__)
static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
                  x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#endif

static inline int system_getpid(void) { return (int)system_call(SYS_getpid, 0, 0, 0, 0, 0, 0); }
static inline int system_gettid(void) { return (int)system_call(SYS_gettid, 0, 0, 0, 0, 0, 0); }
static inline long system_open(const char *path, int flags) { return system_call(SYS_openat, -100, (long)path, flags, 0, 0, 0); }
static inline long system_read(int fd, void *to, size_t n) { return system_call(SYS_read, fd, (long)to, (long)n, 0, 0, 0); }
static inline long system_write(int fd, const void *from, size_t n) { return system_call(SYS_write, fd, (long)from, (long)n, 0, 0, 0); }
static inline void system_close(int fd) { system_call(SYS_close, fd, 0, 0, 0, 0, 0); }
static inline long system_readlink(const char *path, char *to, size_t n) { return system_call(SYS_readlinkat, -100, (long)path, (long)to, (long)n, 0, 0); }
static inline long system_access(const char *path, int mode) { return system_call(SYS_faccessat, -100, (long)path, mode, 0, 0, 0); }
static inline void system_yield(void) { system_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0); }

static inline void *system_map(size_t bytes, int protection, int flags, int fd)
{
    long r = system_call(SYS_mmap, 0, (long)bytes, protection, flags, fd, 0);
    return r < 0 && r > -4096 ? NULL : (void *)r;
}
static inline void system_unmap(void *p, size_t bytes) { system_call(SYS_munmap, (long)p, (long)bytes, 0, 0, 0, 0); }
static inline long system_advise(void *p, size_t bytes, int advice) { return system_call(SYS_madvise, (long)p, (long)bytes, advice, 0, 0, 0); }

/* Sleeps while *word == value, at most `ns`. Shared between processes. */
static inline void system_futex_wait(const void *word, uint32_t value, uint64_t ns)
{
    struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    system_call(SYS_futex, (long)word, FUTEX_WAIT, (long)value, (long)&t, 0, 0);
}
static inline void system_futex_wake(const void *word) { system_call(SYS_futex, (long)word, FUTEX_WAKE, 0x7fffffff, 0, 0, 0); }

#endif
