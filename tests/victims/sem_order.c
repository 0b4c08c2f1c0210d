/* What a signal handler posts while its thread is amid a call that allocates is
 * the only thing that puts one thread's writes before another's reads. */
#include <semaphore.h>
#include <sys/time.h>
#include "victim.h"

enum { SIZE = 9000, TIMES = 12, MAPPED = 48 << 20 };
static char bytes[SIZE];
static char *blocks[TIMES];
static sem_t s;
static volatile sig_atomic_t written, posts;

NOINLINE static char *make(void) { return keep(malloc(SIZE)); }
NOINLINE static void put(int i) { memcpy(blocks[i], bytes, SIZE); keep(NULL); }
NOINLINE static void get(int i) { char copy[SIZE]; memcpy(copy, blocks[i], SIZE); keep(copy); }

static void on_alarm(int number)
{
    if (posts < written) {
        posts++;
        CHECK(!sem_post(&s));
    }
}

static void *reader(void *arg)
{
    for (int i = 0; i < TIMES; i++) {
        CHECK(!sem_wait(&s));
        get(i);
    }
    return NULL;
}

int main(void)
{
    struct itimerval t = { { 0, 1000 }, { 0, 1000 } }, none = { { 0, 0 }, { 0, 0 } };
    sigset_t alarm;
    CHECK(!sem_init(&s, 0, 0));
    for (int i = 0; i < TIMES; i++)
        blocks[i] = make();
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    CHECK(!pthread_sigmask(SIG_BLOCK, &alarm, NULL));
    signal(SIGALRM, on_alarm);
    pthread_t thread = victim_thread(reader, NULL);
    CHECK(!pthread_sigmask(SIG_UNBLOCK, &alarm, NULL));
    for (int i = 0; i < TIMES; i++) {
        put(i);
        written++;
        CHECK(!setitimer(ITIMER_REAL, &t, NULL));
        while (posts < written) { /* long in the kernel: there the signal finds it */
            void *p = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
            CHECK(p != MAP_FAILED && !munmap(p, MAPPED));
        }
        CHECK(!setitimer(ITIMER_REAL, &none, NULL));
    }
    victim_join(thread);
    for (int i = 0; i < TIMES; i++)
        free(blocks[i]);
    puts("expect lost nested>=0");
    return 0;
}
