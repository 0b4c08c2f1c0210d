/* The shell called by system and popen. */
#include "victim.h"

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    int status = system("exit 3");
    printf("system: %d\n", WEXITSTATUS(status));
    FILE *f = popen("echo from the shell; exit 4", "r");
    char line[64];
    CHECK(f && fgets(line, sizeof line, f));
    printf("popen: %s", line);
    printf("pclose: %d\n", WEXITSTATUS(pclose(f)));
    f = popen("cat", "w");
    CHECK(f);
    fputs("through cat\n", f);
    CHECK(pclose(f) == 0);
    free(keep(malloc(51301)));
    puts("expect block size=51301 count=1 dropped=1 new=main");
    return 0;
}
