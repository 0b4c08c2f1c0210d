/*
 * tests/unit/test_heap_roots.c - a real process keeps each block in one kind of
 * place, and says in memory that is no root which block is where.
 */
#include <check.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "heap_child.h"
#include "suite.h"

/* A sanitizer brings an allocator of its own: what is said of glibc's cannot be seen then. */
#if defined(__SANITIZE_ADDRESS__)
enum { GLIBC_HEAP = 0 };
#else
enum { GLIBC_HEAP = 1 };
#endif

enum name { GLOBAL = 1, BSS, TLS_FIRST, TLS_THREAD, STACK_FIRST, STACK_THREAD, REGISTER, LIBRARY, UNANNOUNCED, ALTERNATE, ORDINARY,
            HEAP, DEAD_STACK, OWN_STACK, BELOW_SP, LOST, BIN, ARENA, NAMES };

/* What the child tells: shared, so it holds nothing. */
struct told {
    uint64_t at[NAMES], size[NAMES];
    struct { atomic_uint tid; pthread_t pthread; } threads[5];
    atomic_uint ready;
};
static struct told *told;

static void *volatile global = (void *)1;
static void *volatile bss;
static __thread void *volatile tls = (void *)1;

/* A new block that nobody's frame or register keeps. */
static __attribute__((noinline)) void make(enum name name, size_t size)
{
    told->at[name] = (uint64_t)(uintptr_t)malloc(size);
    told->size[name] = size;
    memset((void *)(uintptr_t)told->at[name], 0, size);
}

static void *of(enum name name) { return (void *)(uintptr_t)told->at[name]; }

/* Overwrites what calls left on the stack and in registers. */
static __attribute__((noinline)) void scrub(void)
{
    volatile char used[32768];
    memset((char *)used, 0, sizeof used);
    __asm__ volatile("" ::: "memory");
}

static __attribute__((noreturn, noinline)) void stay(void)
{
    told->ready++;
    for (;;)
        syscall(SYS_pause);
}

static void here(int i)
{
    told->threads[i].pthread = pthread_self();
    told->threads[i].tid = (unsigned)syscall(SYS_gettid);
}

static __attribute__((noinline)) void leave_on_stack(enum name name)
{
    volatile struct { void *p[4]; uint64_t room[400]; } deep;
    for (int i = 0; i < 4; i++)
        deep.p[i] = of(name);
    __asm__ volatile("" : : "r"(&deep) : "memory");
}

static void *dying(void *unused)
{
    here(0);
    leave_on_stack(DEAD_STACK);
    return NULL;
}

