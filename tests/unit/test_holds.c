/*
 * tests/unit/test_holds.c - the shim's side of snapshots: when a process holds,
 * how long, what it does meanwhile, and the images that it forks. Victims run
 * under the real shim; the collector is this test.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/uio.h>

#include "session_fixture.h"
#include "suite.h"

static struct session_hold hold;
static char said[4096];     /* by the victim, so far */
static int saying = -1;
static pid_t victim;

/* Beside the folder that this test was built to. */
static const char *beside(const char *name)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 256);
    ck_assert_int_gt(n, 0);
    path[n] = 0;
    for (int up = 0; up < 3; up++)
        *strrchr(path, '/') = 0;
    strcat(strcat(path, "/"), name);
    return path;
}

static void start(const char *program, const char *first, const char *second)
{
    char session_path[256], shim[4096], path[4096];
    int ends[2];
    snprintf(session_path, sizeof session_path, "%s", session_segment_path(session));
    snprintf(shim, sizeof shim, "%s", beside("libownscope.so"));
    snprintf(path, sizeof path, "%s", beside(program));
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    victim = fork();
    if (!victim) {
        dup2(ends[1], 1);
        setenv("LD_PRELOAD", shim, 1);
        setenv("OWNSCOPE_SESSION", session_path, 1);
        execl(path, path, first, second, (char *)NULL);
        _exit(99);
    }
    close(ends[1]);
    saying = ends[0];
    fcntl(saying, F_SETFL, O_NONBLOCK);
    said[0] = 0;
}

static void listen_now(void)
{
    size_t n = strlen(said);
    ssize_t got = read(saying, said + n, sizeof said - 1 - n);
    said[got > 0 ? n + (size_t)got : n] = 0;
}

/* Drains until a thread holds; false: the victim has ended. */
static bool drain_to_hold(int *status)
{
    for (int i = 0; i < 200000; i++) {
        ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
        if (session_hold_next(session, &hold))
            return true;
        if (waitpid(victim, status, WNOHANG) == victim) {
            session_reaped(session, victim, *status);
            listen_now();
            close(saying);
            return false;
        }
        session_wait(session);
    }
    ck_abort_msg("neither held nor ended");
    return false;
}

static void drain_for(unsigned ms)
{
    uint64_t never = 0;
    drain_while(&never, 1, ms);
}

/* The same; who holds meanwhile is let go. */
static void run_for(unsigned ms)
{
    drain_for(ms);
    while (session_hold_next(session, &hold))
        session_hold_end(session, &hold, false);
}

/* Where nothing may end a hold but its answer. */
static void session_patient(void)
{
    session_close(session, true);
    munmap(shared.base, shared.bytes);
    wait_ms = 40000;
    open_session();
    forget_seen();
}

/* ---- ends ---- */

static const struct way {
    const char *name;
    unsigned status, whys[3];
    const char *before; /* what is said when it first holds; NULL: is not asked */
} ways[] = {
    {"return", 1 << 8, {WIRE_HOLD_EXIT}, "first second destructor after "},
    {"exit", 2 << 8, {WIRE_HOLD_EXIT}, "first second destructor after "},
    {"_exit", 3 << 8, {WIRE_HOLD_EXIT}, ""},
    {"_Exit", 4 << 8, {WIRE_HOLD_EXIT}, ""},
    {"quick_exit", 5 << 8, {WIRE_HOLD_EXIT}, "quick "},
    {"raw", 6 << 8, {WIRE_HOLD_EXIT}, ""},
    {"last_thread", 0, {WIRE_HOLD_EXIT}, "first second destructor after "},
    {"exit_in_thread", 26 << 8, {WIRE_HOLD_EXIT}, "first second destructor after "},
    {"_exit_in_thread", 27 << 8, {WIRE_HOLD_EXIT}, ""},
    {"threads_run_on", 8 << 8, {WIRE_HOLD_EXIT}, "first second destructor after "},
    {"exit_in_handler", 21 << 8, {WIRE_HOLD_EXIT}, "first second destructor after "},
    {"_exit_in_handler", 22 << 8, {WIRE_HOLD_EXIT}, "first "},
    {"quick_exit_in_handler", 23 << 8, {WIRE_HOLD_EXIT}, "first quick "},
    {"exit_in_destructor", 24 << 8, {WIRE_HOLD_EXIT}, "first second destructor after "},
    {"_exit_in_destructor", 25 << 8, {WIRE_HOLD_EXIT}, "first second destructor "},
    {"abort", SIGABRT, {WIRE_HOLD_ABORT}, ""},
    {"abort_ignored", SIGABRT, {WIRE_HOLD_ABORT}, ""},
    {"abort_returns", SIGABRT, {WIRE_HOLD_ABORT}, ""},
    {"abort_jump", 7 << 8, {WIRE_HOLD_ABORT, WIRE_HOLD_EXIT}, ""},
    {"abort_forks", 7 << 8, {WIRE_HOLD_ABORT, WIRE_HOLD_ABORT, WIRE_HOLD_EXIT}, NULL}, /* the second is the child's */
    {"abort_exit", 28 << 8, {WIRE_HOLD_ABORT, WIRE_HOLD_EXIT}, ""},
    {"abort__exit", 29 << 8, {WIRE_HOLD_ABORT, WIRE_HOLD_EXIT}, ""},
    {"assert", SIGABRT, {WIRE_HOLD_ABORT}, ""},
    {"signal", 30 << 8, {WIRE_HOLD_EXIT}, "first second destructor after "},
    {"fork_exit", 8 << 8, {WIRE_HOLD_EXIT, WIRE_HOLD_EXIT}, NULL}, /* the child, then the parent */
    {"fork__exit", 8 << 8, {WIRE_HOLD_EXIT, WIRE_HOLD_EXIT}, NULL},
    {"vfork", 8 << 8, {WIRE_HOLD_EXIT}, NULL}, /* the child none */
    {"filtered", 8 << 8, {0}, NULL},
};

