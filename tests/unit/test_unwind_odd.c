/*
 * tests/unit/test_unwind_odd.c - the unwinder where stacks are not as usual.
 *
 * Hand-written frames, code without rules, wild registers, hostile tables,
 * libraries that come and go, small stacks, and the other calls of
 * preload/unwind.h. Where libunwind can, it is the oracle here too
 * (tests/unit/unwind_oracle.h). With UNWIND_MEASURE=1 in the environment it
 * measures instead of testing.
 *
 * LINK: -lunwind */
#include <check.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "preload/unwind_expression.h"
#include "preload/unwind_reach.h"
#include "preload/unwind_rules.h"
#include "suite.h"
#include "unwind_measure.h"
#include "unwind_oracle.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0   /* 1: frames and libc functions are not as they would be */
#endif

static struct tester *tester;
static volatile uint64_t sink;

static NOINLINE void hook(struct tester *t) { TEST_HERE(t); sink++; }

static void setup(void) { tester = tester_new(99); }

/* ---- hand-written frames ----------------------------------------------------- */

typedef void called(struct tester *);

#define ASM_FUNCTION(name, body)                                                                \
    void name(called *f, struct tester *t, uint64_t a);                                         \
    __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n\t" body "\n\t"   \
            ".size " #name ", .-" #name "\n")

/* Its CFA is rbx + 16, and its stack pointer says nothing. */
ASM_FUNCTION(frame_by_rbx,
    ".cfi_startproc\n\t"
    "pushq %rbx\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset %rbx, 0\n\t"
    "movq %rsp, %rbx\n\t.cfi_def_cfa %rbx, 16\n\t"
    "subq %rdx, %rsp\n\tandq $-32, %rsp\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tcall *%rax\n\t"
    "movq %rbx, %rsp\n\tpopq %rbx\n\t.cfi_def_cfa %rsp, 8\n\t.cfi_restore %rbx\n\tret\n\t.cfi_endproc");
/* The same by r13, with rbp given any number and saved by a frame further in. */
ASM_FUNCTION(frame_by_r13,
    ".cfi_startproc\n\t"
    "pushq %r13\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset %r13, 0\n\t"
    "movq %rsp, %r13\n\t.cfi_def_cfa %r13, 16\n\t"
    "pushq %rbp\n\t.cfi_offset %rbp, -24\n\tmovq %rdx, %rbp\n\t"
    "subq $1000, %rsp\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tcall *%rax\n\t"
    "addq $1000, %rsp\n\tpopq %rbp\n\t.cfi_restore %rbp\n\t"
    "popq %r13\n\t.cfi_def_cfa %rsp, 8\n\t.cfi_restore %r13\n\tret\n\t.cfi_endproc");
/* Nobody says how to leave it. */
ASM_FUNCTION(frame_without_rules,
    "subq $24, %rsp\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tcall *%rax\n\taddq $24, %rsp\n\tret\n\tint3\n\tint3");
/* Its rule needs rbp, which holds what it was given. */
ASM_FUNCTION(frame_by_wild_rbp,
    ".cfi_startproc\n\t"
    "pushq %rbp\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset %rbp, 0\n\t.cfi_def_cfa %rbp, 16\n\t"
    "movq %rdx, %rbp\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tcall *%rax\n\t"
    "popq %rbp\n\t.cfi_def_cfa %rsp, 8\n\t.cfi_restore %rbp\n\tret\n\t.cfi_endproc");
/* Its rule needs a register that its callee need not keep. */
ASM_FUNCTION(frame_by_rcx,
    ".cfi_startproc\n\t"
    "subq $8, %rsp\n\t.cfi_def_cfa %rcx, 16\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tcall *%rax\n\t"
    "addq $8, %rsp\n\t.cfi_def_cfa %rsp, 8\n\tret\n\t.cfi_endproc");
/* CFA, rbp and return address by expressions that load and branch:
 * CFA = *(rsp + 8) or, never, 0; rbp at *(rsp + 16) + 0; pc at CFA - 8. */
