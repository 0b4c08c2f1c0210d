/* Held by a register alone, at _exit. */
#include "leak.h"

NOINLINE static void *make_held(void) { return malloc(40); }
NOINLINE static void *make_lost(void) { return malloc(48); }

int main(void)
{
#ifdef __x86_64__
    puts("expect leak reachable new=make_held blocks=1 bytes=40");
    puts("expect leak definite new=make_lost blocks=1 bytes=48");
    fflush(stdout);
    keep(make_lost());
    scrub();
    register void (*clean)(void) __asm__("r13") = scrub;
    register void (*end)(int) __asm__("r14") = _exit;
    __asm__ volatile("lea -128(%%rsp), %%rsp; and $-16, %%rsp; call *%0; mov %%rax, %%r12; call *%1; xor %%eax, %%eax; xor %%edi, %%edi; call *%2"
                     : : "b"(make_held), "r"(clean), "r"(end) : "r12", "memory");
#endif
    return 77;
}
