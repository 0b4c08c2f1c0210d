/* Two threads that take turns on one block and tell each other by pipes, of
 * which nothing is seen. */
#include "victim.h"

enum { TIMES = 50, SIZE = 1024 };
static char *block;
static int there[2], back[2];

static void *worker(void *arg)
{
    char c, copy[SIZE];
    size_t bytes = (size_t)victim_times(SIZE);
    while (read(there[0], &c, 1) == 1) {
        memcpy(copy, block, bytes);
        CHECK(copy[SIZE - 1] == c && write(back[1], &c, 1) == 1);
    }
    return NULL;
}

int main(void)
{
    char copy[SIZE];
    size_t bytes = (size_t)victim_times(SIZE);
    CHECK(!pipe(there) && !pipe(back));
    block = keep(malloc(SIZE));
    pthread_t t = victim_thread(worker, NULL);
    for (char i = 0; i < TIMES; i++) {
        char c = i;
        memset(copy, i, SIZE);
        memcpy(block, copy, bytes);
        CHECK(write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1 && c == i);
    }
    close(there[1]);
    victim_join(t);
    free(block);
    puts("expect coverage not-empty");
    return 0;
}