ASM_FUNCTION(frame_by_expressions,
    ".cfi_startproc\n\t"
    "subq $40, %rsp\n\t.cfi_adjust_cfa_offset 40\n\t"
    "leaq 48(%rsp), %rax\n\tmovq %rax, 8(%rsp)\n\tmovq %rbp, 24(%rsp)\n\tleaq 24(%rsp), %rax\n\tmovq %rax, 16(%rsp)\n\t"
    /* def_cfa_expression: breg7 8 deref; dup; lit0; ne; bra +2; lit0 swap?; nop */
    ".cfi_escape 0x0f, 11, 0x77, 8, 0x06, 0x12, 0x30, 0x2e, 0x28, 1, 0, 0x30, 0x96\n\t"
    ".cfi_escape 0x10, 6, 5, 0x77, 16, 0x06, 0x23, 0\n\t"
    ".cfi_escape 0x10, 16, 3, 0x38, 0x1c, 0x96\n\t"
    "movq %rdx, %rbp\n\tmovq %rdi, %rax\n\tmovq %rsi, %rdi\n\tcall *%rax\n\t"
    "movq 24(%rsp), %rbp\n\taddq $40, %rsp\n\t"
    ".cfi_def_cfa %rsp, 8\n\t.cfi_restore %rbp\n\t.cfi_offset %rip, -8\n\tret\n\t.cfi_endproc");

static NOINLINE void inner_variable(struct tester *t)
{
    volatile char bytes[tester_random(t, 300) + 1];
    bytes[0] = 1;
    hook(t);
    hook(t);
    sink += (uint64_t)bytes[0];
}

static NOINLINE void inner_saves(struct tester *t)
{
    uint64_t a = sink, b = a * 3, c = b ^ 7, d = c + a, e = d * b;
    hook(t);
    inner_variable(t);
    sink = a + b + c + d + e;
}

static NOINLINE void nested_rbx(struct tester *t) { frame_by_rbx(inner_saves, t, 500 + tester_random(t, 900)); sink++; }
static NOINLINE void nested_r13(struct tester *t) { frame_by_r13(nested_rbx, t, 12345); sink++; }
static NOINLINE void nested_expressions(struct tester *t) { frame_by_expressions(nested_r13, t, 1); sink++; }

/* Sizes that add up to the same, and only rbx tells which way is out. */
#define COMPENSATING(name, tail)                            \
    static NOINLINE void name(struct tester *t, unsigned part) \
    {                                                       \
        volatile char bytes[32 * part];                     \
        bytes[0] = 1;                                       \
        frame_by_rbx(hook, t, 32 * (64 - part));            \
        sink += (uint64_t)bytes[0] + tail;                  \
    }
COMPENSATING(compensating_a, 1)
COMPENSATING(compensating_b, 2)

START_TEST(rbx_tells_frames_apart)
{
    for (int i = 0; i < 2000; i++)
        (tester_random(tester, 2) ? compensating_a : compensating_b)(tester, 1 + tester_random(tester, 3));
    ck_assert_uint_eq(tester->wrong, 0);
    ck_assert_uint_eq(tester->truncated, 0);
}
END_TEST

START_TEST(frames_by_other_registers)
{
    volatile char bytes[tester_random(tester, 300) + 1];
    bytes[0] = 1;
    for (int i = 0; i < 500; i++) {
        frame_by_rbx(hook, tester, 64);
        frame_by_r13(inner_saves, tester, 77);
        nested_rbx(tester);
        nested_r13(tester);
        hook(tester);
    }
    ck_assert_uint_eq(tester->wrong, 0);
    ck_assert_uint_eq(tester->truncated, 0);
    ck_assert_uint_ge(tester->checked, 5000);
    sink += (uint64_t)bytes[0];
}
END_TEST

START_TEST(frames_by_expressions)
{
    for (int i = 0; i < 500; i++) {
        frame_by_expressions(inner_saves, tester, (uint64_t)i);
        frame_by_expressions(hook, tester, 3);
        nested_expressions(tester);
    }
    ck_assert_uint_eq(tester->wrong, 0);
    ck_assert_uint_eq(tester->truncated, 0);
    ck_assert_uint_ge(tester->checked, 3000);
}
END_TEST

/* ---- stacks that end early ------------------------------------------------------ */

