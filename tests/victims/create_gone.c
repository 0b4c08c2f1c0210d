/* A thread takes away the memory that pthread_create wrote its name to, before
 * pthread_create has returned. */
#include "victim.h"

struct object { pthread_t thread; };

static void *body(void *p)
{
    pthread_detach(pthread_self());
    munmap(p, 4096);
    return NULL;
}

int main(void)
{
    for (int i = 0; i < 2000; i++) {
        struct object *o = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(o != MAP_FAILED);
        if (pthread_create(&o->thread, NULL, body, o)) {
            munmap(o, 4096);
            victim_sleep_ms(1);
        }
    }
    victim_sleep_ms(50);
    free(keep(malloc(47201)));
    puts("expect block size=47201 count=1 dropped=1");
    return 0;
}
