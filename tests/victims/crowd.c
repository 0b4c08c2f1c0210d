/* crowd [ROUNDS] - eight hundred threads that live together and all make and
 * drop at once, at stacks of many depths. In each round a thread makes a block
 * and drops it, and hands another to its neighbour, who drops that. */
#include "victim.h"
#include <semaphore.h>

enum { ALL = 800, ROUNDS = 40, ROUNDS_MOST = 4000, DEPTHS = 24, OWN_BYTES = 1301, PASSED_BYTES = 1302 };
static struct { sem_t filled; void *box[ROUNDS_MOST]; } neighbour[ALL];
static pthread_barrier_t all_here;
static int rounds = ROUNDS;

NOINLINE static void *make_own(void) { return keep(malloc(OWN_BYTES)); }
NOINLINE static void *make_passed(void) { return keep(malloc(PASSED_BYTES)); }
NOINLINE static void drop_own(void *p) { free(p); keep(NULL); }
NOINLINE static void drop_passed(void *p) { free(p); keep(NULL); }

/* What act returns, done below so many frames. */
NOINLINE static void *below(int frames, void *(*act)(void))
{
    return frames ? keep(below(frames - 1, act)) : keep(act());
}

static void *one_of_crowd(void *arg)
{
    int me = (int)(intptr_t)arg, next = (me + 1) % ALL;
    pthread_barrier_wait(&all_here);
    for (int r = 0; r < rounds; r++) {
        void *own = below((me + r) % DEPTHS, make_own);
        neighbour[next].box[r] = below(me % DEPTHS, make_passed);
        sem_post(&neighbour[next].filled);
        while (sem_wait(&neighbour[me].filled))
            ;
        drop_passed(neighbour[me].box[r]);
        drop_own(own);
    }
    pthread_barrier_wait(&all_here);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t t[ALL];
    pthread_attr_t small;
    if (argc > 1)
        rounds = atoi(argv[1]);
    if (rounds < 1 || rounds > ROUNDS_MOST)
        return 99;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    pthread_barrier_init(&all_here, NULL, ALL);
    for (int i = 0; i < ALL; i++)
        sem_init(&neighbour[i].filled, 0, 0);
    for (int i = 0; i < ALL; i++)
        if (pthread_create(&t[i], &small, one_of_crowd, (void *)(intptr_t)i))
            return 77;
    for (int i = 0; i < ALL; i++)
        pthread_join(t[i], NULL);
    long each = (long)ALL * rounds;
    printf("expect block size=%d count=%ld dropped=%ld new=make_own drop=drop_own\n", OWN_BYTES, each, each);
    printf("expect block size=%d count=%ld dropped=%ld new=make_passed drop=drop_passed\n", PASSED_BYTES, each, each);
    printf("expect move by=taken size=%d count=%ld\n", PASSED_BYTES, each);
    printf("expect handoff new=make_passed drop=drop_passed blocks=%ld bytes=%ld\n", each, each * PASSED_BYTES);
    printf("expect site new=below allocations=%ld live=0\n", 2 * each);
    return 0;
}
