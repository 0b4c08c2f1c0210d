/* longjmp out of two hundred frames, again and again. */
#include <setjmp.h>
#include "victim.h"

static jmp_buf back;
NOINLINE static void deep(int n)
{
    char pad[32];
    keep(pad);
    if (n)
        deep(n - 1);
    else {
        keep(malloc(54301));
        longjmp(back, 1);
    }
    keep(pad);
}
NOINLINE static void shallow(void) { free(keep(malloc(54302))); }

int main(void)
{
    for (volatile int i = 0; i < 50; i++) {
        if (!setjmp(back))
            deep(200 - i);
        shallow();
    }
    puts("expect block size=54301 count=50 dropped=0 new=deep");
    puts("expect block size=54302 count=50 dropped=50 new=shallow notnew=deep");
    return 0;
}
