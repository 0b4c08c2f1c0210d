/* Does what it is told, a line of standard input each, and says when it is done:
 *   round      in each function below so many blocks and locks as stand there, and 700 blocks of
 *              the thread "worker", which is there from the start; all are dropped by one other function
 *   worker N   that thread makes N blocks; they are dropped likewise
 *   spin MS    allocates and drops in one function for so long
 *   busy, idle four threads hand blocks to each other under a lock, till told to stop
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define APART __attribute__((noinline))

static void *kept[16384];
static int n_kept;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static APART void keep(void *p) { kept[n_kept++] = p; }
static APART void wanted(void) { for (int i = 0; i < 1000; i++) keep(malloc(100)); }
static APART void other(void) { for (int i = 0; i < 5000; i++) keep(malloc(200)); }
static APART void large(void) { for (int i = 0; i < 300; i++) keep(malloc(5000)); }
static APART void zeroed(void) { for (int i = 0; i < 400; i++) keep(calloc(10, 10)); }
static APART void copied(void) { for (int i = 0; i < 350; i++) keep(strdup("a copy made in libc")); }
static APART void grown(void)
{
    for (int i = 0; i < 200; i++) {
        void *p = malloc(24);
        keep(realloc(p, 3000));
    }
}
static APART void locked(void)
{
    for (int i = 0; i < 600; i++) {
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
    }
}
static sem_t work_given, work_done;
static int work;
static void *worker(void *unused)
{
    pthread_setname_np(pthread_self(), "worker");
    for (;;) {
        sem_wait(&work_given);
        if (!work)
            return unused;
        for (int i = 0; i < work; i++)
            keep(malloc(50));
        sem_post(&work_done);
    }
}
static void worker_makes(int blocks)
{
    work = blocks;
    sem_post(&work_given);
    sem_wait(&work_done);
}
static APART void drop_all(void)
{
    while (n_kept)
        free(kept[--n_kept]);
}

static void round_(void)
{
    wanted();
    other();
    large();
    zeroed();
    copied();
    grown();
    locked();
    worker_makes(700);
    drop_all();
}

static APART void spin(int ms)
{
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += ms % 1000 * 1000000;
    do {
        for (int i = 0; i < 100; i++) {
            void *volatile p = malloc(30);
            free(p);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

enum { THREADS = 4, PLACES = 64 };
static pthread_t busy[THREADS];
static void *places[PLACES];
static int stop;

static void *hand_over(void *seed)
{
    unsigned state = (unsigned)(size_t)seed;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        void *mine = malloc(40 + rand_r(&state) % 400), *old;
        int k = rand_r(&state) % PLACES;
        if (rand_r(&state) % 4 == 0)
            mine = realloc(mine, 1000);
        pthread_mutex_lock(&lock);
        old = places[k];
        places[k] = mine;
        pthread_mutex_unlock(&lock);
        free(old);
    }
    return NULL;
}

int main(void)
{
    char line[64];
    pthread_t hired;
    sem_init(&work_given, 0, 0);
    sem_init(&work_done, 0, 0);
    pthread_create(&hired, NULL, worker, NULL);
    setvbuf(stdin, NULL, _IONBF, 0);
    setvbuf(stdout, NULL, _IONBF, 0);
    while (fgets(line, sizeof line, stdin)) {
        if (!strcmp(line, "round\n"))
            round_();
        else if (!strncmp(line, "worker ", 7)) {
            worker_makes(atoi(line + 7));
            drop_all();
        } else if (!strncmp(line, "spin ", 5))
            spin(atoi(line + 5));
        else if (!strcmp(line, "busy\n"))
            for (size_t i = 0; i < THREADS; i++)
                pthread_create(&busy[i], NULL, hand_over, (void *)(i + 1));
        else if (!strcmp(line, "idle\n")) {
            __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
            for (int i = 0; i < THREADS; i++)
                pthread_join(busy[i], NULL);
            for (int i = 0; i < PLACES; i++)
                free(places[i]);
        }
        puts("done");
    }
    work = 0;
    sem_post(&work_given);
    pthread_join(hired, NULL);
    return 0;
}
