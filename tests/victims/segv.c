/* A plain crash, with everything before it on record. */
#include "victim.h"

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 0; i < 1000; i++)
        keep(malloc(55601));
    puts("expect block size=55601 count=1000 dropped=0 new=main");
    raise(SIGSEGV);
    return 0;
}
