/*
 * tests/unit/test_heap_stop.c - threads stand still and go on as if nothing had
 * been: a child sits in every kind of waiting call while it is stopped again and
 * again, and says what it saw.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "heap/heap_stop.h"
#include "heap_shared.h"
#include "suite.h"

static uint64_t stop_once(pid_t pid, size_t threads)
{
    struct heap_stop s;
    uint64_t ns;
    stop_begin(&s, pid, (struct heap_held){0});
    if (threads)
        ck_assert_uint_eq(s.n, threads);
    ns = heap_stop_end(&s);
    heap_stop_free(&s);
    return ns;
}

/* ---- running threads ---- */

static void *spin(void *unused)
{
    atomic_fetch_add(&shared->ready, 1);
    for (;;)
        atomic_fetch_add_explicit(&shared->count, 1, memory_order_relaxed);
    return unused;
}

static void body_spin(void)
{
    pthread_t t;
    for (int i = 0; i < 3; i++)
        pthread_create(&t, NULL, spin, NULL);
    spin(NULL);
}

START_TEST(test_stand_still)
{
    pid_t pid = child_start(body_spin);
    struct heap_stop s;
    long count;
    wait_for(&shared->ready, 4);
    for (int i = 0; i < 20; i++) {
        stop_begin(&s, pid, (struct heap_held){0});
        ck_assert_uint_eq(s.n, 4);
        ck_assert_uint_eq(s.missed, 0);
        count = atomic_load(&shared->count);
        nap(5000);
        ck_assert_int_eq(atomic_load(&shared->count), count);
        for (size_t k = 0; k < s.n; k++) {
            ck_assert_uint_ne(s.threads[k].sp, 0);
            ck_assert_uint_ne(s.threads[k].pc, 0);
            ck_assert_uint_ne(s.threads[k].thread_pointer, 0);
            ck_assert_uint_gt(s.threads[k].n_registers, 17 + 31);
        }
        ck_assert_uint_ge(heap_stop_end(&s), 5000000);
        heap_stop_free(&s);
        wait_more(&shared->count, count);
    }
    child_kill(pid);
}
END_TEST

static void *idle(void *unused)
{
    atomic_fetch_add(&shared->ready, 1);
    for (;;)
        pause();
    return unused;
}

enum { CROWD = 3000 };
static void body_crowd(void)
{
    pthread_attr_t small;
    pthread_t t;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (int i = 0; i < CROWD; i++)
        if (pthread_create(&t, &small, idle, NULL))
            atomic_fetch_add(&shared->failed, 1);
    idle(NULL);
}

/* So many that who asked looks after the dead meanwhile. */
START_TEST(test_crowd)
{
    pid_t pid = child_start(body_crowd);
    int threads;
    for (int i = 0; i < 20000 && atomic_load(&shared->ready) + atomic_load(&shared->failed) < CROWD + 1; i++)
        nap(1000);
    threads = atomic_load(&shared->ready);
    ck_assert_int_gt(threads, 100);
    for (int i = 0; i < 5; i++)
        stop_once(pid, (size_t)threads);
    child_kill(pid);
}
END_TEST

/* ---- waiting calls, each in a thread of its own ---- */

static int ends[2], full[2], sockets[2], listener, epoll, sems, queue;
static sem_t sem;
static const struct timespec LONG = {60, 0};

static struct sockaddr_un name_of_listener(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "ownscope-test-%d", (int)getpid());
    return a;
}

static long wait_epoll(void) { struct epoll_event e; return epoll_wait(epoll, &e, 1, -1); }
static long wait_epoll_timed(void) { struct epoll_event e; return epoll_wait(epoll, &e, 1, 60000); }
static long wait_epoll_pwait(void) { struct epoll_event e; sigset_t m; sigemptyset(&m); return epoll_pwait(epoll, &e, 1, 60000, &m); }
static long wait_epoll_pwait2(void) { struct epoll_event e; return syscall(SYS_epoll_pwait2, epoll, &e, 1, &LONG, NULL, 0); }
static long wait_poll(void) { struct pollfd p = {ends[0], POLLIN, 0}; return poll(&p, 1, 60000); }
static long wait_ppoll(void) { struct pollfd p = {ends[0], POLLIN, 0}; sigset_t m; sigemptyset(&m); return ppoll(&p, 1, &LONG, &m); }
static long wait_select(void) { fd_set f; struct timeval t = {60, 0}; FD_ZERO(&f); FD_SET(ends[0], &f); return select(ends[0] + 1, &f, NULL, NULL, &t); }
static long wait_pselect(void) { fd_set f; FD_ZERO(&f); FD_SET(ends[0], &f); return pselect(ends[0] + 1, &f, NULL, NULL, &LONG, NULL); }
static long wait_semop(void) { struct sembuf b = {0, -1, 0}; return semop(sems, &b, 1); }
static long wait_semtimedop(void) { struct sembuf b = {0, -1, 0}; return semtimedop(sems, &b, 1, &LONG); }
static long wait_signal(void) { sigset_t m; sigemptyset(&m); sigaddset(&m, SIGRTMAX); return sigwaitinfo(&m, NULL); }
static long wait_signal_timed(void) { sigset_t m; sigemptyset(&m); sigaddset(&m, SIGRTMAX); return sigtimedwait(&m, NULL, &LONG); }
static long wait_pause(void) { return pause(); }
static long wait_suspend(void) { sigset_t m; sigemptyset(&m); return sigsuspend(&m); }
static long wait_read(void) { char c; return read(ends[0], &c, 1); }
static long wait_write(void) { char c = 0; return write(full[1], &c, 1); }
static long wait_recv(void) { char c; return recv(sockets[0], &c, 1, 0); }
static long wait_accept(void) { return accept(listener, NULL, NULL); }
static long wait_nanosleep(void) { return nanosleep(&LONG, NULL); }
static long wait_clock(void) { return -!!(errno = clock_nanosleep(CLOCK_REALTIME, 0, &LONG, NULL)); }
static long wait_sem(void) { return sem_wait(&sem); }
static long wait_msgrcv(void) { struct { long type; char c[8]; } m; return msgrcv(queue, &m, 8, 0, 0); }
static long wait_event(void) { static __thread int fd; uint64_t v; fd = eventfd(0, 0); return read(fd, &v, 8); }
static long wait_timer(void) { uint64_t v; return read(timerfd_create(CLOCK_MONOTONIC, 0), &v, 8); }
static long wait_inotify(void) { char b[512]; return read(inotify_init1(0), b, sizeof b); }
static long wait_flock(void) { return flock(open("/proc/self/exe", O_RDONLY), LOCK_EX); }