/* The last stack ends, truncated, at a frame of `function`. */
static void expect_cut_in(const void *function, uint64_t bytes)
{
    ck_assert_uint_eq(tester->wrong, 0);
    ck_assert_uint_ge(tester->n, 2);
    ck_assert_uint_eq(tester->model[0], WIRE_FRAME_TRUNCATED);
    ck_assert_uint_gt(tester->model[1], (uint64_t)function);
    ck_assert_uint_lt(tester->model[1], (uint64_t)function + bytes);
}

/* Without libunwind, which guesses where there are no rules. */
static NOINLINE void hook_alone(struct tester *t)
{
    struct unwind_site site = TEST_SITE;
    struct unwind_change change;
    unwind_take(&t->memory, &site, false, t->quick, &change);
    if (tester_apply(t, &change))
        t->wrong++;
    sink++;
}

static NOINLINE void inner_alone(struct tester *t)
{
    hook_alone(t);
    hook_alone(t);
    sink++;
}

START_TEST(code_without_rules)
{
    frame_without_rules(inner_alone, tester, 0);
    expect_cut_in(frame_without_rules, 32);
    ck_assert_uint_eq(tester->n, 3);
    hook_alone(tester);
    ck_assert_uint_ne(tester->model[0], WIRE_FRAME_TRUNCATED);
}
END_TEST

START_TEST(generated_code)
{
    static const uint8_t code[] = {0x48, 0x83, 0xec, 0x18, 0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0xff, 0xd0, 0x48, 0x83, 0xc4, 0x18, 0xc3};
    uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    memcpy(page, code, sizeof code);
    void (*jit)(called *, struct tester *);
    memcpy(&jit, &page, sizeof jit);
    for (int i = 0; i < 3; i++) {
        jit(inner_alone, tester);
        expect_cut_in(page, sizeof code);
    }
}
END_TEST

START_TEST(wild_rbp)
{
    uint8_t *none = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(none, 4096, PROT_READ | PROT_WRITE);
    uint64_t here;
    const uint64_t wild[] = {0, 1, 8, 0x1000, ~0ull, ~7ull, 1ull << 63, 0x7ffffffff000, 0x800000000000, (uint64_t)none,
                             (uint64_t)none + 4096, (uint64_t)none + 4096 - 8, (uint64_t)none + 4096 - 16, (uint64_t)&here - 4096,
                             ((uint64_t)&here & ~15ull) + 4, (uint64_t)&sink, (uint64_t)&tester};
    for (unsigned i = 0; i < sizeof wild / sizeof *wild; i++) {
        frame_by_wild_rbp(inner_alone, tester, wild[i]);
        ck_assert_uint_eq(tester->wrong, 0);
        ck_assert_uint_ge(tester->n, 2);
        hook_alone(tester);
        ck_assert_uint_ne(tester->model[0], WIRE_FRAME_TRUNCATED);
    }
    for (unsigned i = 0; i < 9; i++) {
        frame_by_wild_rbp(inner_alone, tester, wild[i]);
        expect_cut_in(frame_by_wild_rbp, 64);
    }
    munmap(none, 3 * 4096);
}
END_TEST

START_TEST(registers_nobody_kept)
{
    frame_by_rcx(inner_alone, tester, 0);
    expect_cut_in(frame_by_rcx, 64);
}
END_TEST

/* ---- hostile tables --------------------------------------------------------------- */

/* A copy of a module's tables, right before a page that cannot be read. */
static __attribute__((no_sanitize("address"))) void bytes_copy(uint8_t *to, const uint8_t *from, size_t n)
{
    for (volatile size_t i = 0; i < n; i++)
        to[i] = from[i];
}

