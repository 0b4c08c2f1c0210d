/* A caller whose stack is not aligned as it should be: libc's copies bear it. */
#include "victim.h"

static char bytes[8192], others[8192];

#if defined(__x86_64__)
NOINLINE static void set(void *p, size_t n)
{
    __asm__ volatile("mov %%rsp, %%rbx\n\tand $-16, %%rsp\n\tsub $8, %%rsp\n\tmov $'x', %%esi\n\t"
                     "call memset@PLT\n\tmov %%rbx, %%rsp"
                     : "+D"(p), "+d"(n) : : "rax", "rbx", "rcx", "rsi", "r8", "r9", "r10", "r11", "memory", "xmm0", "xmm1", "xmm2");
}

NOINLINE static void copy(void *p, const void *from, size_t n)
{
    __asm__ volatile("mov %%rsp, %%rbx\n\tand $-16, %%rsp\n\tsub $8, %%rsp\n\tcall memcpy@PLT\n\tmov %%rbx, %%rsp"
                     : "+D"(p), "+S"(from), "+d"(n) : : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "memory", "xmm0", "xmm1", "xmm2");
}

int main(void)
{
    for (int i = 0; i < 3; i++) {
        set(bytes, 5000);
        copy(others, bytes, 5000);
    }
    CHECK(!memcmp(bytes, others, sizeof bytes) && others[4999] == 'x' && !others[5000]);
    puts("expect copies site=set copies=3 bytes=15000");
    puts("expect copies site=copy copies=3 bytes=15000");
    return 0;
}
#else
int main(void) { return 77; }
#endif