START_TEST(test_ends)
{
    const struct way *w = &ways[_i];
    int status = 0, holds = 0;
    pid_t before = 0;
    start("tests/victims/exit_ways", w->name, NULL);
    while (drain_to_hold(&status)) {
        ck_assert_int_lt(holds, 3);
        ck_assert_msg(hold.why == w->whys[holds], "%s holds: %u", w->name, hold.why);
        ck_assert_int_eq(session_pid_of(session, hold.process), hold.pid);
        if (strstr(w->name, "fork"))
            ck_assert(hold.pid != before);
        else
            ck_assert_int_eq(hold.pid, victim);
        before = hold.pid;
        listen_now();
        if (w->before && !holds)
            ck_assert_str_eq(said, w->before); /* all has run, and streams are not flushed */
        drain_for(10);
        ck_assert_int_eq(waitpid(victim, &status, WNOHANG), 0);
        ck_assert(session_hold_lasts(session, &hold));
        session_hold_end(session, &hold, false);
        holds++;
    }
    ck_assert_msg(holds == !!w->whys[0] + !!w->whys[1] + !!w->whys[2], "%s held %d times", w->name, holds);
    ck_assert_msg((unsigned)(status & ~0x80) == w->status, "%s: %x", w->name, status);
    drain_until(&by_type[EVENT_PROCESS_GONE], 1);
    ck_assert_uint_eq(by_type[EVENT_LOST], 0);
}
END_TEST

/* A collector that stands still holds nobody longer than the bound. */
START_TEST(test_bound)
{
    int status = 0;
    uint64_t from;
    start("tests/victims/exit_ways", "return", NULL);
    ck_assert(drain_to_hold(&status));
    from = wire_clock_monotonic_ns();
    ck_assert_int_eq(waitpid(victim, &status, 0), victim);
    ck_assert_int_eq(status, 1 << 8);
    ck_assert_uint_lt(wire_clock_monotonic_ns() - from, 30000000000u); /* --wait-ms is 1000 */
    ck_assert_uint_gt(wire_clock_monotonic_ns() - from, 500000000u);
    session_reaped(session, victim, status);
    close(saying);
    drain_until(&by_type[EVENT_PROCESS_GONE], 1);
}
END_TEST

static uint64_t made(uint64_t size)
{
    uint64_t n = 0;
    for (size_t i = 0; i < seen && i < KEEP; i++)
        n += kept[i].type == EVENT_NEW && kept[i].size == size;
    return n;
}

