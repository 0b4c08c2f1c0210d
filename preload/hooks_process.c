/*
 * preload/hooks_process.c - processes fork, exec and spawn.
 *
 * vfork is never wrapped: its child runs these hooks on its parent's memory
 * and is known by its pid. exec and spawn carry the session on in the
 * environment they are given, built on the stack. A fork that passes by these
 * hooks (a raw clone, libc's own) is found by the wiped page all the same.
 */
#include <stdarg.h>
#include <string.h>

#include "preload/environment.h"
#include "preload/hook.h"
#include "preload/image.h"
#include "preload/record.h"
#include "preload/system.h"

extern char **environ;

static void fork_begins(const struct hook_frame *site, uintptr_t frame)
{
    struct context *c = hook_enter_life(frame, site->pc, CONTEXT_REAL);
    if (!c)
        return;
    record_life(c, site, WIRE_PROCESS_FORK, 0, 0, NULL, 0);
    hook_leave(c);
}

static void fork_ended(const struct hook_frame *site, uintptr_t frame, pid_t child)
{
    struct context *c = hook_enter_life(frame, site->pc, CONTEXT_REAL); /* in the child: reborn here */
    if (!c)
        return;
    if (child)
        record_life(c, site, WIRE_PROCESS_FORKED, (uint64_t)(int64_t)child, 0, NULL, 0);
    hook_leave(c);
}

EXPORT pid_t fork(void)
{
    const struct hook_frame *site = HOOK_SITE;
    pid_t child;
    names_known();
    fork_begins(site, HOOK_FRAME);
    child = real.fork();
    fork_ended(site, HOOK_FRAME, child);
    return child;
}

EXPORT pid_t _Fork(void)
{
    const struct hook_frame *site = HOOK_SITE;
    __typeof__(_Fork) *f;
    pid_t child;
    names_known();
    f = REAL_LATER(_Fork);
    if (!f)
        f = real.fork;
    fork_begins(site, HOOK_FRAME);
    child = f();
    fork_ended(site, HOOK_FRAME, child);
    return child;
}

/* Records the exec; false: it is not recorded. */
static bool exec_begins(uintptr_t frame, uintptr_t pc, const char *program)
{
    struct context *c = hook_enter_life(frame, pc, CONTEXT_REAL);
    uint64_t extra[1] = {(uint64_t)system_getpid()};
    if (!c)
        return false;
    record_text(c, WIRE_PROCESS_EXEC, 0, extra, 1, program ? program : "", program ? strlen(program) : 0);
    image_end();
    hook_leave(c);
    return true;
}

static void exec_failed(uintptr_t frame, uintptr_t pc, int error)
{
    struct context *c = hook_enter_life(frame, pc, CONTEXT_REAL);
    uint64_t extra[1] = {(uint64_t)system_getpid()};
    if (!c)
        return;
    record_life(c, NULL, WIRE_PROCESS_EXEC_FAILED, (uint64_t)error, 0, extra, 1);
    hook_leave(c);
}

/* Runs `call` with `sent`: the environment `env` as the new program is to get
 * it. Big ones are built in mapped memory, small ones on the stack. */
enum { ENVIRONMENT_ON_STACK = 12 * 1024 };

#define WITH_ENVIRONMENT(env, program, searched, call)                                            \
    do {                                                                                          \
        size_t bytes_ = environment_bytes(env);                                                   \
        bool stack_ = bytes_ <= ENVIRONMENT_ON_STACK;                                             \
        char *buffer_ = stack_ ? __builtin_alloca(bytes_)                                         \
                               : system_map(bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1); \
        char **sent = buffer_ ? environment_for(buffer_, (program), (searched), (env)) : (char **)(env); \
        call;                                                                                     \
        if (!stack_ && buffer_)                                                                   \
            system_unmap(buffer_, bytes_);                                                        \
    } while (0)

#define EXEC(program, searched, env, call)                            \
    do {                                                              \
        bool told_;                                                   \
        int r_;                                                       \
        names_known();                                                \
        told_ = exec_begins(HOOK_FRAME, HOOK_SITE->pc, (program));     \
        if (!told_ && load_relaxed(&process.state) != PROCESS_TRACED) { \
            char *const *sent = (env);                                \
            return call;                                              \
        }                                                             \
        WITH_ENVIRONMENT(env, program, searched, r_ = call);          \
        if (told_)                                                    \
            exec_failed(HOOK_FRAME, HOOK_SITE->pc, errno);             \
        return r_;                                                    \
    } while (0)

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
    EXEC(path, false, envp, real.execve(path, argv, (char *const *)sent));
}

EXPORT int execv(const char *path, char *const argv[])
{
    EXEC(path, false, environ, real.execve(path, argv, (char *const *)sent));
}

EXPORT int execvp(const char *name, char *const argv[])
{
    EXEC(name, true, environ, real.execvpe(name, argv, (char *const *)sent));
}

EXPORT int execvpe(const char *name, char *const argv[], char *const envp[])
{
    EXEC(name, true, envp, real.execvpe(name, argv, (char *const *)sent));
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
    char path[32] = "/proc/self/fd/";
    char digits[12];
    unsigned i = sizeof digits, v = (unsigned)fd;
    digits[--i] = 0;
    do
        digits[--i] = (char)('0' + v % 10);
    while (v /= 10);
    strcat(path, digits + i);
    EXEC(path, false, envp, real.fexecve(fd, argv, (char *const *)sent));
}

EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    __typeof__(execveat) *f;
    names_known();
    f = REAL_LATER(execveat);
    if (!f) {
        errno = ENOSYS;
        return -1;
    }
    EXEC(path, false, envp, f(fd, path, argv, (char *const *)sent, flags));
}

/* The variadic forms: their arguments as an array, on the stack. */
#define COLLECT(argv, first)                                            \
    va_list list_;                                                      \
    size_t n_ = 1, i_;                                                  \
    va_start(list_, first);                                             \
    while (va_arg(list_, char *))                                       \
        n_++;                                                           \
    va_end(list_);                                                      \
    char *argv[n_ + 1];                                                 \
    va_start(list_, first);                                             \
    argv[0] = (char *)first;                                            \
    for (i_ = 1; i_ <= n_; i_++)                                        \
        argv[i_] = va_arg(list_, char *);

EXPORT int execl(const char *path, const char *first, ...)
{
    COLLECT(argv, first)
    va_end(list_);
    EXEC(path, false, environ, real.execve(path, argv, (char *const *)sent));
}

EXPORT int execlp(const char *name, const char *first, ...)
{
    COLLECT(argv, first)
    va_end(list_);
    EXEC(name, true, environ, real.execvpe(name, argv, (char *const *)sent));
}

EXPORT int execle(const char *path, const char *first, ...)
{
    char *const *envp;
    COLLECT(argv, first)
    envp = va_arg(list_, char *const *);
    va_end(list_);
    EXEC(path, false, envp, real.execve(path, argv, (char *const *)sent));
}

#define SPAWN(name, searched)                                                                     \
    EXPORT int name(pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,   \
                    const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])  \
    {                                                                                             \
        int r;                                                                                    \
        names_known();                                                                            \
        if (load_relaxed(&process.state) != PROCESS_TRACED)                                       \
            return real.name(pid, program, actions, attributes, argv, envp);                      \
        WITH_ENVIRONMENT(envp, program, searched,                                                 \
                         r = real.name(pid, program, actions, attributes, argv, (char *const *)sent)); \
        return r;                                                                                 \
    }

SPAWN(posix_spawn, false)
SPAWN(posix_spawnp, true)
