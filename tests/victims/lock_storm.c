/* Four threads that break no rule, faster than any ring takes it: what is lost
 * of them must not look like a broken rule. An argument: seconds (1). */
#include <semaphore.h>
#include "victim.h"

enum { THREADS = 4, SIZE = 3000 };
struct object { pthread_mutex_t lock; pthread_rwlock_t rwlock; char *text; char rest[200]; };
static pthread_mutex_t outer = PTHREAD_MUTEX_INITIALIZER, mine[THREADS], errorcheck = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct object *shared;
static char *handed;
static sem_t sem;
static int64_t end_ns;

static struct object *make(void)
{
    struct object *o = keep(calloc(1, sizeof *o));
    pthread_mutex_init(&o->lock, NULL);
    pthread_rwlock_init(&o->rwlock, NULL);
    o->text = keep(malloc(SIZE));
    return o;
}
static void drop(struct object *o)
{
    pthread_mutex_destroy(&o->lock);
    pthread_rwlock_destroy(&o->rwlock);
    free(o->text);
    free(o);
}

static void *worker(void *arg)
{
    static char bytes[SIZE];
    long n = (long)(intptr_t)arg;
    while (victim_now_ns() < end_ns) {
        for (int i = 0; i < 200; i++) {
            pthread_mutex_lock(&mine[n]);
            struct object *o = make();
            pthread_mutex_lock(&o->lock);
            memcpy(o->text, bytes, SIZE);
            pthread_mutex_unlock(&o->lock);
            pthread_mutex_lock(&outer);
            memcpy(shared->text, o->text, SIZE);
            char *got = handed;   /* made by one thread, dropped by another */
            handed = o->text;
            o->text = got;
            pthread_cond_signal(&changed);
            pthread_mutex_unlock(&outer);
            pthread_rwlock_rdlock(&shared->rwlock);
            pthread_rwlock_unlock(&shared->rwlock);
            if (!pthread_mutex_trylock(&errorcheck)) {
                memset(shared->rest, 1, sizeof shared->rest);
                pthread_mutex_unlock(&errorcheck);
            }
            sem_post(&sem);
            sem_wait(&sem);
            pthread_mutex_unlock(&mine[n]);
            drop(o);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    end_ns = victim_now_ns() + (int64_t)((argc > 1 ? atof(argv[1]) : 1) * 1e9);
    shared = make();
    CHECK(!sem_init(&sem, 0, 0));
    for (int i = 0; i < THREADS; i++)
        pthread_mutex_init(&mine[i], NULL);
    pthread_t t[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        t[i] = victim_thread(worker, (void *)i);
    for (int i = 0; i < THREADS; i++)
        victim_join(t[i]);
    free(handed);
    drop(shared);
    return 0;
}
