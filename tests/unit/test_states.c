/*
 * tests/unit/test_states.c - the state monitor: what the kernel shows (a /proc
 * made by hand), rates between looks, the document, and native stacks of a child
 * whose system calls must not notice.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "doc_scratch.h"
#include "export/frames.h"
#include "heap/heap_stacks.h"
#include "serve/states.h"
#include "session/proc_thread.h"
#include "suite.h"

/* ---- /proc ---- */

static char proc[64];

static void proc_file(unsigned pid, unsigned tid, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%u", proc, pid);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%u/task", proc, pid);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%u/task/%u", proc, pid, tid);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%u/task/%u/%s", proc, pid, tid, name);
    FILE *f = fopen(path, "w");
    ck_assert(f);
    fputs(text, f);
    fclose(f);
}

START_TEST(test_proc)
{
    struct proc_thread t;
    strcpy(proc, "/tmp/ownscope-states.XXXXXX");
    ck_assert(mkdtemp(proc));
    proc_file(7, 8, "stat", "8 (a) b (\x1b[) S 1 7 7 0 -1 4194304 0 0 0 0 30 12 0 0 20 0 1 0 5 0 0\n");
    ck_assert(proc_thread_read(proc, 7, 8, &t));
    ck_assert_str_eq(proc_thread_state(t.state), "sleeping");
    ck_assert_str_eq(t.name, "a) b (?[");
    ck_assert_uint_eq(t.cpu_ns, 42ull * 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
    ck_assert(!*t.wchan && t.syscall == -1 && !t.in_user);
    proc_file(7, 8, "schedstat", "123456789 5 6\n");
    proc_file(7, 8, "wchan", "do_epoll_wait");
    char call[64];
    snprintf(call, sizeof call, "%d 0x5 0x7 0x1 0xc8 0x0 0x0 0x7ffe 0x7f00\n", (int)SYS_futex);
    proc_file(7, 8, "syscall", call);
    ck_assert(proc_thread_read(proc, 7, 8, &t));
    ck_assert(t.cpu_ns == 123456789 && !strcmp(t.wchan, "do_epoll_wait") && !strcmp(proc_thread_syscall(t.syscall), "futex"));
    proc_file(7, 8, "syscall", "running\n");
    proc_file(7, 8, "wchan", "0");
    ck_assert(proc_thread_read(proc, 7, 8, &t) && t.in_user && t.syscall == -1 && !*t.wchan);
    static const char *const broken[] = { "", "8", "8 (x", "8 (x)", "8 (x) ", ") x (", "8 (x)\nS" };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        proc_file(7, 9, "stat", broken[i]);
        ck_assert_msg(!proc_thread_read(proc, 7, 9, &t), "'%s'", broken[i]);
    }
    ck_assert(!proc_thread_read(proc, 7, 10, &t) && !proc_thread_read(proc, 0, 0, &t) && t.syscall == -1);
    ck_assert(proc_thread_read("/proc", (uint32_t)getpid(), (uint32_t)getpid(), &t) && t.state == 'R' && t.cpu_ns);
    char *command = xasprintf("rm -rf %s", proc);
    ck_assert(!system(command));
    free(command);
}
END_TEST

/* ---- looks ---- */

static struct states_look look(uint64_t ns, uint64_t events, uint64_t cpu_ns)
{
    struct states_look l = { .ns = ns, .events = events, .n = 1, .threads = xcalloc(1, sizeof *l.threads) };
    l.threads[0] = (struct states_thread){ .thread = 3, .events = events, .allocations = events / 2, .bytes = events * 10, .cpu_ns = cpu_ns };
    return l;
}

START_TEST(test_looks)
{
    struct states_looks looks = { 0 };
    struct doc_state s = { 0 };
    const uint64_t second = 1000000000;
    for (uint64_t i = 1; i <= 20; i++) {
        struct states_look l = look(i * second, i * 1000, i * second / 4);
        states_looks_add(&looks, &l);
        ck_assert(!l.threads);
        l = look(i * second + 1000, 999999, 0);     /* right behind another one: takes no place */
        states_looks_add(&looks, &l);
    }
    ck_assert(!states_looks_find(&looks, 20 * second, 9 * second, 10 * second));    /* eight are kept */
    const struct states_look *before = states_looks_find(&looks, 20 * second, second / 4, 10 * second);
    ck_assert(before && before->ns == 19 * second);
    struct states_look now = look(20 * second, 20000, 20 * second / 4), early = look(20 * second, 5, 0);
    states_rates(before, &now, 3, &s);
    ck_assert(s.rated && fabs(s.events - 1000) < 1e-6 && fabs(s.allocations - 500) < 1e-6 && fabs(s.bytes - 10000) < 1e-6 && fabs(s.cpu - 0.25) < 1e-9);
    s = (struct doc_state){ 0 };
    states_rates(before, &early, 3, &s);    /* counts that fell: another collector's */
    ck_assert(s.rated && s.events == 0 && s.cpu == 0);
    s = (struct doc_state){ 0 };
    states_rates(NULL, &now, 3, &s);
    ck_assert(!s.rated);
    states_rates(before, &now, 4, &s);
    ck_assert(!s.rated);
    free(now.threads);
    free(early.threads);
    states_looks_end(&looks);
}
END_TEST

/* ---- the document ---- */

static json_t *at(json_t *doc, const char *list, size_t i) { return json_array_get(json_object_get(doc, list), i); }
static const char *text_at(const json_t *o, const char *key) { const char *t = json_string_value(json_object_get(o, key)); return t ? t : "(none)"; }