static void *map(size_t bytes)
{
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* On memory of the program's, which holds things again when it was joined. */
static void *on_own_stack(void *unused)
{
    here(4);
    return NULL;
}

static void own_stack(void)
{
    enum { BYTES = 1 << 18, GUARD = 1 << 12 };  /* the guards: it is no neighbour's mapping */
    char *all = map(BYTES + 2 * GUARD);
    void **stack = (void **)(void *)(all + GUARD);
    pthread_attr_t how;
    pthread_t thread;
    mprotect(all, GUARD, PROT_NONE);
    mprotect(all + GUARD + BYTES, GUARD, PROT_NONE);
    pthread_attr_init(&how);
    pthread_attr_setstack(&how, stack, BYTES);
    pthread_create(&thread, &how, on_own_stack, NULL);
    pthread_join(thread, NULL);
    stack[BYTES / 16] = of(OWN_STACK);
}

static void *waiting(void *unused)
{
    void *volatile mine[2] = {of(STACK_THREAD)};
    here(1);
    tls = of(TLS_THREAD);
    leave_on_stack(BELOW_SP);
    __asm__ volatile("" : : "r"(&mine) : "memory");
    stay();
}

static void *spinning(void *unused)
{
    here(2);
    scrub();
    told->ready++;
#if defined(__x86_64__)
    __asm__ volatile("mov (%0), %%r12\n1: pause\n jmp 1b" : : "r"(&told->at[REGISTER]) : "r12", "memory");
#else
    __asm__ volatile("ldr x20, [%0]\n1: yield\n b 1b" : : "r"(&told->at[REGISTER]) : "x20", "memory");
#endif
    return NULL;
}

static void on_signal(int signal)
{
    void *volatile mine[2] = {of(ALTERNATE)};
    __asm__ volatile("" : : "r"(&mine) : "memory");
    stay();
}

static void *elsewhere(void *stack)
{
    stack_t other = {.ss_sp = stack, .ss_size = 1 << 16};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    void *volatile mine[2] = {of(ORDINARY)};
    here(3);
    __asm__ volatile("" : : "r"(&mine) : "memory");
    sigaltstack(&other, NULL);
    sigaction(SIGUSR1, &action, NULL);
    pthread_kill(pthread_self(), SIGUSR1);
    return NULL;
}

/* A large free chunk behind a small block: a bin then holds an address in the block's last word. */
static __attribute__((noinline)) void make_bin(void)
{
    void *large, *volatile between;
    do {
        make(BIN, 24);
        large = malloc(5000);
    } while (GLIBC_HEAP && (uint64_t)(uintptr_t)large != told->at[BIN] + 32);
    between = malloc(24);
    free(large);
    __asm__ volatile("" : : "r"(between) : "memory");
}

/* A thread's arena that is empty but for what stands in its free memory. */
static void *filling(void *unused)
{
    void *volatile *p = malloc(60000);
    for (int i = 0; i < 7500; i++)
        p[i] = of(ARENA);
    free((void *)p);
    return NULL;
}

static __attribute__((noinline)) void keep_all(void)
{
    void **library;
    pthread_t thread;
    for (int i = GLOBAL; i < NAMES; i++)
        if (i != BIN)
            make(i, i == HEAP ? 64 : 40);
    make_bin();
    global = of(GLOBAL);
    bss = of(BSS);
    tls = of(TLS_FIRST);
    *(void **)of(HEAP) = of(HEAP);
    library = dlsym(dlopen("libstdc++.so.6", RTLD_NOW), "_ZSt4cerr");
    library[20] = of(LIBRARY);
    *(void **)map(8192) = of(UNANNOUNCED);
    pthread_create(&thread, NULL, filling, NULL);
    pthread_join(thread, NULL);
    own_stack();
    pthread_create(&thread, NULL, waiting, NULL);
    while (told->ready < 1)
        usleep(100);
    pthread_create(&thread, NULL, spinning, NULL);
    pthread_create(&thread, NULL, elsewhere, map(1 << 16));
    while (told->ready < 3)
        usleep(100);
    pthread_create(&thread, NULL, dying, NULL); /* the last: libc keeps its stack for the next */
    pthread_join(thread, NULL);
}

static __attribute__((noinline)) void child_run(void)
{
    void *volatile mine[2];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    keep_all();
    scrub();
    mine[0] = of(STACK_FIRST);
    __asm__ volatile("" : : "r"(&mine) : "memory");
    stay();
}

static struct child child;

static void child_begin(void)
{
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    child = (struct child){.pid = fork()};
    if (!child.pid)
        child_run();
    for (int i = 0; told->ready < 4 && i < 5000; i++)
        usleep(1000);
    ck_assert_uint_eq(told->ready, 4);
    child.threads[0] = (struct heap_known_thread){.serial = 1, .tid = child.pid};
    for (uint32_t i = 0; i < 5; i++)
        child.threads[i + 1] =
            (struct heap_known_thread){i + 2, (pid_t)told->threads[i].tid, told->threads[i].pthread, i == 0 || i == 4};
    child.n_threads = 6;
}

static void look(bool in_place)
{
    struct child_block blocks[NAMES];
    size_t n = 0;
    for (uint32_t i = GLOBAL; i < NAMES; i++)
        blocks[n++] = (struct child_block){told->at[i], told->size[i], WIRE_MALLOC, i};
    child_scan(&child, blocks, n, in_place);
}

static void held_by(enum name name, enum root_kind kind, uint32_t thread)
{
    uint32_t by = 0;
    unsigned kinds = child_held_by(&child, name, &by);
    ck_assert_msg(kinds & 1u << kind, "%d is held by %x, not by a %s", name, kinds, root_kind_name(kind));
    if (thread)
        ck_assert_uint_eq(by, thread);
}

static void held_by_none(enum name name)
{
    ck_assert_msg(!child_held_by(&child, name, NULL), "%d is held by %x", name, child_held_by(&child, name, NULL));
}

START_TEST(each_root_holds_its_own)
{
    child_begin();
    look(_i);
    held_by(GLOBAL, ROOT_DATA, 0);
    held_by(BSS, ROOT_DATA, 0);
    held_by(LIBRARY, ROOT_DATA, 0);
    held_by(TLS_FIRST, ROOT_TLS, 1);
    held_by(TLS_THREAD, ROOT_TLS, 3);
    held_by(STACK_FIRST, ROOT_STACK, 1);
    held_by(STACK_THREAD, ROOT_STACK, 3);
    held_by(REGISTER, ROOT_REGISTERS, 4);
    ck_assert_uint_eq(child_held_by(&child, REGISTER, NULL), 1u << ROOT_REGISTERS);
    held_by(ALTERNATE, ROOT_STACK, 5);
    held_by(ORDINARY, ROOT_STACK, 5);
    held_by_none(HEAP);
    held_by_none(LOST);
    held_by_none(DEAD_STACK);
    held_by_none(BELOW_SP);
    if (GLIBC_HEAP) {
        held_by(UNANNOUNCED, ROOT_MAPPING, 0);
        held_by(OWN_STACK, ROOT_MAPPING, 0);
        held_by_none(BIN);
        held_by_none(ARENA);
    }
    child_forget(&child);
    child_end(&child);
}
END_TEST

START_TEST(data_knows_its_module)
{
    size_t found = 0;
    child_begin();
    look(false);
    for (uint64_t e = child.s->first[child.s->n_blocks]; e < child.s->n_edges; e++) {
        const struct snapshot_root *r = child_root_of(child.s, e);
        const char *path;
        Dl_info self;
        if (r->kind != ROOT_DATA)
            continue;
        path = child.code.modules[r->module - 1].path;
        dladdr((void *)child_run, &self);
        if (child.names[child.s->to[e] & EDGE_TARGET] == LIBRARY)
            found += strstr(path, "libstdc++") != NULL;
        if (child.names[child.s->to[e] & EDGE_TARGET] == GLOBAL) {
            uint64_t linked = r->offset + child.s->at[e] * 8ull;
            found += linked == (uint64_t)(uintptr_t)&global - (uint64_t)(uintptr_t)self.dli_fbase;
            ck_assert_uint_gt(child.code.modules[r->module - 1].build_id_bytes, 0);
        }
    }
    ck_assert_uint_eq(found, 2);
    child_forget(&child);
    child_end(&child);
}
END_TEST

/* Any root twice would be counted twice. */
START_TEST(roots_are_apart)
{
    child_begin();
    look(true);
    for (size_t i = 0; i < child.s->n_roots; i++)
        for (size_t k = 0; k < i; k++) {
            const struct snapshot_root *a = &child.s->roots[i], *b = &child.s->roots[k];
            ck_assert(a->kind == ROOT_REGISTERS || b->kind == ROOT_REGISTERS || a->address + a->bytes <= b->address ||
                      b->address + b->bytes <= a->address);
        }
    child_forget(&child);
    child_end(&child);
}
END_TEST

/* The frame that the word which holds a block lies in is this function's. */
static void in_frame(enum name name, void *function)
{
    const struct snapshot *s = child.s;
    Dl_info self;
    dladdr(function, &self);
    uint64_t want = (uint64_t)(uintptr_t)function - (uint64_t)(uintptr_t)self.dli_fbase;
    for (uint64_t e = s->first[s->n_blocks]; e < s->n_edges; e++) {
        const struct snapshot_root *r = child_root_of(s, e);
        const struct heap_frame *f = NULL;
        if (child.names[s->to[e]] != name || r->kind != ROOT_STACK)
            continue;
        for (size_t i = 0; i < child.code.n_frames; i++)
            if (&s->roots[child.code.frames[i].root] == r && child.code.frames[i].address <= r->address + s->at[e] * 8ull)
                f = &child.code.frames[i];
        if (f && f->module && strstr(child.code.modules[f->module - 1].path, "test_heap_roots") && f->offset > want && f->offset < want + 400)
            return;
    }
    ck_abort_msg("%d is in another frame", name);
}

START_TEST(words_of_stacks_lie_in_frames)
{
    child_begin();
    look(_i);
    in_frame(STACK_FIRST, child_run);
    in_frame(STACK_THREAD, waiting);
    in_frame(ALTERNATE, on_signal);
    in_frame(ORDINARY, elsewhere);
    child_forget(&child);
    child_end(&child);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_roots");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, each_root_holds_its_own, 0, 2);
    tcase_add_loop_test(t, words_of_stacks_lie_in_frames, 0, 2);
    tcase_add_test(t, data_knows_its_module);
    tcase_add_test(t, roots_are_apart);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
