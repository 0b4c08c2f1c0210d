/* exec without a fork: one process, four images; what lived in the old image went with it. */
#include "victim.h"

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 0;
    keep(malloc(51200 + n));
    if (n < 3) {
        char next[16];
        snprintf(next, sizeof next, "%d", n + 1);
        execl("/proc/self/exe", "exec_self", next, (char *)0);
        return 1;
    }
    puts("expect process count=1");
    for (int i = 0; i < 4; i++)
        printf("expect block size=%d count=1 new=main\n", 51200 + i);
    return 0;
}
