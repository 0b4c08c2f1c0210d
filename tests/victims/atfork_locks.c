/* Forks in a program whose threads are at a lock: handlers take it before and
 * give it up in both; another is made anew in the child; the child uses them,
 * and makes a thread of its own that does. */
#include "victim.h"

enum { FORKS = 10 };
static pthread_mutex_t kept = PTHREAD_MUTEX_INITIALIZER, renewed = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char *block;
static _Atomic int stop;

static void prepare(void) { pthread_mutex_lock(&kept); }
static void in_parent(void) { pthread_mutex_unlock(&kept); }
static void in_child(void)
{
    pthread_mutex_unlock(&kept);
    pthread_mutex_init(&renewed, NULL);
    pthread_cond_init(&changed, NULL);
}

static void *worker(void *arg)
{
    static char bytes[5000];
    while (!stop) {
        pthread_mutex_lock(&kept);
        memcpy(block, bytes, sizeof bytes);
        pthread_mutex_unlock(&kept);
        pthread_mutex_lock(&renewed);
        victim_breathe();
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&renewed);
    }
    return NULL;
}
static void *waiter(void *arg)
{
    pthread_mutex_lock(&renewed);
    while (!stop) {
        struct timespec end = victim_from_now(CLOCK_REALTIME, 20);
        pthread_cond_timedwait(&changed, &renewed, &end);
    }
    pthread_mutex_unlock(&renewed);
    return NULL;
}
static void *childs(void *arg)
{
    pthread_mutex_lock(&kept);
    pthread_mutex_lock(&renewed);
    memset(block, 1, 5000);
    pthread_mutex_unlock(&renewed);
    pthread_mutex_unlock(&kept);
    return NULL;
}

int main(void)
{
    CHECK(!pthread_atfork(prepare, in_parent, in_child));
    block = keep(malloc(5000));
    pthread_t t[3] = { victim_thread(worker, NULL), victim_thread(worker, NULL), victim_thread(waiter, NULL) };
    for (int i = 0; i < FORKS; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (!pid) {
            childs(NULL);
            victim_join(victim_thread(childs, NULL));
            free(block);
            _exit(0);
        }
        victim_wait_ok(pid);
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        victim_join(t[i]);
    free(block);
    printf("expect process count=%d\n", FORKS + 1);
    return 0;
}
