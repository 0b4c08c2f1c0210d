/* errno after every call: untouched by what succeeds, set as ever by what fails. */
#include <dlfcn.h>
#include <malloc.h>
#include <spawn.h>
#include "victim.h"

#define SHOW(what, call) \
    do { \
        errno = 4321; \
        (void)keep((void *)(uintptr_t)(call)); \
        printf("%-28s %d\n", what, errno); \
    } while (0)
#define SHOW_VOID(what, call) \
    do { \
        errno = 4321; \
        call; \
        printf("%-28s %d\n", what, errno); \
    } while (0)

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *thread(void *arg)
{
    errno = 4321;
    void *p = keep(malloc(52801)); /* the first event of a new thread */
    int after = errno;
    free(p);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return (void *)(intptr_t)after;
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    void *p = NULL, *q = NULL;
    volatile size_t huge = SIZE_MAX / 2;
    SHOW("malloc", p = malloc(52802));
    SHOW("realloc", p = realloc(p, 52803));
    SHOW("realloc huge", realloc(p, huge));
    SHOW_VOID("free", free(p));
    SHOW_VOID("free NULL", free(NULL));
    SHOW("calloc", p = calloc(3, 17600));
    SHOW("reallocarray", p = reallocarray(p, 3, 17601));
    SHOW("reallocarray overflow", reallocarray(p, huge, 16));
    SHOW_VOID("free", free(p));
    SHOW("malloc huge", malloc(huge));
    SHOW("calloc overflow", calloc(huge, 16));
    SHOW("posix_memalign", posix_memalign(&p, 64, 100));
    SHOW("posix_memalign bad", posix_memalign(&q, 3, 100));
    SHOW("posix_memalign huge", posix_memalign(&q, 64, huge));
    SHOW_VOID("free", free(p));
    SHOW("aligned_alloc", p = aligned_alloc(64, 128));
    SHOW_VOID("free", free(p));
    SHOW("memalign", p = memalign(64, 100));
    SHOW_VOID("free", free(p));
    SHOW("valloc", p = valloc(100));
    SHOW_VOID("free", free(p));
    SHOW("pvalloc", p = pvalloc(100));
    SHOW_VOID("free", free(p));
    SHOW("mmap", p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    SHOW("mremap", p = mremap(p, 8192, 16384, MREMAP_MAYMOVE));
    SHOW("munmap", munmap(p, 16384));
    SHOW("mmap bad", mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    SHOW("mmap bad fd", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 999, 0));
    SHOW("munmap bad", munmap((void *)1, 4096));
    SHOW("mremap bad", mremap((void *)4096, 4096, 8192, 0));
    pthread_t t;
    void *value = NULL;
    pthread_mutex_lock(&gate);
    SHOW("pthread_create", pthread_create(&t, NULL, thread, NULL));
    SHOW("pthread_setname_np", pthread_setname_np(t, "named"));
    SHOW("pthread_setname_np long", pthread_setname_np(pthread_self(), "much too long a name for it"));
    pthread_mutex_unlock(&gate);
    SHOW("pthread_join", pthread_join(t, &value));
    printf("%-28s %d\n", "first malloc of a thread", (int)(intptr_t)value);
    SHOW("pthread_join self", pthread_join(pthread_self(), NULL));
    pid_t pid = 0;
    SHOW("fork", pid = fork());
    if (!pid)
        _exit(0);
    victim_wait_ok(pid);
    char *args[] = { "x", NULL };
    SHOW("posix_spawn missing", posix_spawn(&pid, "/nonexistent", NULL, NULL, args, args + 1));
    SHOW("execv missing", execv("/nonexistent", args));
    SHOW("dlopen missing", dlopen("/nonexistent.so", RTLD_NOW));
    puts("expect process count=2");
    return 0;
}
