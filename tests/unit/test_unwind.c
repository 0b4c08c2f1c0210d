/*
 * tests/unit/test_unwind.c - the incremental unwinder against libunwind.
 *
 * Every check is an event: the change that the unwinder reports is applied to
 * a model, and the model is held against a fresh walk and against libunwind
 * (tests/unit/unwind_oracle.h). The programs are chosen to make every kind of
 * frame and of step. See test_unwind_odd.c for what has no oracle.
 *
 * LINK: -lunwind */
#include <check.h>
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "suite.h"
#include "unwind_oracle.h"
#include "unwind_trees.h"

static void setup(void) { tester = tester_new(2463534242u); }

static void expect(uint64_t events)
{
    ck_assert_uint_ge(tester->checked, events);
    ck_assert_uint_eq(tester->wrong, 0);
    ck_assert_uint_eq(tester->truncated, 0);
}

/* ---- random call trees ----------------------------------------------------- */

START_TEST(random_trees)
{
    while (tester->checked < 110000 && !tester->wrong)
        tree(tester, (int)tester_random(tester, 24));
    expect(110000);
    ck_assert_uint_lt(tester->pushed, tester->checked * 12);   /* incremental: few frames a change */
}
END_TEST

/* ---- the same stack, and its tops ------------------------------------------ */

static NOINLINE void repeat_at(struct tester *t, int depth, int times)
{
    if (depth)
        repeat_at(t, depth - 1, times);
    else
        for (int i = 0; i < times; i++)
            hook_a(t);
    sink++;
}

START_TEST(same_stack_changes_nothing)
{
    repeat_at(tester, 30, 100);
    expect(100);
    ck_assert_uint_eq(tester->unchanged, 99);
}
END_TEST

static NOINLINE void deep(struct tester *t, int depth, int every)
{
    if (depth % every == 0)
        hook_a(t);
    if (depth)
        deep(t, depth - 1, every);
    sink++;
    if (depth % every == 0)
        hook_b(t);
}

START_TEST(varying_depth)
{
    for (int i = 1; i < 60; i++)
        deep(tester, (int)tester_random(tester, 480), i);
    expect(1000);
}
END_TEST

static NOINLINE void deep_variable(struct tester *t, int depth)
{
    volatile char bytes[tester_random(t, 3) * 16 + 1];
    bytes[0] = 1;
    if (depth)
        deep_variable(t, depth - 1);
    else
        hook_a(t);
    sink += (uint64_t)bytes[0];
}

/* All of it below where the others lie. */
static NOINLINE void deep_below(struct tester *t, int depth)
{
    volatile char bytes[128 * 1024];
    bytes[0] = bytes[sizeof bytes - 1] = 1;
    deep_variable(t, depth);
    sink += (uint64_t)bytes[0];
}

/* Old and new words do not fit side by side. */
START_TEST(deep_and_different)
{
    for (int i = 0; i < 400; i++)
        (tester_random(tester, 2) ? deep_variable : deep_below)(tester, 300 + (int)tester_random(tester, 180));
    expect(400);
}
END_TEST

/* Deeper than can be told: a beginning of the truth, cut, and short changes. */
START_TEST(deeper_than_the_limit)
{
    deep(tester, 3000, 1);
    deep(tester, 700, 3);
    ck_assert_uint_eq(tester->wrong, 0);
    ck_assert_uint_gt(tester->truncated, 4000);
    ck_assert_uint_lt(tester->pushed, tester->checked * 8);
    hook_a(tester);
    ck_assert_uint_eq(tester->wrong, 0);
    ck_assert_uint_ne(tester->model[0], WIRE_FRAME_TRUNCATED);
}
END_TEST

/* ---- a rule far out that uses rbp ------------------------------------------- */

/* Calls with any number in rbp, as code without frame pointers does. */
void call_with_rbp(void (*f)(struct tester *), struct tester *t, uint64_t rbp);
__asm__(".text\n.globl call_with_rbp\n.type call_with_rbp, @function\n"
        "call_with_rbp:\n\t.cfi_startproc\n\t"
        "pushq %rbp\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset %rbp, 0\n\t"
        "movq %rdi, %rax\n\tmovq %rsi, %rdi\n\tmovq %rdx, %rbp\n\tcall *%rax\n\t"
        "popq %rbp\n\t.cfi_adjust_cfa_offset -8\n\t.cfi_restore %rbp\n\tret\n\t"
        ".cfi_endproc\n\t.size call_with_rbp, .-call_with_rbp\n");

