/*
 * tests/unit/test_heap_image.c - a process's memory in an image: what is in it
 * equals what is there, what is not there stays so. What changes meanwhile:
 * test_heap_image_change.c.
 */
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "heap_image_play.h"
#include "suite.h"

static void check_holes(void)
{
    pid_t pid = child_start(body_holes);
    struct heap_stop s;
    struct heap_image *i;
    uint64_t start;
    wait_for(&shared->ready, 1);
    start = shared->address[0];
    i = image_of(pid, &s);
    for (size_t k = 0; k < PAGES; k++) {
        size_t n = PAGES * PAGE;
        if (k % 3) {
            ck_assert_ptr_null(heap_image_at(i, start + k * PAGE, &n));
            if (k + 2 < PAGES)
                ck_assert_uint_eq(n, (3 - k % 3) * PAGE);
            continue;
        }
        ck_assert_ptr_nonnull(heap_image_at(i, start + k * PAGE, &n));
        ck_assert_uint_eq(n, PAGE);
        for (size_t b = 0; b < PAGE; b += 8)
            ck_assert_uint_eq(word_at(i, start + k * PAGE + b), k * 1000003 + b);
    }
    ck_assert_uint_eq(pages_there(pid, start, PAGES), PAGES / 3); /* what was not there is not there now */
    heap_image_free(i);
    heap_stop_free(&s);
    child_kill(pid);
}

START_TEST(test_contents) { check_holes(); }
END_TEST

/* The same on a kernel that does not tell runs of pages. */
static void kernel_make_old(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xc0606610u, 0, 1), /* PAGEMAP_SCAN */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

START_TEST(test_contents_old_kernel)
{
    kernel_make_old();
    check_holes();
}
END_TEST

/* Far more address space than memory: 16 TiB of nothing; as much with pages near its
 * begin, one of them read only; and, if `far`, pages at the end of as much. */
#define RESERVED (16ull << 40)
static uint64_t *reserve(void)
{
    void *at = mmap(NULL, RESERVED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        abort();
    madvise(at, RESERVED, MADV_NOHUGEPAGE);
    return at;
}

static void body_reserves(void)
{
    volatile uint64_t *at;
    reserve();
    at = reserve();
    for (size_t i = 0; i < PAGES; i += 3)
        at[i * PAGE / 8] = i + (at[(i + 1) * PAGE / 8] & 1);
    shared->address[0] = (uint64_t)at;
    if (shared->ids[0])
        reserve()[RESERVED / 8 - 1] = 1;
    ready_and_wait();
}

START_TEST(test_reserved_old_kernel)
{
    struct timespec from, to;
    struct heap_image *i;
    struct heap_stop s;
    pid_t pid;
    shared->ids[0] = 0;
    pid = child_start(body_reserves);
    kernel_make_old();
    wait_for(&shared->ready, 1);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    i = image_of(pid, &s);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    ck_assert_int_lt((int)((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000), 500);
    for (size_t k = 0; k < PAGES; k += 3)
        ck_assert_uint_eq(word_at(i, shared->address[0] + k * PAGE), k);
    heap_image_free(i);
    heap_stop_free(&s);
    child_kill(pid);
}
END_TEST

START_TEST(test_reserved_too_far_old_kernel)
{
    struct heap_image_options o = {0};
    struct heap_image *i;
    pid_t pid;
    shared->ids[0] = 1;
    pid = child_start(body_reserves);
    kernel_make_old();
    wait_for(&shared->ready, 1);
    ck_assert_int_eq(heap_image_prepare(&i, pid, &o), -EOVERFLOW);
    ck_assert_ptr_null(i);
    ck_assert_msg(strstr(heap_image_text(), "address space") != NULL, "%s", heap_image_text());
    child_kill(pid);
}
END_TEST

/* ---- what is left out ---- */

static void body_kinds(void)
{
    char name[] = "/tmp/ownscope-image-XXXXXX";
    int fd = mkstemp(name);
    uint64_t *at;
    char block[3 * PAGE];
    unlink(name);
    memset(block, 0x77, sizeof block);
    if (write(fd, block, sizeof block) != sizeof block)
        abort();
    at = map_new(PAGE); /* 0: closed */
    *at = 1;
    mprotect(at, PAGE, PROT_NONE);
    shared->address[0] = (uint64_t)at;
    at = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0); /* 1: a file's, of which one page is changed */
    if (at[0] + at[PAGE / 8] == 0)
        abort();
    at[PAGE / 8] = 42;
    shared->address[1] = (uint64_t)at;
    at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); /* 2: a file's, shared */
    at[1] = 43;
    shared->address[2] = (uint64_t)at;
    at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); /* 3: shared, no file's */
    *at = 44;
    shared->address[3] = (uint64_t)at;
    at = map_new(PAGE); /* 4: closed for writing */
    *at = 45;
    mprotect(at, PAGE, PROT_READ);
    shared->address[4] = (uint64_t)at;
    at = malloc(64); /* 5: of the heap */
    *at = 46;
    shared->address[5] = (uint64_t)at;
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    shared->address[6] = (uint64_t)dlsym(libc, "_IO_2_1_stdout_"); /* 6, 7: data, bss of a library */
    shared->address[7] = (uint64_t)dlsym(libc, "optarg");
    *(char **)shared->address[7] = block;
    ready_and_wait();
}

