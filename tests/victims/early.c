/* Locks and copies before main: in an IFUNC's resolver, before any constructor,
 * in constructors; and behind main: in destructors and exit handlers. */
#include <semaphore.h>
#include "victim.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char from[3000], to[3000];
static int seen, resolved;

static void routine(void) { seen++; }

static void use(void)
{
    sem_t s;
    pthread_cond_t c = PTHREAD_COND_INITIALIZER;
    memset(from, 'x', sizeof from);
    memcpy(to, from, sizeof to);
    memmove(to + 1, to, sizeof to - 1);
    strncpy(to, "short", sizeof to);
    strcat(to, " and sweet");
    pthread_mutex_lock(&m);
    pthread_mutex_unlock(&m);
    pthread_rwlock_rdlock(&rw);
    pthread_rwlock_unlock(&rw);
    pthread_once(&once, routine);
    sem_init(&s, 0, 1);
    sem_wait(&s);
    sem_post(&s);
    sem_destroy(&s);
    pthread_cond_signal(&c);
    syscall(178, 0); /* whatever it is */
    if (!strcmp(to, "short and sweet"))
        seen += 100;
}

/* Nothing of this program is in place yet but what needs no place. */
static int one(void) { return 1; }
static int (*resolve(void))(void)
{
    char a[2000], b[2000];
    memset(a, 7, sizeof a);
    memcpy(b, a, sizeof b);
    resolved = b[1999];
    return one;
}
int chosen(void) __attribute__((ifunc("resolve")));

static void preinit(int argc, char **argv, char **env) { use(); }
__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(int, char **, char **) = preinit;
__attribute__((constructor)) static void constructor(void) { use(); }
__attribute__((destructor)) static void destructor(void) { use(); printf("at the end %d\n", seen); fflush(stdout); }

int main(void)
{
    printf("before main %d, resolved %d %d\n", seen, resolved, chosen());
    use();
    printf("in main %d\n", seen);
    return 0;
}
