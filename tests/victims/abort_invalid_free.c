/* free of what malloc never gave: glibc's own words, and its own death. */
#include "victim.h"

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    puts("expect block size=402 count=1 dropped=0");
    puts("expect finding invalid-drop count=1 used=main made=main");
    char *p = keep(malloc(402));
    free(keep(p + 8));
    return 0;
}