static struct heap_image *image_with(pid_t pid, const struct heap_image_options *o)
{
    struct heap_stop s;
    struct heap_image *i;
    ck_assert_int_eq(heap_image_prepare(&i, pid, o), 0);
    stop_begin(&s, pid, (struct heap_held){0});
    ck_assert_int_eq(heap_image_copy(i, &s), 0);
    heap_stop_free(&s);
    return i;
}

START_TEST(test_kinds)
{
    pid_t pid = child_start(body_kinds);
    struct heap_image_options o = {0};
    const uint64_t *a = shared->address;
    const struct heap_map *libc;
    struct heap_image *i;
    char *path;
    wait_for(&shared->ready, 1);
    i = image_with(pid, &o);
    ck_assert(!is_in(i, a[0]));
    ck_assert(!is_in(i, a[1]) && is_in(i, a[1] + PAGE) && !is_in(i, a[1] + 2 * PAGE));
    ck_assert_uint_eq(word_at(i, a[1] + PAGE), 42);
    ck_assert(!is_in(i, a[2]));
    ck_assert_uint_eq(word_at(i, a[3]), 44);
    ck_assert_uint_eq(word_at(i, a[4]), 45);
    ck_assert_uint_eq(word_at(i, a[5]), 46);
    ck_assert(is_in(i, a[6]) && word_at(i, a[7]));
    for (size_t k = 0; k < heap_image_maps(i)->n; k++)
        if (heap_image_maps(i)->maps[k].path[0] == '[' && strcmp(heap_image_maps(i)->maps[k].path, "[heap]") &&
            strcmp(heap_image_maps(i)->maps[k].path, "[stack]"))
            ck_assert(!is_in(i, heap_image_maps(i)->maps[k].start));
    libc = heap_maps_find(heap_image_maps(i), a[6]);
    ck_assert_ptr_nonnull(libc);
    path = strdup(libc->path);
    heap_image_free(i);

    o.shim_path = path; /* as if that were ours: its data and bss are left out, and nothing else */
    i = image_with(pid, &o);
    ck_assert(!is_in(i, a[6]));
    ck_assert(!is_in(i, a[7]));
    ck_assert_uint_eq(word_at(i, a[5]), 46);
    ck_assert_uint_eq(word_at(i, a[3]), 44);
    heap_image_free(i);
    free(path);
    child_kill(pid);
}
END_TEST

/* ---- stacks ---- */

static __attribute__((noinline)) void deep(void)
{
    volatile uint64_t room[64 * 1024 / 8];
    for (size_t i = 0; i < sizeof room / 8; i += 8)
        room[i] = 7;
    shared->address[1] = (uint64_t)room;
}

static void *thread_stack(void *unused)
{
    volatile uint64_t mine = 4711;
    deep();
    shared->address[0] = (uint64_t)&mine;
    atomic_store(&shared->ready, 1);
    for (;;)
        pause();
    return unused;
}

static void body_stack(void)
{
    pthread_t t;
    pthread_create(&t, NULL, thread_stack, NULL);
    for (;;)
        pause();
}

START_TEST(test_stack_from_its_pointer_on)
{
    pid_t pid = child_start(body_stack);
    struct heap_stop s;
    struct heap_image *i;
    wait_for(&shared->ready, 1);
    nap(2000);
    i = image_of(pid, &s);
    ck_assert_uint_eq(word_at(i, shared->address[0]), 4711);
    ck_assert_uint_eq(pages_there(pid, shared->address[1] & ~(uint64_t)(PAGE - 1), 1), 1); /* it is there, but used no more */
    ck_assert(!is_in(i, shared->address[1]));
    for (size_t k = 0; k < s.n; k++)
        ck_assert(is_in(i, s.threads[k].sp) && is_in(i, s.threads[k].thread_pointer));
    heap_image_free(i);
    heap_stop_free(&s);
    child_kill(pid);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_image");
    TCase *c = tcase_create("image");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_contents);
    if (!VAST) {
        tcase_add_test(c, test_contents_old_kernel);
        tcase_add_test(c, test_reserved_old_kernel);
        tcase_add_test(c, test_reserved_too_far_old_kernel);
    }
    tcase_add_test(c, test_kinds);
    tcase_add_test(c, test_stack_from_its_pointer_on);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
