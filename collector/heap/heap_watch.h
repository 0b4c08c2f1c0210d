/*
 * collector/heap/heap_watch.h - the program is watched by ptrace from its start,
 * so that one that a signal ends stands still once more before its memory goes.
 *
 * One thread seizes the program before its exec and follows every thread and
 * every child. It passes all on: signals with what came with
 * them, stops of job control, forks and execs. At PTRACE_EVENT_EXIT
 * of a thread whose process a signal ends, it asks; told yes, all threads of
 * that process stand there, with the registers that they had, until
 * heap_watch_release. Other ends are let go at once: a thread is no longer
 * traced when it dies, so who waits for it sees what it always saw.
 *
 * SIGKILL is passed by: it is no matter of the program's, and may be one of
 * memory that somebody needs now.
 *
 * ptrace belongs to a thread, and heap_stop needs it too: what it has to do in
 * a process that is watched is done by the watching thread (heap_watch_run).
 * When the collector ends, or is killed, the kernel lets everything go.
 */
#ifndef OWNSCOPE_HEAP_WATCH_H
#define OWNSCOPE_HEAP_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

/* On the watching thread. True: it stands until heap_watch_release(pid). */
typedef bool (*heap_watch_fatal)(void *context, pid_t pid, int signal_number);

/* One at a time; before the child `pid` execs; `execs`: what children exec is watched too. 0, or -errno: it is not watched. */
int heap_watch_start(pid_t pid, bool execs, heap_watch_fatal fatal, void *context);
/* Nobody is watched any more, and who stands goes on. Does nothing when nobody was. */
void heap_watch_end(void);
/* Any other thread: a process that stands for its fatal signal goes on to its end. */
void heap_watch_release(pid_t pid);
/* Any other thread. If `pid` is watched: begins `work` on the watching thread, which passes nothing on
 * until it returns, and goes on then whoever stopped. False: it is not. */
bool heap_watch_run(pid_t pid, void *(*work)(void *context), void *context);
/* On the watching thread: lets one go on that stopped, as is right for its stop. */
void heap_watch_pass(pid_t tid, int status);

#endif
