/*
 * collector/heap/heap_registers.c - see heap_registers.h.
 */
#include "heap/heap_registers.h"

#include <elf.h>
#include <errno.h>
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
enum { XSAVE_XMM = 160, XSAVE_LEGACY = 512, XSAVE_MAX = 16384 };
/* Upper halves of ymm0-15; upper halves of zmm0-15; zmm16-31. */
static const struct { unsigned component, bytes; } wide[] = {{2, 256}, {6, 512}, {7, 1024}};

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
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        unsigned bytes, offset, c, d;
        if (__get_cpuid_count(0xd, wide[i].component, &bytes, &offset, &c, &d) && bytes >= wide[i].bytes &&
            offset >= XSAVE_LEGACY && offset + wide[i].bytes <= (size_t)got)
            words_add(t, area + offset, wide[i].bytes);
    }
}

int heap_registers_read(struct heap_thread *t)
{
    struct user_regs_struct r;
    ssize_t got = set_get(t->tid, NT_PRSTATUS, &r, sizeof r);
    if (got != sizeof r)
        return got < 0 ? (int)got : -EIO;
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

/* The kernel's own number for "again, unless a handler runs"; it looks at it
 * when the thread goes on, after our stop. */
enum { KERNEL_ERESTARTNOHAND = 514 };

void heap_registers_mend(pid_t tid)
{
    struct user_regs_struct r;
    if (set_get(tid, NT_PRSTATUS, &r, sizeof r) != sizeof r)
        return;
    if ((long)r.rax != -EINTR || (int)r.orig_rax < 0)
        return;
    if (r.orig_rax == SYS_close) /* the descriptor is closed all the same, and may be another's by now */
        return;
    ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.rax), -(long)KERNEL_ERESTARTNOHAND);
}
#elif defined(__aarch64__)
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

/* Here the kernel looks at the outcome before the stop, so nothing set in it is heard. */
void heap_registers_mend(pid_t tid) {}
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
