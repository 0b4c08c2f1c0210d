/*
 * collector/heap/heap_registers.c - see heap_registers.h.
 */
#include "heap/heap_registers.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

static ssize_t set_get(pid_t tid, int set, void *to, size_t bytes)
{
    struct iovec v = {to, bytes};
    return ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)set, &v) ? -errno : (ssize_t)v.iov_len;
}

#ifdef __x86_64__
#include <cpuid.h>

/* Where the state components of wide registers stand in an XSAVE area. */
enum { XSAVE_XMM = 160, XSAVE_LEGACY = 512, XSAVE_MAX = 16384, WIDE = 3 };
/* Upper halves of ymm0-15; upper halves of zmm0-15; zmm16-31. offset 0: this
 * processor has none. Asked once: under a hypervisor each question costs microseconds. */
static struct { unsigned component, bytes, offset; } wide[WIDE] = {{2, 256, 0}, {6, 512, 0}, {7, 1024, 0}};
static pthread_once_t wide_asked = PTHREAD_ONCE_INIT;

static void wide_ask(void)
{
    for (size_t i = 0; i < WIDE; i++) {
        unsigned bytes, offset, c, d;
        if (__get_cpuid_count(0xd, wide[i].component, &bytes, &offset, &c, &d) && bytes >= wide[i].bytes &&
            offset >= XSAVE_LEGACY && offset <= XSAVE_MAX - wide[i].bytes)
            wide[i].offset = offset;
    }
}

static void words_add(struct heap_thread *t, const uint8_t *from, size_t bytes)
{
    size_t room = (HEAP_REGISTERS_MAX - t->n_registers) * 8;
    if (bytes > room)
        bytes = room;
    memcpy(t->registers + t->n_registers, from, bytes);
    t->n_registers += (uint32_t)(bytes / 8);
}

/* A copy that is under way, of pointers too, has them in vector registers only. */
static void vectors_read(struct heap_thread *t)
{
    uint8_t area[XSAVE_MAX] __attribute__((aligned(64)));
    ssize_t got = set_get(t->tid, NT_X86_XSTATE, area, sizeof area);
    if (got < XSAVE_LEGACY)
        return;
    words_add(t, area + XSAVE_XMM, 256);
    pthread_once(&wide_asked, wide_ask);
    for (size_t i = 0; i < WIDE; i++)
        if (wide[i].offset && wide[i].offset + wide[i].bytes <= (size_t)got)
            words_add(t, area + wide[i].offset, wide[i].bytes);
}

/* The kernel's own number for "again, unless a handler runs"; it looks at it
 * when the thread goes on, after our stop. */
enum { KERNEL_ERESTARTNOHAND = 514 };

/* A closed descriptor is closed all the same, and its number may be another's by now. */
static void call_mend(pid_t tid, const struct user_regs_struct *r)
{
    if ((long)r->rax == -EINTR && (int)r->orig_rax >= 0 && r->orig_rax != SYS_close)
        ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.rax), -(long)KERNEL_ERESTARTNOHAND);
}

void heap_registers_mend(pid_t tid)
{
    struct user_regs_struct r;
    if (set_get(tid, NT_PRSTATUS, &r, sizeof r) == sizeof r)
        call_mend(tid, &r);
}

int heap_registers_read(struct heap_thread *t)
{
    struct user_regs_struct r;
    ssize_t got = set_get(t->tid, NT_PRSTATUS, &r, sizeof r);
    if (got != sizeof r)
        return got < 0 ? (int)got : -EIO;
    call_mend(t->tid, &r);
    const uint64_t general[] = {r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp,
                                r.r8,  r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rip};
    t->sp = r.rsp;
    t->pc = r.rip;
    t->frame = r.rbp;
    t->thread_pointer = r.fs_base;
    memcpy(t->registers, general, sizeof general);
    t->n_registers = sizeof general / sizeof *general;
    vectors_read(t);
    return 0;
}
#elif defined(__aarch64__)
/* Here the kernel looks at a call's outcome before the stop: nothing can be told it any more. */
void heap_registers_mend(pid_t tid) { (void)tid; }

int heap_registers_read(struct heap_thread *t)
{
    struct user_pt_regs r;
    struct user_fpsimd_state v;
    ssize_t got = set_get(t->tid, NT_PRSTATUS, &r, sizeof r);
    if (got != sizeof r)
        return got < 0 ? (int)got : -EIO;
    t->sp = r.sp;
    t->pc = r.pc;
    t->frame = r.regs[29];
    if (set_get(t->tid, NT_ARM_TLS, &t->thread_pointer, sizeof t->thread_pointer) < 0)
        t->thread_pointer = 0;
    memcpy(t->registers, r.regs, sizeof r.regs);
    t->registers[31] = r.sp;
    t->registers[32] = r.pc;
    t->n_registers = 33;
    if (set_get(t->tid, NT_PRFPREG, &v, sizeof v) == sizeof v) {
        memcpy(t->registers + t->n_registers, v.vregs, sizeof v.vregs);
        t->n_registers += sizeof v.vregs / 8;
    }
    return 0;
}
#else
#error "registers of this machine are not known"
#endif

bool heap_registers_asleep(pid_t pid, struct heap_thread *t)
{
    char name[64], line[256];
    unsigned long sp, pc;
    bool known = false;
    FILE *f;
    snprintf(name, sizeof name, "/proc/%d/task/%d/syscall", (int)pid, (int)t->tid);
    f = fopen(name, "re");
    if (!f)
        return false;
    if (fgets(line, sizeof line, f) &&
        (sscanf(line, "%*d %*x %*x %*x %*x %*x %*x %lx %lx", &sp, &pc) == 2 || sscanf(line, "-1 %lx %lx", &sp, &pc) == 2)) {
        t->sp = sp;
        t->pc = pc;
        known = true;
    }
    fclose(f);
    return known;
}
