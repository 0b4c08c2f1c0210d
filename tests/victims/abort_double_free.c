/* Double free: glibc's own words, and its own death. */
#include "victim.h"

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    puts("expect block size=401 count=1 dropped=1 new=main drop=main");
    puts("expect block size=55502 count=1 dropped=0");
    puts("expect finding double-drop count=1 used=main made=main dropped=main");
    keep(malloc(55502));
    char *p = keep(malloc(401));
    free(p);
    free(keep(p));
    return 0;
}
