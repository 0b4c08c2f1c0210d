/* The same uses, each before the drop, or of the next block at the address. */
#include "victim.h"

enum { LARGE = 9000 };
struct object { char head[32]; pthread_mutex_t lock; char rest[2000]; };
static char bytes[LARGE];

NOINLINE static void *make(size_t n) { return keep(malloc(n)); }
NOINLINE static void drop(void *p) { free(p); keep(NULL); }
static void *nothing(void *arg) { return NULL; }

int main(void)
{
    char *before = NULL;
    for (int i = 0; i < 100; i++) {
        char *p = make(LARGE);
        CHECK(!before || before == p);
        before = p;
        memcpy(p, bytes, LARGE);
        memcpy(bytes, p, LARGE);
        drop(p);
        struct object *o = make(sizeof *o);
        pthread_mutex_init(&o->lock, NULL);
        pthread_mutex_lock(&o->lock);
        pthread_mutex_unlock(&o->lock);
        pthread_mutex_destroy(&o->lock);
        drop(o);
    }
    char *p = make(703);
    drop(p);
    CHECK(p == make(703));
    victim_join(victim_thread(nothing, p));
    p = keep(realloc(p, 690));
    p = keep(realloc(p, 2 * LARGE));
    memcpy(p, bytes, LARGE);
    drop(p);
    p = make(LARGE); /* in part on what p was, in part on what was never used */
    memcpy(p + 100, bytes, LARGE - 100);
    drop(p);
    char *local = keep(alloca(LARGE)); /* no block, though blocks of threads that ended lay in such places */
    memcpy(local, bytes, LARGE);
    return 0;
}
