/* posix_spawn and posix_spawnp with an environment of their own. */
#include <spawn.h>
#include "victim.h"

static pid_t spawned(int by_path, const char *what)
{
    char *args[] = { "spawn", (char *)what, NULL };
    char *env[] = { "A=1", "PATH=/usr/bin:/bin", "B=two words", NULL };
    pid_t pid = -1;
    CHECK(!(by_path ? posix_spawnp : posix_spawn)(&pid, "/proc/self/exe", NULL, NULL, args, env));
    return pid;
}

int main(int argc, char **argv)
{
    extern char **environ;
    if (argc > 1) {
        free(keep(malloc(atoi(argv[1]))));
        victim_print_environment(environ);
        return 0;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    victim_wait_ok(spawned(0, "50001"));
    victim_wait_ok(spawned(1, "50002"));
    pid_t pid = -1;
    char *args[] = { "nothing", NULL };
    CHECK(posix_spawn(&pid, "/nonexistent/program", NULL, NULL, args, environ) == ENOENT);
    puts("expect process count=3");
    puts("expect block size=50001 count=1 dropped=1 new=main");
    puts("expect block size=50002 count=1 dropped=1 new=main");
    return 0;
}
