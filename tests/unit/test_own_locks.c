/*
 * tests/unit/test_own_locks.c - modules with locks of their own are told by
 * what they want from others.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session/own_locks.h"
#include "suite.h"

static char folder[] = "/tmp/own_locks.XXXXXX";

/* A library that calls these, by its path. */
static const char *library(const char *name, const char *calls)
{
    static char path[64], line[400];
    snprintf(path, sizeof path, "%s/%s.so", folder, name);
    snprintf(line, sizeof line, "echo 'void use(void) { %s }' | cc -w -xc -shared -fPIC -nostdlib -o %s -", calls, path);
    ck_assert_int_eq(system(line), 0);
    return path;
}

static void begin(void) { ck_assert_ptr_nonnull(mkdtemp(folder)); }
static void end(void)
{
    char line[64];
    snprintf(line, sizeof line, "rm -r %s", folder);
    ck_assert_int_eq(system(line), 0);
}

START_TEST(told_by_all_three)
{
    ck_assert(own_locks_in(library("rust", "_Unwind_Backtrace(); _Unwind_GetLanguageSpecificData(); syscall();")));
    ck_assert(!own_locks_in(library("cxx", "_Unwind_GetLanguageSpecificData(); syscall();")));
    ck_assert(!own_locks_in(library("c", "_Unwind_Backtrace(); syscall();")));
    ck_assert(!own_locks_in(library("ada", "_Unwind_Backtrace(); _Unwind_GetLanguageSpecificData();")));
    ck_assert(!own_locks_in("/proc/self/exe"));
}
END_TEST

/* Locks of other libraries, by name: whoever wants one uses it. */
START_TEST(told_by_a_lock_of_another)
{
    static const char *const names[] = { "GOMP_parallel", "GOMP_barrier", "__kmpc_fork_call", "g_mutex_lock", "g_rw_lock_reader_lock",
        "_ZN11QBasicMutex12lockInternalEv", "_ZN11QBasicMutex12lockInternalE14QDeadlineTimer", "_ZN3tbb6detail2r15spawnEv",
        "_ZN4absl12lts_202206235Mutex4LockEv" };
    char calls[100];
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(calls, sizeof calls, "%s();", names[i]);
        ck_assert_msg(own_locks_in(library("lock", calls)), "%s", names[i]);
    }
    ck_assert(!own_locks_in(library("glib", "g_malloc(); g_thread_new(); omp_get_thread_num(); } void g_mutex_lock(void) {")));
    ck_assert(!own_locks_in(library("weak", "} __attribute__((weak)) void GOMP_parallel(void); void use2(void) { GOMP_parallel();")));
    ck_assert(own_locks_in(library("mixed_in", "} static __attribute__((used)) void _ZN4absl5Mutex4LockEv(void) {")));
}
END_TEST

START_TEST(what_is_no_module)
{
    char path[64];
    snprintf(path, sizeof path, "%s/fifo", folder);
    char line[80];
    snprintf(line, sizeof line, "mkfifo %s", path);
    ck_assert_int_eq(system(line), 0);
    ck_assert(!own_locks_in(path));
    ck_assert(!own_locks_in(folder));
    ck_assert(!own_locks_in("/nowhere/at/all"));
    ck_assert(!own_locks_in("/proc/self/cmdline"));
}
END_TEST

START_TEST(asked_once)
{
    struct code *code = code_new();
    struct own_locks o = { 0 };
    const char *path = library("rust", "_Unwind_Backtrace(); _Unwind_GetLanguageSpecificData(); syscall();");
    struct event e = { .type = EVENT_MODULE };
    e.extra[1] = code_module_id(code, path, strlen(path), NULL, 0);
    own_locks_tell(&o, code, (uint32_t)getpid(), &e);
    ck_assert_int_eq(e.family, 1);
    ck_assert_int_eq(unlink(path), 0);
    e.family = 0;
    own_locks_tell(&o, code, (uint32_t)getpid(), &e);
    ck_assert_int_eq(e.family, 1);
    e.extra[1] = code_module_id(code, "/proc/self/exe", 14, NULL, 0);
    own_locks_tell(&o, code, (uint32_t)getpid(), &e);
    ck_assert_int_eq(e.family, 0);
    e.extra[1] = 99;        /* no such module */
    own_locks_tell(&o, code, (uint32_t)getpid(), &e);
    ck_assert_int_eq(e.family, 0);
    own_locks_end(&o);
    code_free(code);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("own locks");
    TCase *c = tcase_create("own locks");
    tcase_add_unchecked_fixture(c, begin, end);
    tcase_add_test(c, told_by_all_three);
    tcase_add_test(c, told_by_a_lock_of_another);
    tcase_add_test(c, what_is_no_module);
    tcase_add_test(c, asked_once);
    suite_add_tcase(s, c);
    return suite_run(s);
}
