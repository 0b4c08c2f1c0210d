/* Every exec there is, with the program's own environment and with an empty
 * one: the new program sees what it was given, and is still watched. */
#include "victim.h"

extern char **environ;
static char *own[] = { "ONLY=this", NULL };
static char *none[] = { NULL };
static const char self[] = "/proc/self/exe";

static void run_one(int how)
{
    char size[16];
    snprintf(size, sizeof size, "%d", 51001 + how);
    char *args[] = { "exec_env", size, NULL };
    switch (how) {
    case 0: execve(self, args, own); break;
    case 1: execve(self, args, none); break;
    case 2: execv(self, args); break;
    case 3: execvp(self, args); break;
    case 4: execvpe(self, args, own); break;
    case 5: execl(self, args[0], size, (char *)0); break;
    case 6: execlp(self, args[0], size, (char *)0); break;
    case 7: execle(self, args[0], size, (char *)0, own); break;
    case 8: fexecve(open(self, O_RDONLY | O_CLOEXEC), args, own); break;
    case 9: execveat(AT_FDCWD, self, args, own, 0); break;
    case 10: environ = own; execv(self, args); break;
    }
    _exit(1);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        int how = atoi(argv[1]) - 51001;
        free(keep(malloc(atoi(argv[1]))));
        printf("%d:\n", how);
        if (how != 2 && how != 3 && how != 5 && how != 6)
            victim_print_environment(environ);
        return 0;
    }
    for (int how = 0; how <= 10; how++) {
        pid_t pid = fork();
        if (!pid)
            run_one(how);
        victim_wait_ok(pid);
    }
    puts("expect process count=12");
    for (int how = 0; how <= 10; how++)
        printf("expect block size=%d count=1 dropped=1 new=main\n", 51001 + how);
    return 0;
}
