// What is done once: exceptions through std::call_once and pthread_once leave it
// to be done again, also in a handler amid a wait; a cancelled routine too; one in another; threads that wait.
#include <atomic>
#include <cstdio>
#include <mutex>
#include <pthread.h>
#include <stdexcept>
#include <thread>
#include <vector>
#include "victim.h"

static std::once_flag flag, nested_flag;
static pthread_once_t once = PTHREAD_ONCE_INIT, outer = PTHREAD_ONCE_INIT, inner = PTHREAD_ONCE_INIT, cut = PTHREAD_ONCE_INIT,
                      slow = PTHREAD_ONCE_INIT;
static int tries;
static std::atomic<int> ran;

static void throws_twice()
{
    if (++tries < 3)
        throw std::runtime_error("not yet");
}
static void inner_routine() { printf("inner\n"); }
static void outer_routine()
{
    pthread_once(&inner, inner_routine);
    std::call_once(nested_flag, [] { printf("nested\n"); });
    printf("outer\n");
}
static bool cut_short = true;
static void cut_routine()
{
    if (cut_short)
        pthread_exit(reinterpret_cast<void *>(3));
    printf("cut: done in the end\n");
}
static void *cut_thread(void *) { pthread_once(&cut, cut_routine); return nullptr; }

/* A handler's once throws, inside a wait that is cancelled later. */
static pthread_once_t thrown = PTHREAD_ONCE_INIT;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static std::atomic<int> waits, caught;
static void thrower() { throw 1; }
static void on_signal(int)
{
    try {
        pthread_once(&thrown, thrower);
    } catch (int) {
        caught++;
    }
    volatile char over[20000];
    for (auto &c : over)
        c = 0x41;
}
static void *waiter(void *)
{
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push([](void *) { CHECK(!pthread_mutex_unlock(&mutex)); }, nullptr);
    waits++;
    for (;;)
        pthread_cond_wait(&never, &mutex);
    pthread_cleanup_pop(0);
    return nullptr;
}
static void thrown_in_a_wait()
{
    pthread_t t;
    void *value = nullptr;
    signal(SIGUSR1, on_signal);
    CHECK(!pthread_create(&t, nullptr, waiter, nullptr));
    while (!waits)
        victim_sleep_ms(1);
    pthread_mutex_lock(&mutex); /* it has given it up */
    pthread_mutex_unlock(&mutex);
    CHECK(!pthread_kill(t, SIGUSR1));
    while (!caught)
        victim_sleep_ms(1);
    victim_sleep_ms(20);
    CHECK(!pthread_cancel(t));
    CHECK(!pthread_join(t, &value));
    printf("cancelled %d, caught %d\n", value == PTHREAD_CANCELED, caught.load());
}

static void slow_routine() { victim_sleep_ms(30); ran++; }

int main()
{
    for (int i = 0; i < 4; i++)
        try {
            std::call_once(flag, throws_twice);
            printf("call_once: done, %d tries\n", tries);
        } catch (const std::exception &e) {
            printf("call_once: %s\n", e.what());
        }
    tries = 0;
    for (int i = 0; i < 4; i++)
        try {
            printf("pthread_once: %d, ", pthread_once(&once, throws_twice));
            printf("%d tries\n", tries);
        } catch (const std::exception &e) {
            printf("pthread_once: %s\n", e.what());
        }
    pthread_once(&outer, outer_routine);
    pthread_once(&outer, outer_routine);
    pthread_t t;
    void *value = nullptr;
    CHECK(!pthread_create(&t, nullptr, cut_thread, nullptr));
    CHECK(!pthread_join(t, &value));
    printf("ended inside: %d\n", (int)(intptr_t)value);
    cut_short = false;
    cut_thread(nullptr);
    thrown_in_a_wait();
    std::vector<std::thread> all;
    for (int i = 0; i < 8; i++)
        all.emplace_back([] {
            pthread_once(&slow, slow_routine);
            CHECK(ran == 1);
        });
    for (auto &each : all)
        each.join();
    printf("ran %d\n", ran.load());
    return 0;
}
