/* Mutexes of unusual kinds: robust ones whose owner died (a thread, a process),
 * made consistent or lost for good; with inherited and protected priorities;
 * between processes. */
#include <semaphore.h>
#include "victim.h"

#define SHOW(call) printf("%-50s %d\n", #call, (call))

static pthread_mutex_t *m;

static void *dies_holding(void *how)
{
    CHECK(!pthread_mutex_lock(m));
    if (how)
        pthread_exit(NULL);
    return NULL;
}
static void orphan(void)
{
    pthread_t t;
    static int turn;
    CHECK(!pthread_create(&t, NULL, dies_holding, turn++ % 2 ? m : NULL));
    CHECK(!pthread_join(t, NULL));
}

static void make(int protocol, int type, int robust, int shared)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    CHECK(!pthread_mutexattr_setprotocol(&a, protocol));
    CHECK(!pthread_mutexattr_settype(&a, type));
    if (robust)
        CHECK(!pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST));
    CHECK(!pthread_mutexattr_setpshared(&a, shared));
    CHECK(!pthread_mutex_init(m, &a));
    pthread_mutexattr_destroy(&a);
}

static void robust(int protocol, int type)
{
    struct timespec past = { 1, 0 };
    printf("-- robust, protocol %d, type %d\n", protocol, type);
    make(protocol, type, 1, PTHREAD_PROCESS_PRIVATE);
    orphan();
    SHOW(pthread_mutex_lock(m));
    SHOW(pthread_mutex_consistent(m));
    SHOW(pthread_mutex_unlock(m));
    orphan();
    SHOW(pthread_mutex_trylock(m));
    SHOW(pthread_mutex_consistent(m));
    SHOW(pthread_mutex_unlock(m));
    orphan();
    SHOW(pthread_mutex_timedlock(m, &past));
    SHOW(pthread_mutex_unlock(m)); /* not made consistent: nobody can have it any more */
    SHOW(pthread_mutex_lock(m));
    SHOW(pthread_mutex_trylock(m));
    SHOW(pthread_mutex_destroy(m));
}

static void plain(int protocol)
{
    printf("-- protocol %d\n", protocol);
    make(protocol, PTHREAD_MUTEX_ERRORCHECK, 0, PTHREAD_PROCESS_PRIVATE);
    SHOW(pthread_mutex_lock(m));
    SHOW(pthread_mutex_lock(m));
    SHOW(pthread_mutex_unlock(m));
    SHOW(pthread_mutex_destroy(m));
}

/* Its owner's lock again and again waits for nobody. */
static pthread_mutex_t again_robust, again_inherited;
static void again(pthread_mutex_t *which, int protocol, int is_robust)
{
    pthread_mutex_t *before = m;
    m = which;
    make(protocol, PTHREAD_MUTEX_RECURSIVE, is_robust, PTHREAD_PROCESS_PRIVATE);
    for (int i = 0; i < 10; i++)
        CHECK(!pthread_mutex_lock(m));
    for (int i = 0; i < 10; i++)
        CHECK(!pthread_mutex_unlock(m));
    m = before;
}

/* Nobody can have it any more, and who waited with it comes back without it. */
static void lost_in_wait(void)
{
    static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
    struct timespec past = { 1, 0 };
    puts("-- lost in a wait");
    make(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_NORMAL, 1, PTHREAD_PROCESS_PRIVATE);
    orphan();
    SHOW(pthread_mutex_lock(m));
    SHOW(pthread_cond_timedwait(&c, m, &past));
    SHOW(pthread_mutex_destroy(m));
}

static void between_processes(void)
{
    struct pair { pthread_mutex_t m; sem_t s; } *p =
        mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid;
    CHECK(p != MAP_FAILED);
    puts("-- between processes");
    m = &p->m;
    make(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_NORMAL, 1, PTHREAD_PROCESS_SHARED);
    CHECK(!sem_init(&p->s, 1, 0));
    fflush(stdout);
    pid = fork();
    if (!pid) {
        CHECK(!pthread_mutex_lock(m));
        CHECK(!sem_post(&p->s));
        _exit(0);
    }
    CHECK(!sem_wait(&p->s));
    victim_wait_ok(pid);
    SHOW(pthread_mutex_lock(m));
    SHOW(pthread_mutex_consistent(m));
    SHOW(pthread_mutex_unlock(m));
}

int main(void)
{
    static pthread_mutex_t mutex;
    m = &mutex;
    robust(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_NORMAL);
    robust(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_RECURSIVE);
    robust(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_NORMAL);
    lost_in_wait();
    again(&again_robust, PTHREAD_PRIO_NONE, 1);
    again(&again_inherited, PTHREAD_PRIO_INHERIT, 0);
    plain(PTHREAD_PRIO_NONE);
    plain(PTHREAD_PRIO_INHERIT);
    make(PTHREAD_PRIO_PROTECT, PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PROCESS_PRIVATE);
    SHOW(pthread_mutex_lock(m)); /* the scheduler says whether one may */
    SHOW(pthread_mutex_trylock(m));
    between_processes();
    puts("expect process count=2");
    puts("expect lock again_robust kind=mutex acquisitions=10 contended=0");
    puts("expect lock again_inherited kind=mutex acquisitions=10 contended=0");
    puts("expect finding exited-holding count=10 found=4");
    puts("expect finding relock count=2 found=2");
    return 0;
}
