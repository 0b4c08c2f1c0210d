/* Every function that copies, for lengths around where recording may begin:
 * what it returns, what it wrote and what it left alone, errno untouched. */
#include <strings.h>
#include "victim.h"

void *__memcpy_chk(void *, const void *, size_t, size_t);
void *__memmove_chk(void *, const void *, size_t, size_t);
void *__mempcpy_chk(void *, const void *, size_t, size_t);
void *__memset_chk(void *, int, size_t, size_t);
char *__strcpy_chk(char *, const char *, size_t);
char *__stpcpy_chk(char *, const char *, size_t);
char *__strncpy_chk(char *, const char *, size_t, size_t);
char *__stpncpy_chk(char *, const char *, size_t, size_t);
char *__strcat_chk(char *, const char *, size_t);
char *__strncat_chk(char *, const char *, size_t, size_t);
void __explicit_bzero_chk(void *, size_t, size_t);

enum { MOST = 70000, EDGE = 64 };
static char from[MOST + 2 * EDGE], got[MOST + 2 * EDGE], want[MOST + 2 * EDGE];
static const size_t lengths[] = { 0, 1, 2, 7, 8, 15, 16, 31, 62, 63, 64, 65, 100, 127, 128, 129, 253, 254, 255, 256, 257, 258, 300,
                                  511, 512, 513, 1023, 1024, 1025, 4095, 4096, 5000, 65535, 65536, MOST };

static void start(size_t n)
{
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)(1 + (i * 7 + n) % 250);
    memset(got, '.', sizeof got);
    for (size_t i = 0; i < sizeof want; i++)
        want[i] = '.';
    errno = 4321;
}
static void like(size_t to, const char *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        want[to + i] = f[i];
}
static void like_got(size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        got[at + i] = want[at + i];
}
static void zeros(size_t to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        want[to + i] = 0;
}
static void is(const void *returned, const void *value)
{
    CHECK(returned == value);
    CHECK(errno == 4321);
    for (size_t i = 0; i < sizeof want; i++)
        CHECK(got[i] == want[i]);
}
#define IS(call, value) is((call), (value))

static char *const to = got + EDGE;

static void memory(size_t n)
{
    start(n), like(EDGE, from, n), IS(memcpy(to, from, n), to);
    start(n), like(EDGE, from, n), IS(memmove(to, from, n), to);
    start(n), like(EDGE, from, n), IS(mempcpy(to, from, n), to + n);
    start(n), like(EDGE, from, n), IS((bcopy(from, to, n), to), to);
    start(n), like(EDGE, from, n), IS(__memcpy_chk(to, from, n, n), to);
    start(n), like(EDGE, from, n), IS(__memmove_chk(to, from, n, -1), to);
    start(n), like(EDGE, from, n), IS(__mempcpy_chk(to, from, n, n + 1), to + n);
    start(n), zeros(EDGE, n), IS(memset(to, 0, n), to);
    start(n), zeros(EDGE, n), IS(__memset_chk(to, 0, n, n), to);
    start(n), zeros(EDGE, n), IS((bzero(to, n), to), to);
    start(n), zeros(EDGE, n), IS((explicit_bzero(to, n), to), to);
    start(n), zeros(EDGE, n), IS((__explicit_bzero_chk(to, n, n), to), to);
}

/* Over itself, both ways. */
static void overlapping(size_t n)
{
    for (size_t by = 1; by <= EDGE; by *= 8) {
        start(n), like(EDGE, from, n + by), like_got(EDGE, n + by);
        for (size_t i = n; i-- > 0;)
            want[EDGE + by + i] = want[EDGE + i];
        IS(memmove(to + by, to, n), to + by);
        start(n), like(EDGE - by, from, n + by), like_got(EDGE - by, n + by);
        for (size_t i = 0; i < n; i++)
            want[EDGE - by + i] = want[EDGE + i];
        IS((bcopy(to, to - by, n), to), to);
    }
}

static void text(size_t n)
{
#define FRESH (start(n), from[n] = 0)
    FRESH, like(EDGE, from, n + 1), IS(strcpy(to, from), to);
    FRESH, like(EDGE, from, n + 1), IS(stpcpy(to, from), to + n);
    FRESH, like(EDGE, from, n + 1), IS(__strcpy_chk(to, from, n + 1), to);
    FRESH, like(EDGE, from, n + 1), IS(__stpcpy_chk(to, from, n + 2), to + n);
    FRESH, memcpy(to, "ab", 3), like(EDGE, "ab", 2), like(EDGE + 2, from, n + 1), IS(strcat(to, from), to);
    FRESH, memcpy(to, "ab", 3), like(EDGE, "ab", 2), like(EDGE + 2, from, n + 1), IS(__strcat_chk(to, from, n + 3), to);
    FRESH, *to = 0, like(EDGE, from, n + 1), IS(strncat(to, from, n), to);
    FRESH, *to = 0, like(EDGE, from, n + 1), IS(strncat(to, from, -1), to);
    FRESH, *to = 0, like(EDGE, from, n / 2), zeros(EDGE + n / 2, 1), IS(strncat(to, from, n / 2), to);
    FRESH, *to = 0, like(EDGE, from, n + 1), IS(__strncat_chk(to, from, n + 9, n + 1), to);
    FRESH, like(EDGE, from, n), IS(strncpy(to, from, n), to);
    FRESH, like(EDGE, from, n), zeros(EDGE + n, 20), IS(strncpy(to, from, n + 20), to);
    FRESH, like(EDGE, from, n), zeros(EDGE + n, 1), IS(stpncpy(to, from, n + 1), to + n);
    FRESH, like(EDGE, from, n), IS(stpncpy(to, from, n), to + n);
    FRESH, like(EDGE, from, n), zeros(EDGE + n, 20), IS(__strncpy_chk(to, from, n + 20, n + 20), to);
    FRESH, like(EDGE, from, n), zeros(EDGE + n, 20), IS(__stpncpy_chk(to, from, n + 20, n + 30), to + n);
}

int main(void)
{
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memory(lengths[i]);
        overlapping(lengths[i]);
        text(lengths[i]);
    }
    /* A string that ends where the memory does. */
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED && !mprotect(page + 4096, 4096, PROT_NONE));
    for (size_t n = 1; n < 600; n++) {
        char *s = page + 4096 - n;
        memset(s, 'e', n - 1);
        s[n - 1] = 0;
        CHECK(stpcpy(to, s) == to + n - 1);
        CHECK(stpncpy(to, s, 700) == to + n - 1);
        s[n - 1] = 'e'; /* no end at all */
        strncpy(to, s, n);
        *to = 0;
        strncat(to, s, n);
        CHECK(to[n - 1] == 'e' && !to[n]);
    }
    puts("all as it should be");
    return 0;
}
