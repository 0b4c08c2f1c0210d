/* exec and spawn of what cannot be executed: a pipe that nobody writes to, a
 * folder, nothing at all. They fail as they would, and do not wait. */
#include <spawn.h>
#include <sys/stat.h>
#include "victim.h"

static int fails(const char *path)
{
    char *none[] = { (char *)"x", NULL }, *env[] = { NULL };
    errno = 0;
    CHECK(execve(path, none, env) == -1);
    return errno;
}

int main(void)
{
    char *none[] = { (char *)"x", NULL }, *env[] = { NULL };
    char folder[] = "/tmp/victim.XXXXXX", pipe[64];
    pid_t pid;
    if (!mkdtemp(folder))
        return 77;
    snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    CHECK(!mkfifo(pipe, 0700));
    alarm(10);
    CHECK(fails(pipe) == EACCES);
    CHECK(fails(folder) == EACCES);
    CHECK(fails(NULL) == EFAULT);
    CHECK(fails("") == ENOENT);
    CHECK(execvp("", none) == -1 && errno == ENOENT);
    CHECK(posix_spawn(&pid, pipe, NULL, NULL, none, env) == EACCES);
    CHECK(posix_spawn(&pid, keep(NULL), NULL, NULL, none, env) == EFAULT);
    unlink(pipe);
    rmdir(folder);
    puts("expect process count=1");
    return 0;
}
