/* Mappings: anonymous, of a file, unmapped in parts, grown, moved, replaced. */
#include "victim.h"

enum { PAGE = 4096 };
NOINLINE static char *map(size_t pages)
{
    char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

int main(void)
{
    char *whole = map(1001);
    CHECK(!munmap(whole, 1001 * PAGE));
    char *front = map(1002), *middle = map(1003), *back = map(1004);
    CHECK(!munmap(front, 2 * PAGE));
    CHECK(!munmap(middle + 500 * PAGE, 3 * PAGE));
    CHECK(!munmap(back + 1000 * PAGE, 4 * PAGE));
    char *grown = map(1005);
    grown[0] = 5;
    grown = mremap(grown, 1005 * PAGE, 2005 * PAGE, MREMAP_MAYMOVE);
    CHECK(grown != MAP_FAILED && grown[0] == 5);
    char *target = map(1006);
    char *moved = map(1007);
    moved[0] = 7;
    moved = mremap(moved, 1007 * PAGE, 1006 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    CHECK(moved == target && moved[0] == 7);
    char *over = map(1008);
    CHECK(mmap(over, 1008 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == over);
    CHECK(!munmap(over, 1008 * PAGE));
    int fd = open("/proc/self/exe", O_RDONLY);
    char *file = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(file != MAP_FAILED && !memcmp(file, "\177ELF", 4));
    CHECK(!munmap(file, 3 * PAGE));
    char *kept = map(1009);
    keep(kept);
    printf("expect block size=%d count=1 dropped=1 family=mmap new=map drop=main\n", 1001 * PAGE);
    printf("expect block size=%d count=1 dropped=0 family=mmap new=map\n", 1009 * PAGE);
    puts("expect report totals.allocations <= 4");
    return 0;
}