/* Leaves rbp as it is. */
void call_through(void (*f)(struct tester *), struct tester *t);
__asm__(".text\n.globl call_through\n.type call_through, @function\n"
        "call_through:\n\t.cfi_startproc\n\tsubq $24, %rsp\n\t.cfi_adjust_cfa_offset 24\n\t"
        "movq %rdi, %rax\n\tmovq %rsi, %rdi\n\tcall *%rax\n\t"
        "addq $24, %rsp\n\t.cfi_adjust_cfa_offset -24\n\tret\n\t.cfi_endproc\n\t.size call_through, .-call_through\n");

static NOINLINE void other_rbp(struct tester *t)
{
    for (volatile int i = 0; i < 2; i++)
        call_with_rbp(hook_b, t, tester_random(t, 1000));
}

/* Two frames whose sizes add up to the same: what lies within has the same pc
 * and the same stack pointer each time, all that it held a moment ago still
 * stands in memory, and only rbp tells which way is out. */
static NOINLINE void compensating_inner(struct tester *t, unsigned size)
{
    volatile char bytes[size];
    bytes[0] = 1;
    switch (tester_random(t, 4)) {
    case 0: hook_a(t); break;
    case 1: call_with_rbp(hook_a, t, tester_random(t, 1000)); break;
    default: call_through(tester_random(t, 2) ? hook_b : other_rbp, t);
    }
    sink += (uint64_t)bytes[0];
}

#define COMPENSATING(name, tail)                            \
    static NOINLINE void name(struct tester *t, unsigned part) \
    {                                                       \
        volatile char bytes[16 * part];                     \
        bytes[0] = 1;                                       \
        compensating_inner(t, 16 * (64 - part));            \
        sink += (uint64_t)bytes[0] + tail;                  \
    }
COMPENSATING(compensating_a, 1)
COMPENSATING(compensating_b, 2)
COMPENSATING(compensating_c, 3)

START_TEST(rbp_tells_frames_apart)
{
    void (*const outer[])(struct tester *, unsigned) = {compensating_a, compensating_b, compensating_c};
    for (int i = 0; i < 8000; i++)
        outer[tester_random(tester, 3)](tester, 1 + tester_random(tester, 3));
    expect(8000);
}
END_TEST

/* ---- control that leaves by other doors ------------------------------------- */

static jmp_buf door;

static NOINLINE void jumps(struct tester *t, int depth)
{
    hook_b(t);
    if (depth == 0)
        longjmp(door, 1);
    volatile char bytes[tester_random(t, 200) + 1];
    bytes[0] = 1;
    if (sink != 1)
        jumps(t, depth - 1);
    sink += (uint64_t)bytes[0];
}

START_TEST(longjmps)
{
    for (volatile int i = 0; i < 2000; i++) {
        if (!setjmp(door))
            jumps(tester, (int)tester_random(tester, 12));
        hook_a(tester);
    }
    expect(4000);
}
END_TEST

enum { COROUTINES = 6, COROUTINE_BYTES = 96 * 1024 };

struct coroutine {
    ucontext_t here, back;
    void *stack;
    struct tester *t;
    int live;
};

static NOINLINE void coroutine_dive(struct coroutine *c, int depth)
{
    hook_a(c->t);
    if (depth)
        coroutine_dive(c, depth - 1);
    if (tester_random(c->t, 3) == 0)
        swapcontext(&c->here, &c->back);
    hook_b(c->t);
}

static void coroutine_body(unsigned low, unsigned high)
{
    struct coroutine *c = (struct coroutine *)((uintptr_t)low | (uintptr_t)high << 32);
    coroutine_dive(c, (int)tester_random(c->t, 14));
    c->live = 0;
}

