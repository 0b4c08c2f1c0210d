/*
 * collector/cli/refusal.c - see refusal.h: for `run`, which refuses, and `doctor`, which says so before.
 */
#include "cli/refusal.h"

#include <string.h>

#include "event/xalloc.h"

char *refusal_text(const struct launch_check *c, const char *program)
{
    switch (c->reason) {
    case LAUNCH_OK:
        return NULL;
    case LAUNCH_NOT_FOUND:
        return xasprintf("%s: not found%s", program, strchr(program, '/') ? "" : " in PATH; give a path to run a file elsewhere");
    case LAUNCH_DIRECTORY:
        return xasprintf("%s is a directory; give a program", c->path);
    case LAUNCH_NOT_EXECUTABLE:
        return xasprintf("%s cannot be run: %s; chmod +x makes a file a program", c->path, strerror(c->error));
    case LAUNCH_UNREADABLE:
        return xasprintf("%s may be run but not read, so its kind cannot be told; give read permission", c->path);
    case LAUNCH_STATIC:
        return xasprintf("%s is linked statically: it has no loader that could load libownscope.so; link it dynamically, or use valgrind", c->path);
    case LAUNCH_OTHER_MACHINE:
        return xasprintf("%s is for another processor or word size than ownscope; use an ownscope built for it", c->path);
    case LAUNCH_OTHER_LIBC:
        return xasprintf("%s uses the loader %s, and libownscope.so needs glibc's; use an ownscope built for that libc", c->path, c->detail);
    case LAUNCH_SETUID:
        return xasprintf("%s is set-user-id: the loader ignores LD_PRELOAD for it; run a copy without that bit, or as its owner", c->path);
    case LAUNCH_SETGID:
        return xasprintf("%s is set-group-id: the loader ignores LD_PRELOAD for it; run a copy without that bit", c->path);
    case LAUNCH_CAPABILITIES:
        return xasprintf("%s has file capabilities: the loader ignores LD_PRELOAD for it; run a copy without them, or as root", c->path);
    case LAUNCH_SANITIZER:
        return xasprintf("%s is built with %s, which must come first in the program; run a build without it", c->path, c->detail);
    case LAUNCH_NO_INTERPRETER:
        return xasprintf("%s: its interpreter %s is not there; correct its first line", c->path, c->detail);
    case LAUNCH_EXEC_FAILED:
    default:
        return xasprintf("%s cannot be run: %s", c->path, strerror(c->error));
    }
}