/* Handlers run while their thread holds, and what they do is recorded. */
START_TEST(test_signals)
{
    int status = 0;
    session_patient();
    start("tests/victims/exit_ways", "message", NULL);
    ck_assert(drain_to_hold(&status));
    uint64_t end = wire_clock_monotonic_ns() + 30000000000u;
    for (uint64_t i = 1; i <= 20; i++) {
        ck_assert_int_eq(kill(victim, SIGUSR1), 0);
        while (made(55604) < i && wire_clock_monotonic_ns() < end)
            drain_for(2);
        ck_assert_uint_eq(made(55604), i);
        ck_assert(session_hold_lasts(session, &hold));
    }
    session_hold_end(session, &hold, false);
    ck_assert(!drain_to_hold(&status));
    ck_assert_int_eq(status, 8 << 8);
    ck_assert_ptr_nonnull(strstr(said, "message message kept "));
    ck_assert_uint_eq(by_type[EVENT_LOST], 0);
}
END_TEST

/* A second thread that comes to end the process waits for the one that holds. */
START_TEST(test_two_ends)
{
    int status = 0;
    start("tests/victims/exit_ways", _i ? "both_exit" : "both", NULL);
    ck_assert(drain_to_hold(&status));
    drain_for(200); /* the other one comes after some 40 */
    ck_assert_int_eq(waitpid(victim, &status, WNOHANG), 0);
    ck_assert(session_hold_lasts(session, &hold));
    session_hold_end(session, &hold, false);
    ck_assert(!drain_to_hold(&status));
    ck_assert_int_eq(status, 8 << 8);
}
END_TEST

/* Marks are events; after each its thread holds, but in a vfork child. */
START_TEST(test_marks)
{
    static const char *const names[] = {"loaded", "named late", "", "in a thread"};
    int status = 0, holds = 0;
    start("tests/victims/marks", NULL, NULL);
    while (drain_to_hold(&status)) {
        ck_assert_uint_eq(by_type[EVENT_MARK], holds < 4 ? holds + 1 : 5);
        ck_assert_uint_eq(hold.why, holds < 4 ? WIRE_HOLD_MARK : WIRE_HOLD_EXIT);
        if (holds < 4)
            ck_assert_str_eq(hold.mark, names[holds]);
        ck_assert_int_eq(hold.tid == victim, holds != 3);
        holds++;
        session_hold_end(session, &hold, false);
    }
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(holds, 5);
}
END_TEST

/* ---- images ---- */

static bool pair_read(pid_t pid, void *at, uint64_t pair[2])
{
    struct iovec to = {pair, 16}, from = {at, 16};
    return process_vm_readv(pid, &to, 1, &from, 1, 0) == 16;
}

/* The next image of the victim; 0: it has ended. Others than forks are let go. */
static pid_t next_image(void *at, uint64_t pair[2], int *status)
{
    pid_t image = 0;
    session_image_ask(session, 1);
    for (;;) {
        if (!drain_to_hold(status))
            return 0;
        if (hold.why == WIRE_HOLD_FORK && hold.process == 1)
            break;
        session_hold_end(session, &hold, false);
    }
    ck_assert(pair_read(victim, at, pair));
    session_hold_end(session, &hold, true);
    for (int i = 0; i < 50000 && !image; i++) {
        usleep(100);
        image = session_image(session, &hold);
    }
    return image;
}

static void *victim_says_where(void)
{
    void *at = NULL;
    for (int i = 0; i < 5000 && !(by_type[EVENT_PROCESS_START] && strchr(said, '\n')); i++) {
        run_for(1);
        listen_now();
    }
    ck_assert_int_eq(sscanf(said, "%p", &at), 1);
    return at;
}

/* Runs, or sleeps; an orphan may be a zombie until somebody takes it away. */
static bool is_alive(pid_t pid)
{
    char path[64], state = 0;
    FILE *f;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    f = fopen(path, "r");
    if (!f)
        return false;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    fclose(f);
    return state != 'Z' && state != 'X';
}

static void ends_within(pid_t pid, int ms)
{
    uint64_t end = wire_clock_monotonic_ns() + (uint64_t)ms * 1000000;
    while (is_alive(pid) && wire_clock_monotonic_ns() < end)
        run_for(1);
    ck_assert(!is_alive(pid));
}

/* What stands in /proc of it. */
static void image_check(pid_t image)
{
    char path[64], line[256];
    unsigned long long blocked = 0;
    int descriptors = 0, parent = 0;
    FILE *f;
    snprintf(path, sizeof path, "ls /proc/%d/fd | wc -l", image);
    f = popen(path, "r");
    ck_assert_int_eq(fscanf(f, "%d", &descriptors), 1);
    pclose(f);
    ck_assert_int_eq(descriptors, 0);
    snprintf(path, sizeof path, "/proc/%d/status", image);
    f = fopen(path, "r");
    while (fgets(line, sizeof line, f)) {
        sscanf(line, "SigBlk: %llx", &blocked);
        sscanf(line, "PPid: %d", &parent);
    }
    fclose(f);
    ck_assert_int_eq(parent, victim);
    blocked |= 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1) | 1ull << (SIGHUP - 1); /* which it waits for, and takes */
    ck_assert_msg(blocked == ~0ull, "%llx", blocked);
}

