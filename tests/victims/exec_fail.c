/* An exec that fails: its errno, and a program that goes on as before. */
#include "victim.h"

int main(void)
{
    char *args[] = { "x", NULL };
    char *env[] = { "E=1", NULL };
    void *p = keep(malloc(51101));
    errno = 0;
    CHECK(execve("/nonexistent/program", args, env) == -1);
    printf("missing: %d\n", errno);
    CHECK(execve("/etc/hostname", args, env) == -1);
    printf("not executable: %d\n", errno);
    CHECK(execvp("no-such-program-anywhere", args) == -1);
    printf("not on the path: %d\n", errno);
    CHECK(execve("/", args, env) == -1);
    printf("directory: %d\n", errno);
    free(p);
    free(keep(malloc(51102)));
    puts("expect process count=1");
    puts("expect block size=51101 count=1 dropped=1 new=main");
    puts("expect block size=51102 count=1 dropped=1 new=main");
    return 0;
}
