/* Drops what holds a lock after the unlock, with and without a destroy; grows
 * an object by realloc between locks; unmaps beside a held lock. */
#include "victim.h"

struct object { char head[32]; pthread_mutex_t lock; pthread_rwlock_t rwlock; char rest[900]; };

static void *other(void *arg)
{
    struct object *o = arg;
    pthread_mutex_lock(&o->lock);
    victim_sleep_ms(5);
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

int main(void)
{
    for (int i = 0; i < 10; i++) {
        struct object *o = keep(calloc(1, sizeof *o));
        pthread_mutex_init(&o->lock, NULL);
        pthread_t t = victim_thread(other, o);
        pthread_mutex_lock(&o->lock);
        pthread_mutex_unlock(&o->lock);
        victim_join(t);
        pthread_rwlock_rdlock(&o->rwlock);
        pthread_rwlock_rdlock(&o->rwlock);
        pthread_rwlock_unlock(&o->rwlock);
        pthread_rwlock_unlock(&o->rwlock);
        o = keep(realloc(o, 3 * sizeof *o));
        if (i % 2)
            pthread_mutex_destroy(&o->lock);
        free(o);
    }
    char *map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED);
    pthread_mutex_t *inside = (pthread_mutex_t *)(map + 4096);
    pthread_mutex_lock(inside);
    CHECK(!munmap(map + 8192, 65536 - 8192));
    pthread_mutex_unlock(inside);
    CHECK(!munmap(map, 8192));
    return 0;
}