static long wait_sem_timed(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 60;
    return sem_timedwait(&sem, &t);
}

/* A socket with a time limit: the kernel does not begin such a call again by itself. */
static long wait_recv_timed(void)
{
    struct timeval t = {60, 0};
    char c;
    int s[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) || setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t))
        abort();
    return recv(s[0], &c, 1, 0);
}

static long wait_connect_timed(void)
{
    struct sockaddr_un a = name_of_listener();
    struct timeval t = {60, 0};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    return connect(s, (struct sockaddr *)&a, sizeof a);
}

/* Not every sandbox has these; then the thread does something else that waits. */
static long wait_aio(void)
{
    unsigned long context = 0;
    char event[64];
    return syscall(SYS_io_setup, 4, &context) ? wait_epoll() : syscall(SYS_io_getevents, context, 1, 1, event, &LONG);
}

static long wait_uring(void)
{
    uint32_t parameters[30] = {0};
    long fd = syscall(SYS_io_uring_setup, 4, parameters);
    return fd < 0 ? wait_epoll() : syscall(SYS_io_uring_enter, fd, 0, 1, 1 /* GETEVENTS */, NULL, 0);
}

static long wait_child(void)
{
    pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return waitpid(pid, NULL, 0);
}

typedef long (*wait_call)(void);
static const wait_call WAITS[] = {
    wait_epoll, wait_epoll_timed, wait_epoll_pwait, wait_epoll_pwait2, wait_poll, wait_ppoll, wait_select, wait_pselect,
    wait_semop, wait_semtimedop, wait_signal, wait_signal_timed, wait_pause, wait_suspend, wait_read, wait_write, wait_recv,
    wait_accept, wait_nanosleep, wait_clock, wait_sem, wait_sem_timed, wait_msgrcv, wait_event, wait_timer, wait_inotify,
    wait_flock, wait_recv_timed, wait_connect_timed, wait_aio, wait_uring, wait_child};
enum { WAIT_CALLS = sizeof WAITS / sizeof *WAITS };

/* None of these calls has a reason to come back. */
static void *wait_forever(void *call)
{
    long i = (long)call, got;
    for (;;) {
        atomic_fetch_add(&shared->ready, 1);
        got = WAITS[i]();
        dprintf(2, "waiting call %ld came back: %ld (%s)\n", i, got, strerror(errno));
        atomic_fetch_add(errno == EINTR ? &shared->interrupted : &shared->failed, 1);
    }
    return NULL;
}

static void body_waits(void)
{
    struct sockaddr_un a = name_of_listener();
    pthread_attr_t attr;
    pthread_t t;
    char block[65536] = "";
    int locked = open("/proc/self/exe", O_RDONLY), s;
    sigset_t m;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&m);
    sigaddset(&m, SIGRTMAX);
    sigprocmask(SIG_BLOCK, &m, NULL);
    if (pipe(ends) || pipe(full) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || sem_init(&sem, 0, 0) || flock(locked, LOCK_EX))
        abort();
    if (write(full[1], block, sizeof block) != sizeof block)
        abort();
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 0))
        abort();
    s = socket(AF_UNIX, SOCK_STREAM, 0); /* the one place that it has */
    if (connect(s, (struct sockaddr *)&a, sizeof a))
        abort();
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listen(listener, 1))
        abort();
    epoll = epoll_create1(0);
    sems = semget(IPC_PRIVATE, 1, 0600);
    queue = msgget(IPC_PRIVATE, 0600);
    shared->ids[0] = sems;
    shared->ids[1] = queue;
    pthread_attr_init(&attr);
    for (long i = 0; i < WAIT_CALLS; i++)
        pthread_create(&t, &attr, wait_forever, (void *)i);
    for (;;)
        pause();
}

START_TEST(test_no_call_interrupted)
{
    pid_t pid = child_start(body_waits);
    wait_for(&shared->ready, WAIT_CALLS);
    nap(50000);
    for (int i = 0; i < 300; i++) {
        stop_once(pid, WAIT_CALLS + 1);
        if (i % 3 == 0)
            nap(500);
    }
    child_kill(pid);
    semctl(shared->ids[0], 0, IPC_RMID);
    msgctl(shared->ids[1], IPC_RMID, NULL);
    ck_assert_int_eq(atomic_load(&shared->interrupted), 0);
    ck_assert_int_eq(atomic_load(&shared->failed), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_stop");
    TCase *c = tcase_create("stop");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_stand_still);
    tcase_add_test(c, test_crowd);
    tcase_add_test(c, test_no_call_interrupted);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
