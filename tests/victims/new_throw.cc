/* operator new that fails: bad_alloc reaches its catch through the hook's
 * frame, nothrow gives NULL, a handler of the program's is called. */
#include <cstdio>
#include <cstdlib>
#include <new>
#include "victim.h"

static void *reserve;
static int asked;

NOINLINE static void handler()
{
    asked++;
    if (asked == 3)
        std::set_new_handler(nullptr);
    free(keep(malloc(54101)));
}

NOINLINE static int attempt(std::size_t bytes)
{
    try {
        keep(::operator new(bytes));
    } catch (const std::bad_alloc &) {
        free(keep(malloc(54102)));
        return 1;
    }
    return 0;
}

int main()
{
    std::size_t huge = SIZE_MAX / 2;
    CHECK(attempt(huge) == 1);
    CHECK(!keep(::operator new(huge, std::nothrow)));
    CHECK(!keep(::operator new[](huge, std::nothrow)));
    CHECK(!keep(::operator new(huge, std::align_val_t(64), std::nothrow)));
    std::set_new_handler(handler);
    CHECK(attempt(huge) == 1 && asked == 3);
    try {
        keep(::operator new[](huge, std::align_val_t(64)));
        return 1;
    } catch (const std::bad_alloc &e) {
        puts(e.what());
    }
    reserve = keep(::operator new(54103));
    ::operator delete(reserve);
    puts("expect block size=54101 count=3 dropped=3 new=handler");
    puts("expect report totals.unknown_drops == 0");
    puts("expect block size=54102 count=2 dropped=2 new=attempt");
    puts("expect block size=54103 count=1 dropped=1 new=main");
    return 0;
}
