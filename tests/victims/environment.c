/* The environment, as given. */
#include "victim.h"

int main(void)
{
    extern char **environ;
    victim_print_environment(environ);
    CHECK(!setenv("VICTIM_ADDED", "yes", 1) && !unsetenv("HOME"));
    CHECK(!putenv("VICTIM_PUT=1"));
    fflush(stdout);
    int status = system("env | grep -a ^VICTIM_ | sort; echo ${HOME-unset}");
    return WEXITSTATUS(status);
}
