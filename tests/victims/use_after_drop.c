/* Uses blocks after their drop: copies to and from them, locks inside one,
 * hands one to a thread, reallocates one. */
#include "victim.h"

enum { LARGE = 9000 };
struct object { char head[32]; pthread_mutex_t lock; char rest[900]; };
static char bytes[LARGE];

NOINLINE static void *make(size_t n) { return keep(malloc(n)); }
NOINLINE static void drop(void *p) { free(p); keep(NULL); }
NOINLINE static void copy_to(char *p) { memcpy(p, bytes, LARGE); keep(NULL); }
NOINLINE static void copy_from(char *p) { memcpy(bytes, p, LARGE); keep(NULL); }
NOINLINE static void lock_inside(struct object *o) { pthread_mutex_lock(&o->lock); keep(NULL); }
NOINLINE static void unlock_inside(struct object *o) { pthread_mutex_unlock(&o->lock); keep(NULL); }
static void *nothing(void *arg) { return NULL; }
NOINLINE static pthread_t hand_over(void *p) { return victim_thread(nothing, p); }
NOINLINE static void *grow(void *p) { return keep(realloc(p, 690)); }

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    char *p = make(LARGE);
    drop(p);
    for (int i = 0; i < victim_times(5); i++)
        copy_to(p);
    copy_from(p);
    struct object *o = make(sizeof *o);
    pthread_mutex_init(&o->lock, NULL);
    drop(o);
    lock_inside(o);
    unlock_inside(o);
    p = make(703);
    drop(p);
    victim_join(hand_over(p));
    p = make(702);
    drop(p);
    grow(p);
    puts("expect finding use-after-drop count=5 used=copy_to made=make dropped=drop");
    puts("expect finding use-after-drop count=1 used=copy_from made=make dropped=drop");
    puts("expect finding use-after-drop count=1 used=lock_inside made=make dropped=drop");
    puts("expect finding use-after-drop count=1 used=unlock_inside made=make dropped=drop");
    puts("expect finding use-after-drop count=1 used=hand_over made=make dropped=drop");
    puts("expect finding use-after-drop count=1 used=grow made=make dropped=drop");
    return 0;
}
