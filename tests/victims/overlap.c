/* memcpy between ranges that overlap, in a block and in static memory. */
#include "victim.h"

enum { SIZE = 9000 };
static char bytes[2 * SIZE];
NOINLINE static char *make(void) { return keep(malloc(2 * SIZE)); }
NOINLINE static void shift_up(char *p) { memcpy(p + 100, p, SIZE); keep(NULL); }
NOINLINE static void shift_down(char *p) { memcpy(p, p + 1, SIZE); keep(NULL); }
NOINLINE static void shift_static(void) { memcpy(bytes + 8, bytes, SIZE); keep(NULL); }

int main(void)
{
    char *p = make();
    memset(p, 0, 2 * SIZE);
    shift_up(p);
    for (int i = 0; i < victim_times(2); i++)
        shift_down(p);
    shift_static();
    free(p);
    puts("expect finding overlap count=1 used=shift_up made=make");
    puts("expect finding overlap count=2 used=shift_down made=make");
    puts("expect finding overlap count=1 used=shift_static");
    return 0;
}
