/* Copies up to the last byte of blocks; past what was asked for where the
 * allocator was asked for more (malloc_usable_size); into larger blocks by
 * realloc; between halves of one block; over neighbours that are one mapping. */
#include <malloc.h>
#include "victim.h"

enum { SIZE = 9000 };
static char bytes[8 * SIZE];

int main(void)
{
    char *p = keep(malloc(SIZE)), *q = keep(malloc(SIZE + 3));
    memcpy(p, bytes, SIZE);
    memset(p, 'x', SIZE - 1);
    p[SIZE - 1] = 0;
    strcpy(bytes, p);
    strcpy(p, bytes);
    strncpy(p, "short", SIZE);
    memcpy(q, bytes, malloc_usable_size(q));
    memcpy(p + SIZE / 2, p, SIZE / 2);
    p = keep(realloc(p, 4 * SIZE));
    memset(p, 1, 4 * SIZE);
    p = keep(realloc(p, SIZE));
    memcpy(p, bytes, SIZE);
    char *c = keep(calloc(9, 1001));
    memcpy(c, bytes, 9009);
    char *map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED);
    memcpy(map + 20000, bytes, 40000);
    CHECK(!munmap(map, 32768));
    memset(map + 32768, 0, 32768);
    free(p);
    free(q);
    free(c);
    return 0;
}
