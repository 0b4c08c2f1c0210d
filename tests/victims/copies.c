/* Copies of known numbers and sizes, from blocks to blocks, and into and out
 * of static memory. */
#include "victim.h"

enum { SIZE = 20000 };
static char bytes[SIZE];

NOINLINE static char *make_source(void) { return keep(malloc(SIZE)); }
NOINLINE static char *make_target(void) { return keep(malloc(SIZE)); }
NOINLINE static void copy_over(char *to, char *from) { memcpy(to, from, 12000); keep(NULL); }
NOINLINE static void move_over(char *to, char *from) { memmove(to, from, SIZE); keep(NULL); }
NOINLINE static void take_in(char *to) { mempcpy(to, bytes, SIZE); keep(NULL); }
NOINLINE static void give_out(char *from) { memcpy(bytes, from, SIZE); keep(NULL); }
NOINLINE static void write_text(char *to) { strcpy(to, bytes); keep(NULL); }

int main(void)
{
    char *from = make_source(), *to = make_target();
    for (int i = 0; i < 100; i++) {
        copy_over(to, from);
        memcpy(to, from, 3); /* too little to be recorded */
    }
    for (int i = 0; i < 10; i++)
        move_over(to, from);
    take_in(from);
    give_out(to);
    memset(bytes, 'x', 15000);
    bytes[14999] = 0;
    write_text(to);
    free(from);
    free(to);
    puts("expect copies site=copy_over copies=100 bytes=1200000");
    puts("expect copies site=move_over copies=10 bytes=200000");
    puts("expect copies site=take_in copies=1 bytes=20000");
    puts("expect copies site=give_out copies=1 bytes=20000");
    puts("expect copies site=write_text copies=1 bytes=15000");
    puts("expect flow from=make_source to=make_target copies=110 bytes=1400000");
    return 0;
}
