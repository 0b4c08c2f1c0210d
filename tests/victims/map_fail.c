/* munmap and mremap that fail leave what there is. */
#include "victim.h"

int main(void)
{
    char *p = mmap(NULL, 47 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    CHECK(munmap(p, SIZE_MAX - 4095) == -1 && errno == EINVAL);
    CHECK(munmap(p, (size_t)1 << 62) == -1 && errno == EINVAL);
    CHECK(munmap(p, 0) == -1 && errno == EINVAL);
    CHECK(munmap(p + 1, 4096) == -1 && errno == EINVAL);
    CHECK(mremap(p, 47 * 4096, (size_t)1 << 62, MREMAP_MAYMOVE) == MAP_FAILED);
    CHECK(mremap(p + 1, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL);
    *p = 1;
    puts("expect block size=192512 count=1 dropped=0");
    return 0;
}
