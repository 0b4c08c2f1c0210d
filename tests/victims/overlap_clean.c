/* memmove between ranges that overlap; memcpy of neighbours, and of a thing to
 * itself (what compilers make of an assignment). */
#include "victim.h"

enum { SIZE = 9000 };

int main(void)
{
    char *p = keep(malloc(2 * SIZE));
    memset(p, 0, 2 * SIZE);
    memmove(p + 100, p, SIZE);
    bcopy(p, p + 7, SIZE);
    memcpy(p + SIZE, p, SIZE);
    memcpy(p, p + SIZE, SIZE);
    memcpy(p, keep(p), SIZE);
    free(p);
    return 0;
}
