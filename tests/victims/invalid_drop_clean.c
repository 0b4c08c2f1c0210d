/* Drops blocks that look odd and are not: aligned ones, of size 0, with what
 * looks like another block inside, made before by strdup, getline, asprintf. */
#include "victim.h"
#include <stdio.h>

NOINLINE static void drop(void *p) { free(p); keep(NULL); }

int main(void)
{
    void *p;
    CHECK(!posix_memalign(&p, 4096, 100));
    drop(p);
    drop(keep(aligned_alloc(64, 640)));
    drop(keep(malloc(0)));
    char *dressed = keep(malloc(1203));
    *(size_t *)(dressed + 56) = 0x41;
    drop(dressed);
    drop(strdup("some text"));
    char *line = NULL;
    size_t n = 0;
    FILE *f = fmemopen("one\n", 4, "r");
    CHECK(getline(&line, &n, f) == 4);
    fclose(f);
    drop(line);
    CHECK(asprintf(&line, "%d", 12) == 2);
    drop(line);
    drop(realpath("/", NULL));
    return 0;
}
