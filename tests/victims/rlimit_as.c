/* Address space short: first 96 MiB more than now, then, in a new image, 512
 * MiB in all. What fits natively still fits, what does not fails as before. */
#include "victim.h"

static void *thread(void *arg) { free(keep(malloc(52602))); return NULL; }

static void limit_to(size_t bytes)
{
    struct rlimit l = { bytes, bytes };
    CHECK(!setrlimit(RLIMIT_AS, &l));
}

static void in_new_image(void)
{
    int got = 0;
    for (; got < 400; got++)
        if (!keep(malloc(1 << 20)))
            break;
    printf("new image: 400 MiB %s\n", got == 400 ? "fit" : "do not fit");
    void *p = keep(malloc(600u << 20));
    printf("600 MiB more: %s, errno %d\n", p ? "fit" : "do not fit", errno);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        in_new_image();
        return 0;
    }
    pid_t pid = fork();
    if (!pid) {
        limit_to(512u << 20);
        execl("/proc/self/exe", "rlimit_as", "child", (char *)0);
        _exit(1);
    }
    victim_wait_ok(pid);
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    limit_to(pages * 4096 + (96u << 20));
    errno = 0;
    void *p = keep(malloc(128u << 20));
    printf("128 MiB: %s, errno %d\n", p ? "fit" : "do not fit", errno);
    for (int i = 0; i < 50; i++)
        CHECK(keep(malloc(52601)));
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    for (int i = 0; i < 8; i++) {
        pthread_t t;
        CHECK(!pthread_create(&t, &small, thread, NULL));
        pthread_join(t, NULL);
    }
    puts("expect block size=52601 count=50 dropped=0 new=main");
    puts("expect block size=52602 count=8 dropped=8 new=thread");
    return 0;
}