static void coroutine_start(struct coroutine *c, struct tester *t)
{
    if (c->stack)
        munmap(c->stack, COROUTINE_BYTES);
    c->stack = mmap(NULL, COROUTINE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(c->stack, MAP_FAILED);
    c->t = t;
    c->live = 1;
    getcontext(&c->here);
    c->here.uc_stack.ss_sp = c->stack;
    c->here.uc_stack.ss_size = COROUTINE_BYTES;
    c->here.uc_link = &c->back;
    makecontext(&c->here, (void (*)(void))coroutine_body, 2, (unsigned)(uintptr_t)c, (unsigned)((uintptr_t)c >> 32));
}

START_TEST(coroutines)
{
    static struct coroutine all[COROUTINES];
    while (tester->checked < 20000 && !tester->wrong) {
        struct coroutine *c = &all[tester_random(tester, COROUTINES)];
        if (!c->live)
            coroutine_start(c, tester);
        swapcontext(&c->back, &c->here);
        if (tester_random(tester, 4) == 0)
            hook_a(tester);
    }
    expect(20000);
}
END_TEST

/* ---- signals ---------------------------------------------------------------- */

static NOINLINE void handler_work(int depth)
{
    if (depth)
        handler_work(depth - 1);
    hook_a(tester);
    sink++;
}

static void on_signal(int number)
{
    if (tester->busy)
        return;
    handler_work((int)tester_random(tester, 4));
    if (number == SIGUSR1 && tester_random(tester, 3) == 0)
        raise(SIGUSR2);
    handler_work(1);
}

static void handle(int number, int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    ck_assert_int_eq(sigaction(number, &action, NULL), 0);
}

static void alternate_stack(void)
{
    stack_t stack = {.ss_size = 256 * 1024};
    stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_int_eq(sigaltstack(&stack, NULL), 0);
}

static NOINLINE void raising(struct tester *t, int depth)
{
    hook_b(t);
    if (depth)
        raising(t, depth - 1);
    else
        raise(tester_random(t, 2) ? SIGUSR1 : SIGUSR2);
    hook_a(t);
}

START_TEST(raised_signals)
{
    handle(SIGUSR1, 0);
    handle(SIGUSR2, 0);
    for (int i = 0; i < 500; i++)
        raising(tester, (int)tester_random(tester, 10));
    expect(5000);
}
END_TEST

START_TEST(raised_signals_on_another_stack)
{
    alternate_stack();
    handle(SIGUSR1, SA_ONSTACK);
    handle(SIGUSR2, _i ? SA_ONSTACK : 0);
    for (int i = 0; i < 500; i++)
        raising(tester, (int)tester_random(tester, 10));
    expect(5000);
}
END_TEST

/* A signal at whatever instruction the timer finds. */
START_TEST(timer_signals)
{
    struct itimerval timer = {{0, 300}, {0, 300}};
    if (_i)
        alternate_stack();
    handle(SIGVTALRM, _i ? SA_ONSTACK : 0);
    setitimer(ITIMER_VIRTUAL, &timer, NULL);
    for (int i = 0; i < 300 && !tester->wrong; i++) {
        int numbers[500];
        for (int k = 0; k < 500; k++)
            numbers[k] = (int)((uint64_t)k * 7919 % 503);
        qsort(numbers, 500, sizeof *numbers, order);
        char text[64];
        snprintf(text, sizeof text, "%d %f", numbers[3], (double)i);
        sink += strlen(text);
    }
    timer = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_VIRTUAL, &timer, NULL);
    expect(100);
}
END_TEST

/* A signal at every instruction: prologues, epilogues, PLT entries and the
 * loader's lazy binding, all as seen by a debugger that steps. */
void trap_on(void);
void trap_off(void);
__asm__(".text\n"
        ".globl trap_on\n.type trap_on, @function\ntrap_on:\n\t.cfi_startproc\n\t"
        "pushfq\n\t.cfi_adjust_cfa_offset 8\n\torq $0x100, (%rsp)\n\t"
        "popfq\n\t.cfi_adjust_cfa_offset -8\n\tret\n\t.cfi_endproc\n\t.size trap_on, .-trap_on\n"
        ".globl trap_off\n.type trap_off, @function\ntrap_off:\n\t.cfi_startproc\n\t"
        "pushfq\n\t.cfi_adjust_cfa_offset 8\n\tandq $~0x100, (%rsp)\n\t"
        "popfq\n\t.cfi_adjust_cfa_offset -8\n\tret\n\t.cfi_endproc\n\t.size trap_off, .-trap_off\n");