START_TEST(test_document)
{
    struct view_state states[] = { { .thread = 3, .process = 2, .pid = 9, .tid = 99, .foreign = true, .last_ns = 70, .ring_bytes = 100, .ring_fill = 25 },
                                   { .thread = 1, .process = 1, .pid = 4000, .tid = 100, .stack = 2, .last_ns = 50, .events = 12 } };
    struct view_thread threads[] = { { .id = 1, .process = 1, .tid = 100, .owns = { 3, 224 } } };
    struct view_hold holds[] = { { .lock = 5, .thread = 7, .since_ns = 10, .stack = 2 } };
    struct view_wait waits[] = { { .lock = 5, .thread = 1, .since_ns = 20, .stack = 1 } };
    struct view v = { .at_ns = 90, .events = 30, .states = states, .n_states = 2, .threads = threads, .n_threads = 1, .holds = holds, .n_holds = 1,
                      .waits = waits, .n_waits = 1, .modules = scratch_modules, .n_modules = 2, .frames = scratch_frames, .n_frames = 5,
                      .stacks = scratch_stacks, .n_stacks = 5, .lost = { [1] = 4 } };
    struct doc_state rows[] = { { .shown = true }, { .shown = true, .seen = true, .kernel = { .state = 'D', .name = "comm", .syscall = 99999, .cpu_ns = 5 },
                                                     .rated = true, .events = 2.5, .cpu = 0.5, .refused = "because" } };
    struct symbols *symbols = symbols_new();
    struct code *code = code_new();
    struct doc_states_input in = { .states = rows, .over_ns = 1000, .events = 9, .code = code };
    json_t *doc = doc_states(&v, &(struct doc_context){ .symbols = symbols, .duration_ns = 100 }, &in), *one = at(doc, "threads", 0), *three = at(doc, "threads", 1);
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "threads")), 2);
    ck_assert_str_eq(text_at(one, "id"), "t1");
    ck_assert_str_eq(text_at(one, "name"), "comm");
    ck_assert_str_eq(text_at(one, "state"), "disk");
    ck_assert_str_eq(text_at(one, "syscall"), "syscall 99999");
    json_t *waiting = json_object_get(one, "waits");
    ck_assert_str_eq(text_at(waiting, "lock"), "l5");
    ck_assert_str_eq(text_at(at(waiting, "held_by", 0), "thread"), "t7");
    ck_assert_str_eq(text_at(json_object_get(one, "native"), "refused"), "because");
    ck_assert(json_array_size(json_object_get(json_object_get(one, "last"), "stack")) == 2);
    ck_assert(json_real_value(json_object_get(one, "cpu_share")) == 0.5);
    ck_assert_str_eq(text_at(three, "state"), "unknown");
    ck_assert(json_is_null(json_object_get(three, "rates")) && json_is_null(json_object_get(three, "cpu_ns")) && json_is_null(json_object_get(three, "waits")));
    json_t *totals = json_object_get(doc, "totals");
    ck_assert(json_integer_value(json_object_get(totals, "lost")) == 4 && json_real_value(json_object_get(totals, "ring_fill")) == 0.25);
    json_decref(doc);
    code_free(code);
    symbols_free(symbols);
}
END_TEST

/* ---- native stacks ---- */

struct shared { volatile int ready, stop; volatile long interrupted, timeouts; };
static struct shared *shared;

static __attribute__((noinline)) void waits_here(int poller)
{
    struct epoll_event e;
    struct timespec nap = { 0, 20000000 };
    shared->ready = 1;
    while (!shared->stop) {
        if (epoll_wait(poller, &e, 1, 30) < 0 || nanosleep(&nap, NULL))
            shared->interrupted++;
        shared->timeouts++;
    }
}

static bool has_function(const struct code *code, uint32_t stack, const char *name)
{
    struct symbols *symbols = symbols_new();
    struct frames *f = frames_new(symbols, NULL, code);
    const struct frame_place *places;
    size_t n = frames_places(f, frames_code_stack(f, stack), 0, &places);
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found |= places[i].function && !strcmp(places[i].function, name);
    frames_free(f);
    symbols_free(symbols);
    return found;
}

START_TEST(test_stacks)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (!pid) {
        waits_here(epoll_create1(0));
        _exit(shared->interrupted ? 1 : 0);
    }
    while (!shared->ready)
        usleep(1000);
    for (int i = 0; i < 100; i++) {
        struct heap_stack s[] = { { .tid = pid }, { .tid = 1 } /* none of its threads */ };
        struct code *code = code_new();
        heap_stacks_take(pid, s, 2, code);
        ck_assert_msg(!s[0].refused, "%s", s[0].refused);
        ck_assert(s[0].stack && (i % 50 || (has_function(code, s[0].stack, "waits_here") && has_function(code, s[0].stack, "main"))));
        ck_assert(s[0].stood_ns > 0 && s[1].refused && !s[1].stack);
        heap_stacks_free(s, 2);
        code_free(code);
    }
    shared->stop = 1;
    int status;
    ck_assert(waitpid(pid, &status, 0) == pid);
    ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "interrupted %ld times", shared->interrupted);
    ck_assert(shared->timeouts > 0);
    struct heap_stack gone = { .tid = pid };
    struct code *code = code_new();
    heap_stacks_take(pid, &gone, 1, code);
    ck_assert(gone.refused && strstr(gone.refused, "ended"));
    heap_stacks_free(&gone, 1);
    code_free(code);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("states");
    TCase *t = tcase_create("states");
    suite_add_tcase(s, t);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_proc);
    tcase_add_test(t, test_looks);
    tcase_add_test(t, test_document);
    tcase_add_test(t, test_stacks);
    return suite_run(s);
}
