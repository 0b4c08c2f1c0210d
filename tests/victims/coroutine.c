/* Two coroutines by swapcontext, on stacks from the heap and from mmap. */
#include <ucontext.h>
#include "victim.h"

static ucontext_t home, a, b;
NOINLINE static void make_a(void) { free(keep(malloc(54401))); }
NOINLINE static void make_b(void) { free(keep(malloc(54402))); }
static void run_a(void)
{
    for (int i = 0; i < 100; i++) {
        make_a();
        swapcontext(&a, &b);
    }
}
static void run_b(void)
{
    for (int i = 0; i < 100; i++) {
        make_b();
        swapcontext(&b, &a);
    }
}

int main(void)
{
    getcontext(&a);
    a.uc_stack.ss_sp = malloc(64 * 1024);
    a.uc_stack.ss_size = 64 * 1024;
    a.uc_link = &home;
    makecontext(&a, run_a, 0);
    getcontext(&b);
    b.uc_stack.ss_sp = mmap(NULL, 64 * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    b.uc_stack.ss_size = 64 * 1024;
    b.uc_link = &home;
    makecontext(&b, run_b, 0);
    swapcontext(&home, &a);
    free(keep(malloc(54403)));
    puts("expect block size=54401 count=100 dropped=100 new=run_a notnew=run_b");
    puts("expect block size=54402 count=100 dropped=100 new=run_b notnew=run_a");
    puts("expect block size=54403 count=1 dropped=1 new=main notnew=run_a");
    return 0;
}
