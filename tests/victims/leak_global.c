/* Held from all kinds of static memory; and from there until it was overwritten. */
#include "leak.h"

NOINLINE static void *make_bss(void) { return malloc(40); }
NOINLINE static void *make_data(void) { return malloc(48); }
NOINLINE static void *make_static(void) { return malloc(56); }
NOINLINE static void *make_table(void) { return malloc(64); }
NOINLINE static void *make_overwritten(void) { return malloc(72); }

void *in_bss;
void *in_data = &in_bss;
static struct { long before[100]; void *here; long behind[100]; } table;

static void act(void)
{
    static void *in_function;
    in_bss = make_bss();
    in_data = make_data();
    in_function = make_overwritten();
    in_function = make_static();
    table.here = make_table();
    keep(in_function);
}

int main(void)
{
    act();
    puts("expect leak reachable new=make_bss blocks=1 bytes=40");
    puts("expect leak reachable new=make_data blocks=1 bytes=48");
    puts("expect leak reachable new=make_static blocks=1 bytes=56");
    puts("expect leak reachable new=make_table blocks=1 bytes=64");
    puts("expect leak definite new=make_overwritten blocks=1 bytes=72");
    scrub();
    return 0;
}
