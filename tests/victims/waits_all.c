/* Threads in every kind of wait that a stop could end with EINTR, over and over
 * for argv[1] seconds (0.3). None has a signal handler run on it but the last:
 * so none but that one may see EINTR, or wake too early, and that one sees it once a signal.
 * With argv[2], a file to say READY and the pid in. */
#include "victim.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>

enum { WAIT_MS = 40, TICK_MS = 10 /* of the slowest kernel clock: a socket's timeout counts begun ones */ };

struct wait {
    const char *name;
    int (*once)(void);      /* 0 or errno */
    int expected;           /* 0 or errno, of a wait that came to its end */
    long waits, interrupted, early, odd;
    int last_odd;
    pthread_t thread;
};

static int stop;
static int poll_set, pipe_ends[2], socket_ends[2], semaphores, queue;
static struct timespec span = { 0, WAIT_MS * 1000000 };
static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER;

static int error_of(long returned) { return returned < 0 ? errno : 0; }
static struct timeval span_of(void) { return (struct timeval){ 0, WAIT_MS * 1000 }; }

static int by_nanosleep(void) { return error_of(nanosleep(&span, NULL)); }
static int by_clock_nanosleep(void) { return clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL); }
static int by_clock_nanosleep_until(void)
{
    struct timespec t = victim_from_now(CLOCK_MONOTONIC, WAIT_MS);
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
static int by_usleep(void) { return error_of(usleep(WAIT_MS * 1000)); }
static int by_poll(void) { return error_of(poll(NULL, 0, WAIT_MS)); }
static int by_ppoll(void) { return error_of(ppoll(NULL, 0, &span, NULL)); }
static int by_select(void) { struct timeval t = span_of(); return error_of(select(0, NULL, NULL, NULL, &t)); }
static int by_pselect(void) { return error_of(pselect(0, NULL, NULL, NULL, &span, NULL)); }
static int by_epoll_wait(void) { struct epoll_event e; return error_of(epoll_wait(poll_set, &e, 1, WAIT_MS)); }
static int by_epoll_pwait(void)
{
    struct epoll_event e;
    sigset_t none;
    sigemptyset(&none);
    return error_of(epoll_pwait(poll_set, &e, 1, WAIT_MS, &none));
}
static int by_sem_timedwait(void)
{
    static sem_t sem;
    struct timespec t = victim_from_now(CLOCK_REALTIME, WAIT_MS);
    return error_of(sem_timedwait(&sem, &t));
}
static int by_cond_timedwait(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    struct timespec t = victim_from_now(CLOCK_REALTIME, WAIT_MS);
    int e;
    pthread_mutex_lock(&mutex);
    e = pthread_cond_timedwait(&cond, &mutex, &t);
    pthread_mutex_unlock(&mutex);
    return e;
}
static int by_mutex_timedlock(void)
{
    struct timespec t = victim_from_now(CLOCK_REALTIME, WAIT_MS);
    return pthread_mutex_timedlock(&taken, &t);
}
static int by_semtimedop(void) { struct sembuf b = { 0, -1, 0 }; return error_of(semtimedop(semaphores, &b, 1, &span)); }
static int by_sigtimedwait(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return error_of(sigtimedwait(&set, NULL, &span));
}
static int by_recv(void) { char c; return error_of(recv(socket_ends[0], &c, 1, 0)); }

/* Without a time limit: another thread wakes them. */
static int by_read(void) { char c; return error_of(read(pipe_ends[0], &c, 1)); }
static int by_msgrcv(void) { struct { long type; char text; } m; return error_of(msgrcv(queue, &m, 1, 0, 0)); }
static int by_semop(void) { struct sembuf b = { 1, -1, 0 }; return error_of(semop(semaphores, &b, 1)); }

static struct wait waits[] = {
    { .name = "nanosleep", .once = by_nanosleep },
    { .name = "clock_nanosleep", .once = by_clock_nanosleep },
    { .name = "clock_nanosleep until", .once = by_clock_nanosleep_until },
    { .name = "usleep", .once = by_usleep },
    { .name = "poll", .once = by_poll },
    { .name = "ppoll", .once = by_ppoll },
    { .name = "select", .once = by_select },
    { .name = "pselect", .once = by_pselect },
    { .name = "epoll_wait", .once = by_epoll_wait },
    { .name = "epoll_pwait", .once = by_epoll_pwait },
    { .name = "sem_timedwait", .once = by_sem_timedwait, .expected = ETIMEDOUT },
    { .name = "pthread_cond_timedwait", .once = by_cond_timedwait, .expected = ETIMEDOUT },
    { .name = "pthread_mutex_timedlock", .once = by_mutex_timedlock, .expected = ETIMEDOUT },
    { .name = "semtimedop", .once = by_semtimedop, .expected = EAGAIN },
    { .name = "sigtimedwait", .once = by_sigtimedwait, .expected = EAGAIN },
    { .name = "recv", .once = by_recv, .expected = EAGAIN },
    { .name = "read", .once = by_read },
    { .name = "msgrcv", .once = by_msgrcv },
    { .name = "semop", .once = by_semop },
};
enum { WAITS = sizeof waits / sizeof *waits };

static void *wait_over_and_over(void *arg)
{
    struct wait *w = arg;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        int64_t began = victim_now_ns();
        int e = w->once();
        w->waits++;
        if (e == EINTR)
            w->interrupted++;
        else if (e != w->expected) {
            w->odd++;
            w->last_odd = e;
        } else if (victim_now_ns() - began < (WAIT_MS - TICK_MS) * 1000000)
            w->early++;
    }
    return NULL;
}

