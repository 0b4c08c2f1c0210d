/* Linked statically: no preload reaches it. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    free(malloc(100));
    puts("static");
    return 0;
}
