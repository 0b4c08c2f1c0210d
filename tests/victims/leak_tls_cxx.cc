/* thread_local objects with destructors: an ended thread's and main's are gone
 * at the end, those of a thread that runs are not. */
#include <memory>
#include <thread>
#include <vector>
#include "leak.h"

static thread_local std::unique_ptr<long[]> local;
static thread_local std::vector<long> *lost;
static pthread_barrier_t ready;

NOINLINE static void make_running() { local.reset(new long[11]); }
NOINLINE static void make_ended() { local.reset(new long[12]); }
NOINLINE static void make_main() { local.reset(new long[13]); }
NOINLINE static void make_lost() { lost = new std::vector<long>(14); }

static void ended()
{
    make_ended();
    make_lost();
}

static void *running(void *)
{
    make_running();
    scrub();
    pthread_barrier_wait(&ready);
    for (;;)
        pause();
    return nullptr;
}

int main()
{
    CHECK(!pthread_barrier_init(&ready, nullptr, 2));
    make_main();
    std::thread(ended).join();
    victim_thread(running, nullptr);
    pthread_barrier_wait(&ready);
    puts("expect leak reachable new=make_running blocks=2 bytes=120"); /* and what libc notes of its destructor */
    puts("expect leak definite new=make_lost blocks=1 bytes=24");
    puts("expect leak indirect new=make_lost blocks=1 bytes=112");
    scrub();
    return 0;
}
