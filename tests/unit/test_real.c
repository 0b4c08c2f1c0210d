/* The real functions, where the libc is too old to have some of them. */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *dlsym_of_old(void *handle, const char *name)
{
    return strstr(name, "clock") ? NULL : dlsym(handle, name);
}
#define dlsym dlsym_of_old
#include "preload/real.c"
#include "suite.h"
#undef dlsym

__thread struct context context;
atomic_u64 module_generation;

START_TEST(clocks_missing)
{
    struct timespec until = {0, 0};
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_rwlock_t l = PTHREAD_RWLOCK_INITIALIZER;
    pthread_cond_t c = PTHREAD_COND_INITIALIZER;
    sem_t s;
    real_resolve();
    ck_assert(real.malloc && real.pthread_mutex_lock && real.prctl);
    ck_assert_int_eq(real.pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &until), ENOSYS);
    ck_assert_int_eq(real.pthread_rwlock_clockrdlock(&l, CLOCK_MONOTONIC, &until), ENOSYS);
    ck_assert_int_eq(real.pthread_rwlock_clockwrlock(&l, CLOCK_MONOTONIC, &until), ENOSYS);
    ck_assert_int_eq(real.pthread_cond_clockwait(&c, &m, CLOCK_MONOTONIC, &until), ENOSYS);
    sem_init(&s, 0, 1);
    errno = 0;
    ck_assert(real.sem_clockwait(&s, CLOCK_MONOTONIC, &until) == -1 && errno == ENOSYS);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("real");
    TCase *c = tcase_create("real");
    tcase_add_test(c, clocks_missing);
    suite_add_tcase(s, c);
    return suite_run(s);
}
