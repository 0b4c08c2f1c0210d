/* _exit: no destructor, no flush, its own code. */
#include "victim.h"

__attribute__((destructor)) static void never(void) { write(1, "destructor\n", 11); }

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    keep(malloc(55701));
    puts("expect block size=55701 count=1 dropped=0 new=main");
    setvbuf(stdout, NULL, _IOFBF, 4096);
    fputs("never seen", stdout);
    _exit(7);
}