static struct cfi_tables tables_copy(const struct cfi_tables *t)
{
    size_t bytes = (size_t)(t->high - t->low), room = (bytes + 4095) & ~4095ul;
    uint8_t *p = mmap(NULL, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(p, MAP_FAILED);
    mprotect(p + room, 4096, PROT_NONE);
    uint8_t *low = p + room - bytes;
    bytes_copy(low, t->low, bytes);
    return (struct cfi_tables){low, low + bytes, low + (t->header - t->low)};
}

START_TEST(hostile_tables)
{
    struct cfi_tables true_ones, t;
    struct cfi_row row;
    uint64_t good = 0;
    hook_alone(tester);   /* sets its memory up */
    ck_assert_int_eq(rules_row((uint64_t)frame_by_rbx + 5, &row, &true_ones), 0);
    t = tables_copy(&true_ones);
    uint8_t *bytes = (uint8_t *)t.low;
    size_t size = (size_t)(t.high - t.low), head = (size_t)(t.header - t.low), tail = size - head;
    int64_t moved = t.low - true_ones.low;
    for (int i = 0; i < 300000; i++) {
        if (i % 200 == 0)
            bytes_copy(bytes, true_ones.low, size);
        size_t near = tester_random(tester, 4) ? head + tester_random(tester, (uint32_t)tail) : head + tester_random(tester, 64);
        if (near < size)
            bytes[near] = (uint8_t)(tester_random(tester, 3) ? tester_random(tester, 256) : 0xff);
        uint64_t key = (uint64_t)setup + (uint64_t)moved + tester_random(tester, 8192);
        if (cfi_row_at(&t, key, &row))
            continue;
        good++;
        struct unwind_registers r = {.known = ~0u};
        for (int k = 0; k < CFI_REGISTERS; k++)
            r.value[k] = tester_random(tester, 2) ? (uint64_t)&row : tester_random(tester, 0xffffffff);
        struct expression_input in = {.registers = &r, .m = &tester->memory};
        struct expression_term term;
        for (int k = 0; k < CFI_REGISTERS; k++)
            if (row.how[k] >= CFI_EXPRESSION)
                expression_run(cfi_expression(&t, row.value[k]), &in, &r.value[0], &term);
    }
    ck_assert_uint_gt(good, 1000);
}
END_TEST

START_TEST(hostile_expressions)
{
    uint8_t code[64];
    struct unwind_registers r = {.known = 0xffff};
    uint64_t ended = 0;
    hook_alone(tester);
    for (int k = 0; k < CFI_REGISTERS; k++)
        r.value[k] = (uint64_t)&r + 8 * (uint64_t)k;
    for (int i = 0; i < 1000000; i++) {
        static const uint8_t likely_ones[] = {0x06, 0x12, 0x16, 0x22, 0x23, 0x28, 0x2f, 0x31, 0x38, 0x77, 0x76, 0x94, 0x1b};
        unsigned n = 1 + tester_random(tester, 24);
        for (unsigned k = 0; k < n; k++)
            code[k] = tester_random(tester, 2) ? (uint8_t)tester_random(tester, 256)
                                               : likely_ones[tester_random(tester, sizeof likely_ones)];
        struct expression_input in = {.registers = i & 1 ? &r : NULL, .pc = 4711, .m = &tester->memory};
        struct expression_term term;
        ended += expression_run((struct cfi_cursor){code, code + n, false}, &in, &r.value[3], &term) == 0;
    }
    ck_assert_uint_gt(ended, 1000);
}
END_TEST

/* ---- libraries that come and go ----------------------------------------------------- */

/* A library whose functions call back, `enter` from a frame of its own size. */
static void library_make(const char *dir, const char *name, int frame, int between)
{
    char path[256], command[1024];
    snprintf(path, sizeof path, "%s/%s.s", dir, name);
    FILE *f = fopen(path, "w");
    fprintf(f, ".macro make name frame\n.globl \\name\n.type \\name, @function\n\\name:\n.cfi_startproc\nsubq $\\frame, %%rsp\n"
               ".cfi_adjust_cfa_offset \\frame\nmovq %%rdi, %%rax\nmovq %%rsi, %%rdi\ncall *%%rax\naddq $\\frame, %%rsp\n"
               ".cfi_adjust_cfa_offset -\\frame\nret\n.cfi_endproc\n.endm\n"
               ".text\n.skip 16, 0x90\nmake enter %d\n.skip %d, 0x90\nmake other 8\n"
               ".section .note.GNU-stack,\"\",@progbits\n", frame, between);
    fclose(f);
    snprintf(command, sizeof command, "cc -shared -nostdlib -Wl,--build-id -o %s/%s.so %s", dir, name, path);
    ck_assert_int_eq(system(command), 0);
}

static NOINLINE void *library_use(const char *dir, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s.so", dir, name);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_assert_ptr_nonnull(library);
    void (*enter)(called *, struct tester *), (*other)(called *, struct tester *);
    *(void **)&enter = dlsym(library, "enter");
    *(void **)&other = dlsym(library, "other");
    unw_flush_cache(unw_local_addr_space, 0, 0);
    if (name[0] != 'a')
        other(hook, tester);
    enter(inner_saves, tester);
    enter(hook, tester);
    void *address = *(void **)&enter;
    dlclose(library);
    return address;
}

/* _i: 0: we are told; 1: nobody tells, as when glibc drops a plug-in of its own,
 * and a rule that is not cached yet gives it away. */
START_TEST(address_used_again)
{
    char dir[] = "/tmp/unwind-XXXXXX";
    if (system("cc --version > /dev/null 2>&1") || !mkdtemp(dir))
        return;
    library_make(dir, "a", 8, 16);
    library_make(dir, "b", 56, 48);
    library_make(dir, "c", 40, 80);
    for (int i = 0; i < (_i ? 1 : 5); i++) {
        void *at[3];
        for (int k = 0; k < 3; k++) {
            at[k] = library_use(dir, (const char *[]){"a", "b", "c"}[k]);
            if (_i == 0)
                unwind_modules_changed();
        }
        ck_assert_ptr_eq(at[0], at[1]);
        ck_assert_ptr_eq(at[0], at[2]);
        ck_assert_uint_eq(tester->wrong, 0);
        ck_assert_uint_eq(tester->truncated, 0);
    }
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

/* ---- how much of the stack it takes ---------------------------------------------------- */

enum { SMALL_STACK = 16 * 1024, PAINT = 0x6b };
static uint64_t stack_used[2];   /* rules built; rules cached */

/* How far below `frame` a byte is no longer painted. */
static NOINLINE __attribute__((no_sanitize("address"))) uint64_t paint_gone(uint64_t frame, uint64_t paint_bytes)
{
    volatile uint8_t *p = (volatile uint8_t *)(frame - paint_bytes);
    while (*p == PAINT)
        p++;
    return frame - (uint64_t)p;
}

static NOINLINE __attribute__((no_sanitize("address"))) void paint(uint64_t frame, uint64_t paint_bytes)
{
    volatile uint8_t *p = (volatile uint8_t *)(frame - paint_bytes);
    while (p < (volatile uint8_t *)__builtin_frame_address(0) - 256)
        *p++ = PAINT;
}

static NOINLINE void hook_painted(struct tester *t, uint64_t *used)
{
    struct unwind_site site = TEST_SITE;
    struct unwind_change change;
    uint64_t frame = (uint64_t)__builtin_frame_address(0);
    paint(frame, 8192);
    unwind_take(&t->memory, &site, false, t->quick, &change);
    *used = paint_gone(frame, 8192);
    sink += change.push;
}

static NOINLINE void small_here(struct tester *t) { hook_painted(t, &stack_used[1]); sink++; }

static void *small_body(void *t)
{
    unwind_modules_changed();
    frame_by_rbx(inner_alone, t, 64);
    frame_by_expressions(inner_alone, t, 64);
    unwind_modules_changed();
    frame_by_rbx((called *)(void *)small_here, t, 64);
    stack_used[0] = stack_used[1];
    for (volatile int i = 0; i < 2; i++)
        small_here(t);
    return NULL;
}

START_TEST(small_stacks)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, SMALL_STACK), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, small_body, tester), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(tester->wrong, 0);
    ck_assert_uint_lt(stack_used[0], 3072);   /* rules built, and registers tracked */
    ck_assert_uint_lt(stack_used[1], 1536);
}
END_TEST

