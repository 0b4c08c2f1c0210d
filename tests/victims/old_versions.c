/* A program linked against the oldest glibc: its conditions are another kind of
 * thing (a pointer to one), its memcpy may overlap. */
#include "victim.h"

#if defined(__x86_64__)
__asm__(".symver pthread_cond_init, pthread_cond_init@GLIBC_2.2.5");
__asm__(".symver pthread_cond_destroy, pthread_cond_destroy@GLIBC_2.2.5");
__asm__(".symver pthread_cond_wait, pthread_cond_wait@GLIBC_2.2.5");
__asm__(".symver pthread_cond_timedwait, pthread_cond_timedwait@GLIBC_2.2.5");
__asm__(".symver pthread_cond_signal, pthread_cond_signal@GLIBC_2.2.5");
__asm__(".symver pthread_cond_broadcast, pthread_cond_broadcast@GLIBC_2.2.5");
__asm__(".symver memcpy, memcpy@GLIBC_2.2.5");
__asm__(".symver pthread_mutex_trylock, pthread_mutex_trylock@GLIBC_2.2.5");
__asm__(".symver sem_wait, sem_wait@GLIBC_2.2.5");

/* As much as an old program gave it: behind the pointer is somebody else's. */
static struct { pthread_cond_t *c; uint64_t behind[8]; } cond;
#define COND ((pthread_cond_t *)&cond)
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int turn;

static void *other(void *arg)
{
    pthread_mutex_lock(&m);
    for (int i = 0; i < 100; i++) {
        while (turn % 2 == 0)
            pthread_cond_wait(COND, &m);
        turn++;
        pthread_cond_signal(COND);
    }
    pthread_mutex_unlock(&m);
    return NULL;
}

int main(void)
{
    pthread_t t;
    struct timespec past = { 1, 0 };
    static char text[4000];
    for (int i = 0; i < 8; i++)
        cond.behind[i] = 0x1234567812345678;
    CHECK(!pthread_cond_init(COND, NULL));
    CHECK(!pthread_create(&t, NULL, other, NULL));
    pthread_mutex_lock(&m);
    for (int i = 0; i < 100; i++) {
        while (turn % 2 == 1)
            pthread_cond_wait(COND, &m);
        turn++;
        pthread_cond_broadcast(COND);
    }
    while (turn < 200)
        pthread_cond_wait(COND, &m);
    printf("timed: %d\n", pthread_cond_timedwait(COND, &m, &past));
    pthread_mutex_unlock(&m);
    CHECK(!pthread_join(t, NULL));
    CHECK(!pthread_cond_destroy(COND));
    for (int i = 0; i < 8; i++)
        CHECK(cond.behind[i] == 0x1234567812345678);
    for (int i = 0; i < 3000; i++)
        text[i] = (char)('a' + i % 26);
    memcpy(text + 100, text, 3000); /* the old memcpy is memmove */
    for (int i = 0; i < 3000; i++)
        CHECK(text[100 + i] == 'a' + i % 26);
    printf("turns %d\n", turn);
    return 0;
}
#else
int main(void) { return 77; }
#endif
