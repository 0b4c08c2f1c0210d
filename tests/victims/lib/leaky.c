/* Holds one block in its data, one in thread-local memory, and loses one. */
#include <stdlib.h>

static void *data;
static __thread void *local;

__attribute__((noinline)) static void *leaky_make_data(void) { return malloc(40); }
__attribute__((noinline)) static void *leaky_make_tls(void) { return malloc(48); }
__attribute__((noinline)) static void *leaky_make_lost(void) { return malloc(56); }

void leaky_act(void)
{
    void *volatile p = leaky_make_lost();
    data = leaky_make_data();
    local = leaky_make_tls();
    p = data;
    (void)p;
}
