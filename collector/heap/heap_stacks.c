/*
 * collector/heap/heap_stacks.c - see heap_stacks.h.
 */
#include "heap/heap_stacks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "event/xalloc.h"
#include "heap/heap_refusal.h"
#include "heap/heap_remote.h"

enum { PAGE = 4096, RED_ZONE = 128, PIECES = HEAP_STACK_BYTES / PAGE + 2 };

/* What is kept of one thread: taken as it stands, by the thread that traces. */
struct taken {
    pid_t pid;
    struct heap_thread thread;
    struct heap_remote_copy stack;
    uint8_t *room;              /* HEAP_STACK_BYTES, touched */
    bool there;
};

/* A read stops at the first page that is not there, which a piece must not span. */
static void stack_copy(struct taken *t)
{
    struct iovec mine = {t->room, HEAP_STACK_BYTES}, its[PIECES];
    uint64_t at = t->thread.sp - RED_ZONE, end = at + HEAP_STACK_BYTES;
    size_t n = 0;
    ssize_t got;
    if (t->thread.sp < RED_ZONE || end < at)
        return;
    t->stack.address = at;
    while (at < end && n < PIECES) {
        uint64_t next = (at & ~(uint64_t)(PAGE - 1)) + PAGE;
        next = next < end ? next : end;
        its[n++] = (struct iovec){(void *)(uintptr_t)at, (size_t)(next - at)};
        at = next;
    }
    got = process_vm_readv(t->pid, &mine, 1, its, n, 0);
    t->stack.bytes = t->room;
    t->stack.n = got > 0 ? (size_t)got : 0;
}

/* As it stands. */
static void take(void *context, const struct heap_stop *s)
{
    struct taken *t = context;
    if (!s->n)
        return;
    t->thread = s->threads[0];
    stack_copy(t);
    t->there = true;
}

/* One that sleeps uninterruptibly has no registers to be read. */
static const char *why_not(const struct taken *t)
{
    if (!t->there)
        return "it ended as it was stopped";
    if (!t->thread.n_registers)
        return "it is in uninterruptible sleep: its registers cannot be read";
    return t->stack.n ? NULL : "its stack cannot be read";
}

/* ---- frames ---------------------------------------------------------------------- */

static uint32_t frame_id(const struct heap_modules *modules, const struct heap_remote_frame *f, struct code *code)
{
    /* A return address may lie behind its function's end, and its module's. */
    const struct heap_place *p = heap_modules_at(modules, f->exact ? f->pc : f->pc - 1);
    uint32_t module = p ? code_module_id(code, p->path, strlen(p->path), p->build_id, p->build_id_bytes) : 0;
    return code_frame_id(code, module, module ? f->pc - p->bias : f->pc, f->exact ? CODE_FRAME_EXACT : 0);
}

static uint32_t stack_id(const struct heap_modules *modules, const struct heap_remote_frame *frames, size_t n, bool whole, struct code *code)
{
    uint32_t stack = 0;
    if (!whole)
        stack = code_stack_id(code, 0, code_frame_id(code, 0, 0, CODE_FRAME_TRUNCATED));
    while (n-- > 0)
        stack = code_stack_id(code, stack, frame_id(modules, &frames[n], code));
    return stack;
}

static void stack_take(struct heap_stack *s, struct taken *t, struct heap_remote *remote, const struct heap_modules *modules, struct code *code)
{
    struct heap_remote_frame frames[HEAP_STACK_FRAMES];
    const char *why;
    bool whole;
    *t = (struct taken){ .pid = t->pid, .room = t->room };
    if (heap_stop_look(t->pid, s->tid, take, t, &s->stood_ns)) {
        s->refused = xstrdup(heap_stop_text());
        return;
    }
    why = why_not(t);
    if (why) {
        s->refused = xstrdup(why);
        return;
    }
    size_t n = heap_remote_unwind(remote, &t->thread, &t->stack, frames, HEAP_STACK_FRAMES, &whole);
    s->stack = stack_id(modules, frames, n, whole, code);
    if (!s->stack)
        s->refused = xstrdup("its stack could not be unwound");
}

static char *refusal(pid_t pid, int error)
{
    char text[400];
    if (error == -ENOENT || error == -ESRCH)
        return xasprintf("process %d has ended", (int)pid);
    if (error != -EPERM && error != -EACCES)
        return xasprintf("process %d cannot be looked into: %s", (int)pid, strerror(-error));
    heap_refusal_text(pid, pid, text, sizeof text);
    return xstrdup(text);
}

void heap_stacks_take(pid_t pid, struct heap_stack *list, size_t n, struct code *code)
{
    struct taken t = { .pid = pid };
    struct heap_modules modules;
    struct heap_maps maps;
    int error = heap_maps_read(&maps, pid);
    for (size_t i = 0; i < n; i++) {
        list[i].stack = 0;
        list[i].stood_ns = 0;
        list[i].refused = error ? refusal(pid, error) : NULL;
    }
    if (error || !n)
        return;
    t.room = xmalloc(HEAP_STACK_BYTES);
    memset(t.room, 0, HEAP_STACK_BYTES); /* no page faults of ours while it stands */
    heap_modules_read(&modules, &maps, pid);
    struct heap_remote *remote = heap_remote_new(&modules, &maps, pid);
    for (size_t i = 0; i < n; i++)
        stack_take(&list[i], &t, remote, &modules, code);
    heap_remote_free(remote);
    heap_modules_done(&modules);
    heap_maps_free(&maps);
    free(t.room);
}

void heap_stacks_free(struct heap_stack *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].refused);
        list[i].refused = NULL;
    }
}
