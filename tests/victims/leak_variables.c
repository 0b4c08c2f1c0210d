/* Variables side by side, some of which hold nothing, and one that begins in a
 * page of the file and ends behind them. */
#include "leak.h"

enum { ACROSS = 1000 };

NOINLINE static void *make_first(void) { return malloc(40); }
NOINLINE static void *make_third(void) { return malloc(48); }
NOINLINE static void *make_across(void) { return malloc(56); }

void *first = &first;
int plain[20] = {1};
void *second = &second;
char gap[100] = {1};
void *third = &third;
void *across[ACROSS];

int main(void)
{
    first = make_first();
    third = make_third();
    for (int i = 0; i < ACROSS; i++)
        across[i] = make_across();
    printf("expect leak reachable new=make_first blocks=1 bytes=40\n"
           "expect leak reachable new=make_third blocks=1 bytes=48\n"
           "expect leak reachable new=make_across blocks=%d bytes=%d\n", ACROSS, ACROSS * 56);
    if (getenv("VARIABLES"))        /* a run says where they are, and differs from the next one's */
        printf("variable first %p\nvariable plain %p\nvariable second %p\nvariable gap %p\nvariable third %p\nvariable across %p\n",
               (void *)&first, (void *)plain, (void *)&second, (void *)gap, (void *)&third, (void *)across);
    scrub();
    return 0;
}
