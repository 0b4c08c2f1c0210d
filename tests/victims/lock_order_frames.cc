/* std::mutex in frames that lie at one address one after the other: nobody
 * initialises or destroys them, and they are different locks. */
#include <mutex>
#include <thread>
#include <stdio.h>

static std::mutex everybodys;

template <class F> __attribute__((noinline)) static void frame(F f)
{
    std::mutex mine;
    f(mine);
    asm volatile("" : : "r"(&mine) : "memory");
}
static void both()
{
    frame([](std::mutex &mine) { std::lock_guard<std::mutex> a(mine); std::lock_guard<std::mutex> b(everybodys); });
    frame([](std::mutex &mine) { std::lock_guard<std::mutex> b(everybodys); std::lock_guard<std::mutex> a(mine); });
}

int main()
{
    for (int i = 0; i < 2; i++)
        std::thread(both).join();
    puts("expect finding lock-order found=0");
    return 0;
}