/* ---- the other calls ------------------------------------------------------------------- */

static NOINLINE void hook_caller(struct tester *t, struct unwind_change *change)
{
    struct unwind_site site = TEST_SITE;
    unwind_take(&t->memory, &site, true, t->quick, change);
    ck_assert_int_eq(tester_apply(t, change), 0);
    ck_assert_uint_eq(t->n, 1);
    ck_assert_uint_eq(t->model[0], site.pc);
    sink++;
}

START_TEST(caller_alone)
{
    struct unwind_change change;
    for (volatile int i = 0; i < 3; i++) {
        hook_caller(tester, &change);
        ck_assert_uint_eq(change.push, i == 0);
        ck_assert_uint_eq(change.pop, 0);
    }
    hook_caller(tester, &change);
    ck_assert_uint_eq(change.pop, 1);
    ck_assert_uint_eq(change.push, 1);
    hook(tester);   /* and from one to the other */
    hook_caller(tester, &change);
    hook(tester);
    ck_assert_uint_eq(tester->wrong, 0);
}
END_TEST

static NOINLINE void hook_change(struct tester *t, struct unwind_change *change)
{
    struct unwind_site site = TEST_SITE;
    unwind_take(&t->memory, &site, false, t->quick, change);
    sink++;
}

START_TEST(forgetting)
{
    struct unwind_change change;
    for (volatile int i = 0; i < 4; i++) {
        if (i == 2)
            unwind_forget(&tester->memory);
        hook_change(tester, &change);
        ck_assert_uint_eq(change.pop, i == 2 ? WIRE_FRAMES_MAX + 1 : 0);
        if (i % 2)
            ck_assert_uint_eq(change.push, 0);
        else
            ck_assert_uint_gt(change.push, 3);
    }
}
END_TEST

