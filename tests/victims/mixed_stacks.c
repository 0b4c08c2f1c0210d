/* Stacks of every shape that C makes: recursion through frames with and without
 * a frame pointer, realigned ones, libc's callbacks; twins that differ further
 * out only; coroutines that switch anywhere; longjmp; handlers that a raise or
 * a timer calls, on the stack that is in use or on their own, and that jump
 * out. All by chance, seeded.
 * `mixed_stacks N`: N times as much. */
#include <alloca.h>
#include <setjmp.h>
#include <sys/time.h>
#include <ucontext.h>
#include "victim.h"

enum { COROUTINES = 3, STACK_BYTES = 512 * 1024, ROUNDS = 120 };

static uint32_t seed = 88172645;
static volatile sig_atomic_t in_heap;            /* a handler must not allocate */
static int may_switch, may_jump, may_raise;
static ucontext_t contexts[COROUTINES], home;
static void *stacks[COROUTINES];
static int current, left;
static jmp_buf back;
static sigjmp_buf handler_back;

static uint32_t chance(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static inline __attribute__((always_inline)) void leaf_part(size_t bytes)
{
    in_heap = 1;
    free(keep(malloc(bytes)));
    in_heap = 0;
}

NOINLINE static void leaf(void) { leaf_part(47000 + chance(8)); }

static void step(int n);

NOINLINE static void plain(int n)
{
    step(n - 1);
    if (chance(3) == 0)
        leaf();
}

NOINLINE static void varying(int n)              /* needs rbp */
{
    char *pad = alloca(16 + chance(200));
    keep(pad);
    step(n - 1);
    keep(pad);
}

NOINLINE static void aligned(int n)              /* realigns its stack */
{
    _Alignas(64) char pad[64];
    keep(pad);
    if (chance(2))
        leaf();
    step(n - 1);
    keep(pad);
}

NOINLINE static long busy(int n, long a, long b, long c, long d, long e)   /* saves all registers */
{
    long sum = a * b - c;
    step(n - 1);
    sum += d ^ e;
    if (chance(4) == 0)
        leaf();
    return sum + a - b * c + d - e;
}

static int nested;
static int compare(const void *a, const void *b)
{
    if (nested > 0) {
        int n = nested;
        nested = 0;
        step(n - 1);
    }
    return *(const int *)a - *(const int *)b;
}

NOINLINE static void callback(int n)             /* through libc */
{
    int numbers[4] = {3, 1, 4, 1};
    nested = n;
    qsort(numbers, 4, sizeof *numbers, compare);
}

NOINLINE static void yield(void)
{
    int from = current, to = (int)chance(COROUTINES);
    if (to == from)
        return;
    current = to;
    swapcontext(&contexts[from], &contexts[to]);
}

static void step(int n)
{
    if (n <= 0) {
        leaf();
        if (may_switch && chance(2))
            yield();
        if (may_raise && chance(8) == 0)
            raise(chance(2) ? SIGUSR1 : SIGUSR2);
        if (may_jump && chance(4) == 0)
            longjmp(back, 1);
        return;
    }
    switch (chance(5)) {
    case 0: plain(n); break;
    case 1: varying(n); break;
    case 2: aligned(n); break;
    case 3: keep((void *)busy(n, n, n + 1, n * 7, n ^ 3, n & 5)); break;
    default: callback(n);
    }
}

static void on_raise(int sig)
{
    int switches = may_switch, jumps = may_jump, raises = may_raise;
    may_switch = may_jump = may_raise = 0;
    step((int)chance(6));
    may_switch = switches, may_jump = jumps, may_raise = raises;
    if (may_jump && sig == SIGUSR2 && chance(3) == 0)
        siglongjmp(handler_back, 1);
}

/* Comes between any two instructions; allocates where that is allowed. */
static void on_timer(int sig)
{
    int saved = errno;
    if (!in_heap)
        leaf();
    errno = saved;
}

static void coroutine(void)
{
    for (;;) {
        if (--left <= 0)
            swapcontext(&contexts[current], &home);
        step((int)chance(60));
    }
}

static void coroutines(int n)
{
    left = n;
    may_switch = may_raise = 1;
    for (int i = 0; i < COROUTINES; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_sp = stacks[i];
        contexts[i].uc_stack.ss_size = STACK_BYTES;
        contexts[i].uc_link = NULL;
        makecontext(&contexts[i], coroutine, 0);
    }
    current = 0;
    swapcontext(&home, &contexts[0]);
    may_switch = may_raise = 0;
}

NOINLINE static void deep(int n)                 /* deeper than is ever recorded */
{
    char pad[40];
    keep(pad);
    if (n % 16 == 0)
        leaf();
    if (n)
        deep(n - 1);
    if (n % 16 == 0)
        leaf();
    keep(pad);
}

/* Twins: stacks that are alike further in, word for word and at the same
 * addresses, and not further out; what differs is a return address or nothing
 * but rbp, and what stood in the other twin's slots stands there still. */
NOINLINE static void leaf_plain(void) { leaf_part(47101); }
NOINLINE static void leaf_other(void) { leaf_part(47102); leaf_part(47103); }
NOINLINE static void leaf_with_rbp(void)
{
    keep(alloca(24 + chance(2)));
    leaf_part(47104);
}
static void (*const leaves[])(void) = {leaf_plain, leaf_other, leaf_with_rbp};

NOINLINE static void shared(int n)
{
    for (; n; n--)
        leaves[chance(3)]();
}
NOINLINE static void twin_left(int n) { shared(n); keep(NULL); }
NOINLINE static void twin_right(int n) { shared(n); keep(NULL); }

static void *held;
NOINLINE static void shared_varying(int n, size_t bytes)
{
    keep(alloca(bytes));
    for (; n; n--) {
        if (chance(2)) {
            leaves[chance(3)]();
            continue;
        }
        in_heap = 1;
        held = realloc(held, 47105 + chance(2)); /* one place in the code, twice the same stack */
        in_heap = 0;
    }
}
NOINLINE static void twin_varying_left(int n, size_t bytes, size_t rest) { keep(alloca(bytes)); shared_varying(n, rest); keep(NULL); }
NOINLINE static void twin_varying_right(int n, size_t bytes, size_t rest) { keep(alloca(bytes)); shared_varying(n, rest); keep(NULL); }

static void twins(int n)
{
    for (; n; n--) {
        int times = 1 + (int)chance(4);
        size_t bytes = 32 + 32 * chance(4);
        switch (chance(4)) {
        case 0: twin_left(times); break;
        case 1: twin_right(times); break;
        case 2: twin_varying_left(times, bytes, 192 - bytes); break;
        default: twin_varying_right(times, bytes, 192 - bytes);
        }
    }
}

static void jumps(int n)
{
    may_jump = may_raise = 1;
    for (volatile int i = 0; i < n; i++)
        if (!setjmp(back) && !sigsetjmp(handler_back, 1))
            step((int)chance(80));
    may_jump = may_raise = 0;
}

int main(int argc, char **argv)
{
    int times = argc > 1 ? atoi(argv[1]) : 1;
    stack_t own = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES};
    struct sigaction a = {.sa_handler = on_raise, .sa_flags = SA_ONSTACK}, b = {.sa_handler = on_raise},
                     c = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    for (int i = 0; i < COROUTINES; i++)
        stacks[i] = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(!sigaltstack(&own, NULL));
    sigaction(SIGUSR1, &a, NULL);
    sigaction(SIGUSR2, &b, NULL);
    sigaction(SIGPROF, &c, NULL);
    setitimer(ITIMER_PROF, &every, NULL);
    for (int i = 0; i < times; i++) {
        for (int k = 0; k < ROUNDS; k++)
            step((int)chance(100));
        jumps(ROUNDS);
        coroutines(ROUNDS);
        deep(700);
        twins(20 * ROUNDS);
    }
    setitimer(ITIMER_PROF, &never, NULL);
    free(held);
    puts("expect site new=leaf allocations>=1000 live=0");
    return 0;
}
