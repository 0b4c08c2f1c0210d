/* Exceptions of every shape: thrown at chance depths through frames with
 * destructors that allocate, caught half way, thrown again, thrown by a
 * callback through libc's frames, and by a failing operator new.
 * `mixed_throws N`: N times as much. */
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>
#include "victim.h"

static uint32_t seed = 88172645;
static uint32_t chance(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

NOINLINE static void leaf() { free(keep(malloc(48000 + chance(8)))); }

struct Holder {
    std::unique_ptr<char[]> p;
    Holder() : p(new char[48100]) {}
    NOINLINE ~Holder() { leaf(); }
};

static void dive(int n);

NOINLINE static void holding(int n)
{
    Holder h;
    std::string s(40 + n, 'x');
    std::vector<int> v(n + 1);
    keep(v.data());
    dive(n - 1);
}

NOINLINE static void catching(int n)
{
    try {
        dive(n - 1);
    } catch (const std::logic_error &) {
        leaf();
    } catch (...) {
        leaf();
        throw;
    }
}

NOINLINE static void turning(int n)
{
    try {
        Holder h;
        dive(n - 1);
    } catch (const std::bad_alloc &) {
        throw std::logic_error("turned");
    }
}

NOINLINE static void quiet(int n) noexcept
{
    try {
        dive(n - 1);
    } catch (...) {
        leaf();
    }
}

static int nested;
static int compare(const void *a, const void *b)
{
    if (nested > 0) {
        int n = nested;
        nested = 0;
        dive(n - 1);
    }
    return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

NOINLINE static void through(int n)
{
    int numbers[4] = {3, 1, 4, 1};
    nested = n;
    qsort(numbers, 4, sizeof *numbers, compare);
}

static void dive(int n)
{
    if (n <= 0) {
        leaf();
        switch (chance(4)) {
        case 0: throw std::runtime_error("deep");
        case 1: throw std::logic_error("deep");
        case 2: keep(::operator new(static_cast<size_t>(-1) / 2)); break;
        default: return;
        }
    }
    switch (chance(5)) {
    case 0: holding(n); break;
    case 1: catching(n); break;
    case 2: turning(n); break;
    case 3: quiet(n); break;
    default: through(n);
    }
}

int main(int argc, char **argv)
{
    int times = argc > 1 ? atoi(argv[1]) : 1;
    for (int i = 0; i < 80 * times; i++) {
        try {
            dive(static_cast<int>(chance(60)));
        } catch (const std::exception &) {
            leaf();
        }
    }
    puts("expect site new=leaf allocations>=1000 live=0");
    return 0;
}