/* How many images there are of a victim that lives so long. */
static int images_of(const char *ms)
{
    uint64_t then[2], kept_pair[2], now[2];
    int status = 0, images = 0;
    void *at;
    pid_t image, last = 0;
    session_patient();
    start("tests/victims/image_unseen", ms, NULL);
    at = victim_says_where();
    while ((image = next_image(at, then, &status))) {
        ck_assert_int_gt(image, 0);
        ck_assert(image != last && (!last || kill(last, 0))); /* the one before was taken away */
        last = image;
        *now = *then;
        for (int i = 0; i < 1000 && *now == *then && pair_read(victim, at, now); i++)
            run_for(3);
        if (!pair_read(image, at, kept_pair) || !pair_read(victim, at, now))
            continue; /* it has ended, and the image with it */
        ck_assert(then[0] - then[1] <= 1);
        ck_assert_uint_eq(kept_pair[0], then[0]);
        ck_assert_uint_eq(kept_pair[1], then[1]);
        ck_assert_uint_gt(now[0], then[0]);
        if (!images)
            image_check(image);
        kill(image, images % 2 ? SIGKILL : SIGTERM); /* the latter waits */
        images++;
    }
    ck_assert_int_eq(status, 0);
    if (images)
        ends_within(last, 20000);
    ck_assert_uint_eq(by_type[EVENT_LOST], 0);
    return images;
}

START_TEST(test_images)
{
    int images = images_of("1500");
    if (images < 5) /* others have the machine */
        images = images_of("20000");
    ck_assert_int_ge(images, 5);
}
END_TEST

/* An image goes with its process, whether that dies or becomes another program; and
 * when the collector stands still. */
START_TEST(test_images_end)
{
    uint64_t then[2];
    int status = 0;
    void *at;
    pid_t image;
    start("tests/victims/image_unseen", _i ? "60000" : "1000", _i ? NULL : "exec");
    at = victim_says_where();
    image = next_image(at, then, &status);
    ck_assert_int_gt(image, 0);
    if (_i == 2) {
        for (int i = 0; i < 20000 && is_alive(image); i++) /* --wait-ms is 1000 */
            usleep(1000);
        ck_assert(!is_alive(image));
    }
    if (_i)
        kill(victim, SIGKILL);
    else
        for (int i = 0; i < 5000 && !by_type[EVENT_PROCESS_EXEC]; i++)
            run_for(1);
    ends_within(image, 20000);
    while (drain_to_hold(&status))
        session_hold_end(session, &hold, false);
    ck_assert_int_eq(status, _i ? SIGKILL : 0);
}
END_TEST

/* A process that is let go with no word of an image makes none. */
START_TEST(test_image_not_wanted)
{
    struct session_hold forks = {0};
    int status = 0, holds = 0;
    start("tests/victims/image_unseen", "1000", NULL);
    victim_says_where();
    session_image_ask(session, 1);
    while (drain_to_hold(&status)) {
        if (hold.why == WIRE_HOLD_FORK)
            forks = hold;
        holds += hold.why == WIRE_HOLD_FORK;
        session_hold_end(session, &hold, false);
    }
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(holds, 1);
    ck_assert_int_le(session_image(session, &forks), 0);
}
END_TEST

static void setup_holds(void)
{
    snapshots = WIRE_SNAPSHOT_AT_EXIT | WIRE_SNAPSHOT_AT_MARK;
    setup();
}

int main(void)
{
    Suite *s = suite_create("holds");
    TCase *c = tcase_create("holds");
    tcase_add_checked_fixture(c, setup_holds, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, test_ends, 0, sizeof ways / sizeof *ways);
    tcase_add_test(c, test_bound);
    tcase_add_test(c, test_signals);
    tcase_add_loop_test(c, test_two_ends, 0, 2);
    tcase_add_test(c, test_marks);
    tcase_add_test(c, test_images);
    tcase_add_loop_test(c, test_images_end, 0, 3);
    tcase_add_test(c, test_image_not_wanted);
    suite_add_tcase(s, c);
    return suite_run(s);
}
