/* quick_exit: its own handlers, which allocate, and no destructor. */
#include "victim.h"

static void handler(void)
{
    free(keep(malloc(55801)));
    write(1, "at_quick_exit\n", 14);
}
__attribute__((destructor)) static void never(void) { write(1, "destructor\n", 11); }

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    at_quick_exit(handler);
    puts("expect block size=55801 count=1 dropped=1 new=handler");
    quick_exit(8);
}