static volatile int stepping;

static void on_trap(int number)
{
    if (stepping && !tester->busy && (stepping++ < 40 || tester_random(tester, 4) == 0))
        handler_work(0);
}

static int plain_order(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static NOINLINE void stepped(struct tester *t)
{
    volatile char bytes[tester_random(t, 100) + 1];
    bytes[0] = 1;
    sink += (uint64_t)labs((long)bytes[0]) + (uint64_t)atoi("12");  /* atoi: bound lazily on the first round */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);                          /* the vdso */
    sink += strcspn("abcdefgh", (const char *)t->words_of_choice);  /* an IFUNC, resolved here */
    int numbers[4] = {3, 1, 2, 0};
    qsort(numbers, 4, sizeof *numbers, plain_order);
}

START_TEST(every_instruction)
{
    struct sigaction action = {.sa_handler = on_trap};
    ck_assert_int_eq(sigaction(SIGTRAP, &action, NULL), 0);
    for (int round = 0; round < 3; round++) {
        stepping = 1;
        trap_on();
        stepped(tester);
        trap_off();
        stepping = 0;
    }
    expect(500);
}
END_TEST

/* ---- a thread that is unwound: its cleanups run in the unwinder's frames ------ */

static void cleanup(void *t) { tree(t, 4); }

static NOINLINE void cleanups(struct tester *t, int depth)
{
    pthread_cleanup_push(cleanup, t);
    hook_a(t);
    if (depth == 0)
        pthread_exit(NULL);
    if (sink != 1)
        cleanups(t, depth - 1);
    pthread_cleanup_pop(1);
}

static void *exit_body(void *t)
{
    tester = t;
    cleanups(t, 6);
    return NULL;
}

START_TEST(forced_unwinding)
{
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        memset(&tester->memory, 0, 64);
        tester->n = 0;
        ck_assert_int_eq(pthread_create(&thread, NULL, exit_body, tester), 0);
        pthread_join(thread, NULL);
    }
    expect(700);
}
END_TEST

/* ---- threads ------------------------------------------------------------------ */

static void *thread_body(void *argument)
{
    struct tester *t = tester = argument;
    while (t->checked < 6000 && !t->wrong)
        plain(t, (int)tester_random(t, 20));
    return NULL;
}

START_TEST(threads_share_the_rules)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct tester *testers[THREADS];
    unwind_modules_changed();
    for (int i = 0; i < THREADS; i++) {
        testers[i] = tester_new(77u + (uint32_t)i);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, thread_body, testers[i]), 0);
    }
    for (int i = 0; i < 100; i++) {
        unwind_modules_changed();
        usleep(1000);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_ge(testers[i]->checked, 6000);
        ck_assert_uint_eq(testers[i]->wrong, 0);
        ck_assert_uint_eq(testers[i]->truncated, 0);
        free(testers[i]);
    }
}
END_TEST

START_TEST(fork_goes_on)
{
    tree(tester, 12);
    pid_t child = fork();
    if (child == 0) {
        memset(&tester->memory, 0, 64);
        tester->n = 0;
        for (int i = 0; i < 100; i++)
            tree(tester, 12);
        _exit(tester->wrong ? 1 : 0);
    }
    tree(tester, 12);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    expect(1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("unwind");
    TCase *c = tcase_create("truth");
    tcase_set_timeout(c, 250);
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, random_trees);
    tcase_add_test(c, same_stack_changes_nothing);
    tcase_add_test(c, varying_depth);
    tcase_add_test(c, deep_and_different);
    tcase_add_test(c, deeper_than_the_limit);
    tcase_add_test(c, rbp_tells_frames_apart);
    tcase_add_test(c, longjmps);
    tcase_add_test(c, coroutines);
    tcase_add_test(c, raised_signals);
    tcase_add_loop_test(c, raised_signals_on_another_stack, 0, 2);
    tcase_add_loop_test(c, timer_signals, 0, 2);
    tcase_add_test(c, every_instruction);
    tcase_add_test(c, forced_unwinding);
    tcase_add_test(c, threads_share_the_rules);
    tcase_add_test(c, fork_goes_on);
    suite_add_tcase(s, c);
    return suite_run(s);
}
