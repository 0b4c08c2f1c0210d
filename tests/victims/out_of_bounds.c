/* Copies past the end of a block, from past its end, from before its start,
 * by memcpy and strcpy; never far enough to do harm. */
#include "victim.h"

enum { SIZE = 9001 };
static char bytes[2 * SIZE], text[SIZE + 5];

NOINLINE static char *make(void) { return keep(malloc(SIZE)); }
NOINLINE static void write_past_end(char *p) { memcpy(p, bytes, SIZE + 3); keep(NULL); }
NOINLINE static void read_past_end(char *p) { memcpy(bytes, p + 10, SIZE); keep(NULL); }
NOINLINE static void read_before_start(char *p) { memcpy(bytes, p - 8, SIZE); keep(NULL); }
NOINLINE static void string_past_end(char *p) { strcpy(p, text); keep(NULL); }
NOINLINE static void fill_past_end(char *p) { memset(p + 100, 7, SIZE - 99); keep(NULL); }

int main(void)
{
    char *p = make();
    keep(malloc(SIZE)); /* what lies behind it */
    memset(text, 'x', SIZE + 1);
    for (int i = 0; i < victim_times(2); i++)
        write_past_end(p);
    read_past_end(p);
    read_before_start(p);
    string_past_end(p);
    fill_past_end(p);
    free(p);
    puts("expect finding out-of-bounds count=2 used=write_past_end made=make");
    puts("expect finding out-of-bounds count=1 used=read_past_end made=make");
    puts("expect finding out-of-bounds count=1 used=read_before_start made=make");
    puts("expect finding out-of-bounds count=1 used=string_past_end made=make");
    puts("expect finding out-of-bounds count=1 used=fill_past_end made=make");
    return 0;
}
