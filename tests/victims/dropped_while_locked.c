/* Drops a block, and unmaps a mapping, while a lock inside is held. */
#include "victim.h"

struct object { char head[32]; pthread_mutex_t lock; char rest[900]; };

NOINLINE static struct object *make(void) { return keep(malloc(sizeof(struct object))); }
NOINLINE static void take(pthread_mutex_t *m) { pthread_mutex_lock(m); keep(NULL); }
NOINLINE static void drop(struct object *o) { free(o); keep(NULL); }
NOINLINE static void unmap(void *p) { munmap(p, 65536); keep(NULL); }

int main(void)
{
    struct object *o = make();
    pthread_mutex_init(&o->lock, NULL);
    take(&o->lock);
    drop(o);
    char *map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED);
    pthread_mutex_t *inside = (pthread_mutex_t *)(map + 4096);
    pthread_mutex_init(inside, NULL);
    take(inside);
    unmap(map);
    puts("expect finding dropped-while-locked count=1 used=drop held=take made=make");
    puts("expect finding dropped-while-locked count=1 used=unmap held=take");
    return 0;
}