/* The wakers keep to the time. */
static void *wake(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        struct { long type; char text; } m = { 1, 'm' };
        struct sembuf b = { 1, 1, 0 };
        victim_sleep_ms(WAIT_MS + 10);
        CHECK(write(pipe_ends[1], "r", 1) == 1);
        CHECK(!msgsnd(queue, &m, 1, 0));
        CHECK(!semop(semaphores, &b, 1));
    }
    return NULL;
}

/* ---- the one that signals are for ---- */

static sem_t handled;
static long sent, seen;
static void handler(int signo) { sem_post(&handled); }

static void *be_signalled(void *arg)
{
    struct timespec t = { 3600, 0 };
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        if (nanosleep(&t, NULL) < 0 && errno == EINTR)
            seen++;
    }
    return NULL;
}

static void send_one(pthread_t to)
{
    victim_sleep_ms(5); /* it sleeps again by now */
    sent++;
    CHECK(!pthread_kill(to, SIGUSR1));
    while (sem_wait(&handled))
        CHECK(errno == EINTR);
}

static void send_signals(pthread_t to, int64_t until_ns)
{
    while (victim_now_ns() < until_ns)
        send_one(to);
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    while (pthread_tryjoin_np(to, NULL) == EBUSY) {
        pthread_kill(to, SIGUSR1);
        victim_sleep_ms(5);
    }
}

static void prepare(void)
{
    struct sigaction a = { .sa_handler = handler };
    struct timeval t = span_of();
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    CHECK(!sigprocmask(SIG_BLOCK, &blocked, NULL));
    CHECK(!sigaction(SIGUSR1, &a, NULL));
    CHECK((poll_set = epoll_create1(0)) >= 0);
    CHECK(!pipe(pipe_ends));
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, socket_ends));
    CHECK(!setsockopt(socket_ends[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    CHECK((semaphores = semget(IPC_PRIVATE, 2, 0600)) >= 0);
    CHECK((queue = msgget(IPC_PRIVATE, 0600)) >= 0);
    CHECK(!pthread_mutex_lock(&taken));
}

static void join_all(pthread_t waker)
{
    struct { long type; char text; } m = { 1, 'm' };
    struct sembuf b = { 1, 1, 0 };
    victim_join(waker);
    CHECK(write(pipe_ends[1], "rr", 2) == 2 && !msgsnd(queue, &m, 1, 0) && !semop(semaphores, &b, 1));
    for (int i = 0; i < WAITS; i++)
        victim_join(waits[i].thread);
    semctl(semaphores, 0, IPC_RMID);
    msgctl(queue, IPC_RMID, NULL);
}

int main(int argc, char **argv)
{
    int64_t until;
    pthread_t waker, signalled;
    long bad = 0;
    prepare();
    for (int i = 0; i < WAITS; i++)
        waits[i].thread = victim_thread(wait_over_and_over, &waits[i]);
    waker = victim_thread(wake, NULL);
    signalled = victim_thread(be_signalled, NULL);
    if (argc > 2) {
        FILE *f = fopen(argv[2], "w");
        CHECK(f && fprintf(f, "%d\n", (int)getpid()) > 0 && !fclose(f));
    }
    until = victim_now_ns() + (int64_t)((argc > 1 ? atof(argv[1]) : 0.3) * 1e9);
    send_signals(signalled, until);
    join_all(waker);
    for (int i = 0; i < WAITS; i++) {
        struct wait *w = &waits[i];
        CHECK(w->waits);
        if (w->interrupted || w->odd || (w->early && i < 16)) {
            printf("%s: %ld waits, %ld interrupted, %ld early, %ld of another outcome (%s)\n", w->name, w->waits,
                   w->interrupted, w->early, w->odd, strerror(w->last_odd));
            bad++;
        }
    }
    if (seen > sent + 10 || seen < sent / 2)
        bad += printf("%ld signals sent, %ld seen\n", sent, seen);
    puts("done");
    return bad != 0;
}
