/* Exceptions: one that an exception_ptr keeps, at the object behind its head;
 * what a thrown-over frame owned raw; and one that was caught and is gone. */
#include <exception>
#include <stdexcept>
#include "leak.h"

struct Failure { long code[3]; };
alignas(std::exception_ptr) static char kept[sizeof(std::exception_ptr)];

NOINLINE static void make_kept() { throw Failure{{1, 2, 3}}; }
NOINLINE static long *make_raw() { return new long[5]; }
NOINLINE static void make_caught() { throw std::runtime_error("a text that is copied to the heap, counted"); }

NOINLINE static void over()
{
    long *raw = make_raw();
    make_caught();
    delete[] raw;
}

static void act()
{
    try { make_kept(); } catch (...) { new (kept) std::exception_ptr(std::current_exception()); }
    try { over(); } catch (const std::exception &e) { CHECK(e.what()[0] == 'a'); }
}

int main()
{
    act();
    puts("expect leak possible new=make_kept blocks=1 bytes=152");
    puts("expect leak definite new=make_raw blocks=1 bytes=40");
    scrub();
    return 0;
}
