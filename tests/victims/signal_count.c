/*
 * signal_count NUMBER - says "ready", waits for the signal, gives it 300 ms to
 * come again, and prints how often it came. Exit 5.
 */
#include "victim.h"

static volatile sig_atomic_t times;
static void handler(int sig) { times++; }

int main(int argc, char **argv)
{
    if (argc < 2)
        return 77;
    setvbuf(stdout, NULL, _IONBF, 0);
    struct sigaction a = { .sa_handler = handler };
    sigaction(atoi(argv[1]), &a, NULL);
    puts("ready");
    for (int i = 0; i < 1000 && !times; i++)
        victim_sleep_ms(10);
    struct timespec rest = { 0, 300000000 };
    while (nanosleep(&rest, &rest) && errno == EINTR)
        ;
    printf("came %d times\n", (int)times);
    return 5;
}
