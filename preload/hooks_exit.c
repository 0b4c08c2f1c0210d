/*
 * preload/hooks_exit.c - processes end.
 *
 * The code is recorded once, by whichever comes first; what destructors and
 * exit handlers do afterwards is still traced. exit and quick_exit hold behind
 * their handlers, in functions that the shim entered (hold.c), and so does a
 * return from main or the end of the last thread, which no hook sees; the others
 * end at once, and hold here. A failed assertion holds before its message, for it
 * ends in libc's own abort. That is seen by no hook: libc's checks of the heap and
 * of buffers, and raise(SIGABRT), end a process that does not hold.
 */
#include "preload/hold.h"
#include "preload/record.h"

static void exiting(uintptr_t frame, uintptr_t pc, int code)
{
    struct context *c;
    names_known();
    if (load_relaxed(&process.state) != PROCESS_TRACED ||
        (load_relaxed(&process.page->generation) && process_is_borrowed()))
        return;
    c = hook_enter_life(frame, pc, CONTEXT_REAL);
    if (!c)
        return;
    record_life(c, NULL, WIRE_PROCESS_EXIT, (uint64_t)(uint32_t)code, 0, NULL, 0);
    hook_leave(c);
}

#define EXIT(name, hold)                                 \
    EXPORT void name(int code)                           \
    {                                                    \
        exiting(HOOK_FRAME, HOOK_SITE->pc, code);        \
        hold;                                            \
        real.name(code);                                 \
        __builtin_unreachable();                         \
    }

EXIT(exit, )
EXIT(_exit, hold_before_end(HOOK_SITE))
EXIT(_Exit, hold_before_end(HOOK_SITE))
EXIT(quick_exit, )

EXPORT void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function)
{
    names_known();
    hold_before_abort(HOOK_SITE);
    real.__assert_fail(assertion, file, line, function);
    __builtin_unreachable();
}

EXPORT void __assert_perror_fail(int error, const char *file, unsigned line, const char *function)
{
    names_known();
    hold_before_abort(HOOK_SITE);
    real.__assert_perror_fail(error, file, line, function);
    __builtin_unreachable();
}

EXPORT void abort(void)
{
    names_known();
    hold_before_abort(HOOK_SITE);
    real.abort();
    __builtin_unreachable();
}
