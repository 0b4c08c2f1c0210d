/*
 * ownscope.h - what a program may tell ownscope about itself.
 *
 * Header only: nothing to link, nothing to start, no other header needed; C99
 * and later, C++98 and later. Where the program does not run under ownscope a call costs one
 * load and one predictable branch, and does nothing. errno is never changed.
 *
 *   #include <ownscope.h>
 *   OWNSCOPE_MARK("loaded");          a name for this moment
 *   ownscope_mark(name);              the same, from a pointer
 *
 * A mark is an event of the calling thread. `--at mark:loaded` names that moment to
 * every reading command, and `ownscope run --snapshot-at-mark` takes a snapshot
 * of the heap there; the thread waits for it. See ownscope.h(3).
 *
 * OWNSCOPE_DISABLE, defined before this file is included, leaves all of it out.
 * This file may be copied into any program.
 */
#ifndef OWNSCOPE_H
#define OWNSCOPE_H

#define OWNSCOPE_VERSION_MAJOR 0
#define OWNSCOPE_VERSION_MINOR 1

#if defined(__cplusplus)
#define OWNSCOPE_INLINE static inline
extern "C" {
#else
#define OWNSCOPE_INLINE static __inline__
#endif

#if defined(OWNSCOPE_DISABLE) || !defined(__GNUC__) || !defined(__ELF__) || !defined(__LP64__) || !(defined(__x86_64__) || defined(__aarch64__))

OWNSCOPE_INLINE void ownscope_mark(const char *name) { (void)name; }

#else

/* Address of a function that libownscope.so alone defines, as the loader found
 * it; 0: it is not there. Through the table of addresses, which executables that
 * are not position-independent have too: there a compiler would let the linker
 * settle that it is not there. */
__extension__ typedef void (*ownscope_told)(const char *name);
OWNSCOPE_INLINE ownscope_told ownscope_find_mark(void)
{
    ownscope_told f;
#if defined(__x86_64__)
    __asm__(".weak ownscope_told_mark\n\tmovq ownscope_told_mark@GOTPCREL(%%rip), %0" : "=r"(f));
#else
    __asm__(".weak ownscope_told_mark\n\tadrp %0, :got:ownscope_told_mark\n\tldr %0, [%0, :got_lo12:ownscope_told_mark]" : "=r"(f));
#endif
    return f;
}

/* This moment of the calling thread is called `name` (at most 4,096 bytes of it). */
OWNSCOPE_INLINE void ownscope_mark(const char *name)
{
    ownscope_told f = ownscope_find_mark();
    if (__builtin_expect(f != 0, 0))
        f(name);
}

#endif

#define OWNSCOPE_MARK(name) ownscope_mark("" name)

#if defined(__cplusplus)
}
#endif

#endif