static NOINLINE void against_backtrace(struct tester *t)
{
    struct unwind_site site = TEST_SITE;
    struct unwind_change change;
    void *frames[256];
    unwind_take(&t->memory, &site, false, t->quick, &change);
    ck_assert_int_eq(tester_apply(t, &change), 0);
    int n = backtrace(frames, 256);
    ck_assert_int_eq(n - 1, (int)t->n);
    for (int i = 1; i < n; i++)
        ck_assert_uint_eq((uint64_t)frames[i], t->model[t->n - (uint32_t)i]);
}

static NOINLINE void glibc_tree(struct tester *t, int depth)
{
    volatile char bytes[tester_random(t, 100) + 1];
    bytes[0] = 1;
    against_backtrace(t);
    if (depth && tester_random(t, 2))
        glibc_tree(t, depth - 1);
    if (depth)
        glibc_tree(t, depth - 1);
    sink += (uint64_t)bytes[0];
}

START_TEST(glibc_says_the_same)
{
    for (int i = 0; i < 20; i++)
        glibc_tree(tester, 12);
}
END_TEST

START_TEST(pages_are_proven)
{
    uint8_t *p = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(p + 4096, 4096, PROT_READ);
    ck_assert(!reach_probe((uint64_t)p));
    ck_assert(reach_probe((uint64_t)p + 4096));
    ck_assert(reach_probe((uint64_t)p + 8192 - 8));
    ck_assert(!reach_probe((uint64_t)p + 8192));
    munmap(p, 3 * 4096);
    ck_assert(!reach_probe((uint64_t)p + 4096));
    ck_assert(!reach_probe(8));
    ck_assert(!reach_probe(~7ull));
}
END_TEST

int main(void)
{
    if (getenv("UNWIND_MEASURE")) {
        measure(tester_new(99));
        return 0;
    }
    Suite *s = suite_create("unwind_odd");
    TCase *c = tcase_create("odd");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, frames_by_other_registers);
    tcase_add_test(c, rbx_tells_frames_apart);
    tcase_add_test(c, frames_by_expressions);
    tcase_add_test(c, code_without_rules);
    tcase_add_test(c, generated_code);
    tcase_add_test(c, wild_rbp);
    tcase_add_test(c, registers_nobody_kept);
    tcase_add_test(c, hostile_tables);
    tcase_add_test(c, hostile_expressions);
    tcase_add_loop_test(c, address_used_again, 0, 2);
    if (!SANITIZED) {
        tcase_add_test(c, small_stacks);
        tcase_add_test(c, glibc_says_the_same);
    }
    tcase_add_test(c, caller_alone);
    tcase_add_test(c, forgetting);
    tcase_add_test(c, pages_are_proven);
    suite_add_tcase(s, c);
    return suite_run(s);
}
