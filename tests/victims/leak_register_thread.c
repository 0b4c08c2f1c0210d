/* Held by a register alone, of a thread that never leaves its loop. */
#include "leak.h"

static pthread_barrier_t ready;

NOINLINE static void *make_held(void) { return malloc(40); }

static void *spin(void *arg)
{
#ifdef __x86_64__
    /* r12 has it; everything else that had is overwritten before the barrier. */
    register void (*clean)(void) __asm__("r13") = scrub;
    register pthread_barrier_t *at __asm__("r15") = &ready;
    register int (*wait)(pthread_barrier_t *) __asm__("r14") = pthread_barrier_wait;
    __asm__ volatile("lea -128(%%rsp), %%rsp; and $-16, %%rsp; call *%0; mov %%rax, %%r12; call *%1; mov %%r15, %%rdi; call *%2; xor %%eax, %%eax\n"
                     "1: pause; jmp 1b"
                     : : "b"(make_held), "r"(clean), "r"(wait), "r"(at) : "r12", "memory");
#endif
    return NULL;
}

int main(void)
{
#ifdef __x86_64__
    CHECK(!pthread_barrier_init(&ready, NULL, 2));
    victim_thread(spin, NULL);
    pthread_barrier_wait(&ready);
    puts("expect leak reachable new=make_held blocks=1 bytes=40");
    return 0;
#endif
    return 77;
}
