/* A semaphore posted from a signal handler, thousands of times, whatever the
 * thread is doing: locks, copies, its heap. None of it may be lost or doubled. */
#include <semaphore.h>
#include <sys/time.h>
#include "victim.h"

static sem_t s;
static volatile sig_atomic_t posts;
static void on_alarm(int number)
{
    char a[600], b[600];
    memset(a, 1, sizeof a);
    memcpy(b, a, sizeof b);
    if (!sem_post(&s))
        posts++;
}

int main(void)
{
    static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    struct itimerval t = { { 0, 200 }, { 0, 200 } };
    static char from[2048], to[2048];
    long taken = 0;
    CHECK(!sem_init(&s, 0, 0));
    signal(SIGALRM, on_alarm);
    CHECK(!setitimer(ITIMER_REAL, &t, NULL));
    for (int i = 0; i < 300000; i++) {
        pthread_mutex_lock(&m);
        memcpy(to, from, sizeof to);
        pthread_mutex_unlock(&m);
        free(keep(malloc(62001)));
        if (!sem_trywait(&s))
            taken++;
    }
    t = (struct itimerval){ { 0, 0 }, { 0, 0 } };
    CHECK(!setitimer(ITIMER_REAL, &t, NULL));
    signal(SIGALRM, SIG_IGN);
    while (!sem_trywait(&s))
        taken++;
    CHECK(taken == posts);
    puts(posts > 10 ? "posted and taken" : "hardly posted");
    puts("expect lost nested>=0"); /* a handler amid a record is counted, not recorded */
    return 0;
}
