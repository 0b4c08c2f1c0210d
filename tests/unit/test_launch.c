/*
 * tests/unit/test_launch.c - finding, judging and starting programs, signals.
 */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/launch.h"
#include "suite.h"

static char dir[] = "/tmp/ownscope-launch-XXXXXX";
static struct launch_check check;

static void setup(void)
{
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chmod(dir, 0755), 0);
}

static void teardown(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

/* A file in dir; its path is good until the next call. */
static const char *make_file(const char *name, const void *data, size_t bytes, mode_t mode)
{
    static char path[256];
    int fd;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, data, bytes), (int)bytes);
    fchmod(fd, mode);
    close(fd);
    return path;
}

/* An ELF file: header, one PT_INTERP when `interpreter` is given. */
static const char *make_elf(const char *name, unsigned char class, unsigned machine, const char *interpreter)
{
    struct { Elf64_Ehdr e; Elf64_Phdr p; char text[128]; } f = {0};
    memcpy(f.e.e_ident, ELFMAG, SELFMAG);
    f.e.e_ident[EI_CLASS] = class;
    f.e.e_ident[EI_DATA] = ELFDATA2LSB;
    f.e.e_ident[EI_VERSION] = EV_CURRENT;
    f.e.e_type = ET_EXEC;
    f.e.e_machine = (Elf64_Half)machine;
    f.e.e_version = EV_CURRENT;
    f.e.e_ehsize = sizeof f.e;
    f.e.e_phentsize = sizeof f.p;
    f.e.e_phoff = sizeof f.e;
    f.e.e_phnum = 1;
    f.p.p_type = interpreter ? PT_INTERP : PT_NULL;
    if (interpreter) {
        f.p.p_offset = offsetof(__typeof__(f), text);
        f.p.p_filesz = strlen(interpreter) + 1;
        strcpy(f.text, interpreter);
    }
    return make_file(name, &f, sizeof f, 0755);
}

static void expect(const char *program, enum launch_reason reason, int exit_code)
{
    ck_assert_msg(launch_check(program, &check) == exit_code && check.reason == reason,
                  "%s: reason %d, exit code %d, errno %d", program, check.reason, check.exit_code, check.error);
}

START_TEST(test_find)
{
    char path[512];
    expect("sh", LAUNCH_OK, 0);
    ck_assert_str_eq(strrchr(check.path, '/'), "/sh");
    expect("/bin/cat", LAUNCH_OK, 0);
    expect("no-such-program-here", LAUNCH_NOT_FOUND, 127);
    expect("/no/such/program", LAUNCH_NOT_FOUND, 127);
    expect("", LAUNCH_NOT_FOUND, 127);
    expect("/bin/cat/x", LAUNCH_NOT_FOUND, 127);
    expect(dir, LAUNCH_DIRECTORY, 126);
    expect(make_file("plain", "x", 1, 0644), LAUNCH_NOT_EXECUTABLE, 126);
    ck_assert_int_eq(check.error, EACCES);

    /* One that may not be run is passed over for one that may. */
    make_file("cat", "x", 1, 0644);
    snprintf(path, sizeof path, "%s:/usr/bin:/bin", dir);
    setenv("PATH", path, 1);
    expect("cat", LAUNCH_OK, 0);
    setenv("PATH", dir, 1);
    expect("cat", LAUNCH_NOT_EXECUTABLE, 126);
    ck_assert_int_eq(chdir(dir), 0);
    make_elf("here", ELFCLASS64, EM_X86_64, "/lib64/ld-linux-x86-64.so.2");
    setenv("PATH", "/usr/bin:", 1); /* an empty piece is the current directory */
    expect("here", LAUNCH_OK, 0);
    ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(test_elf)
{
    expect(make_elf("good", ELFCLASS64, EM_X86_64, "/lib64/ld-linux-x86-64.so.2"), LAUNCH_OK, 0);
    expect(make_elf("static", ELFCLASS64, EM_X86_64, NULL), LAUNCH_STATIC, 126);
    expect(make_elf("musl", ELFCLASS64, EM_X86_64, "/lib/ld-musl-x86_64.so.1"), LAUNCH_OTHER_LIBC, 126);
    ck_assert_str_eq(check.detail, "/lib/ld-musl-x86_64.so.1");
    expect(make_elf("arm", ELFCLASS64, EM_AARCH64, "/lib/ld-linux-aarch64.so.1"), LAUNCH_OTHER_MACHINE, 126);
    expect(make_elf("small", ELFCLASS32, EM_386, "/lib/ld-linux.so.2"), LAUNCH_OTHER_MACHINE, 126);
    expect(make_file("stub", "\177ELF", 4, 0755), LAUNCH_OK, 0); /* no ELF after all: the shell's */
    ck_assert(check.by_shell);
    expect("/lib64/ld-linux-x86-64.so.2", LAUNCH_OK, 0);
}
END_TEST

START_TEST(test_scripts)
{
    char line[300];
    expect(make_file("s1", "#!/bin/sh\necho\n", 15, 0755), LAUNCH_OK, 0);
    ck_assert_str_eq(check.interpreter, "/bin/sh");
    ck_assert(!check.by_shell);
    expect(make_file("s2", "#! /usr/bin/env python3\n", 24, 0755), LAUNCH_OK, 0);
    ck_assert_str_eq(check.interpreter, "/usr/bin/env");
    expect(make_file("s3", "#!/no/such -x\n", 14, 0755), LAUNCH_NO_INTERPRETER, 126);
    ck_assert_str_eq(check.detail, "/no/such");
    expect(make_file("s4", "echo hello\n", 11, 0755), LAUNCH_OK, 0);
    ck_assert(check.by_shell);
    make_elf("static", ELFCLASS64, EM_X86_64, NULL);
    snprintf(line, sizeof line, "#!%s/static\n", dir);
    expect(make_file("s5", line, strlen(line), 0755), LAUNCH_STATIC, 126);
    expect(make_file("s6", "", 0, 0755), LAUNCH_OK, 0);
}
END_TEST

START_TEST(test_privileges)
{
    const char *path = make_elf("suid", ELFCLASS64, EM_X86_64, "/lib64/ld-linux-x86-64.so.2");
    char copy[256];
    if (geteuid())
        return; /* only root can make files of others */
    snprintf(copy, sizeof copy, "%s", path);
    ck_assert_int_eq(chown(copy, 1, 0), 0);
    ck_assert_int_eq(chmod(copy, 04755), 0);
    expect(copy, LAUNCH_SETUID, 126);
    ck_assert_int_eq(chown(copy, 0, 1), 0);
    ck_assert_int_eq(chmod(copy, 02755), 0);
    expect(copy, LAUNCH_SETGID, 126);
    ck_assert_int_eq(chown(copy, 0, 0), 0);
    ck_assert_int_eq(chmod(copy, 06755), 0);
    expect(copy, LAUNCH_OK, 0); /* changes nothing for us */
}
END_TEST

START_TEST(test_sanitizers)
{
    char command[600];
    setenv("LD_PRELOAD", "/usr/lib/libfoo.so /usr/lib/x/libasan.so.8", 1);
    expect("/bin/cat", LAUNCH_SANITIZER, 126);
    ck_assert_str_eq(check.detail, "AddressSanitizer");
    unsetenv("LD_PRELOAD");
    snprintf(command, sizeof command,
             "cd %s && echo 'int main(void){return 0;}' > a.c && gcc -fsanitize=address a.c -o dyn 2>/dev/null", dir);
    if (!system(command)) {
        snprintf(command, sizeof command, "%s/dyn", dir);
        expect(command, LAUNCH_SANITIZER, 126);
    }
    snprintf(command, sizeof command, "cd %s && clang -fsanitize=thread a.c -o stat 2>/dev/null", dir);
    if (!system(command)) {
        snprintf(command, sizeof command, "%s/stat", dir);
        expect(command, LAUNCH_SANITIZER, 126);
        ck_assert_str_eq(check.detail, "ThreadSanitizer");
    }
}
END_TEST

/* ---- running ---- */

static struct session *session;

static void run_setup(void)
{
    struct session_options o = {.preload_path = "libm.so.6", .wait_ms = 100};
    setup();
    setenv("OWNSCOPE_DIR", dir, 1);
    ck_assert_int_eq(session_create(&session, &o), 0);
}

static void run_teardown(void)
{
    session_close(session, true);
    teardown();
}

static pid_t start(const char *a, const char *b, const char *c, const char *d)
{
    char *argv[] = {(char *)a, (char *)b, (char *)c, (char *)d, NULL};
    pid_t pid = 0;
    ck_assert_int_eq(launch_check(a, &check), 0);
    ck_assert_int_eq(launch_start(&check, argv, session, &pid), 0);
    return pid;
}

static int exit_status(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    launch_signals_end();
    return status;
}

START_TEST(test_run)
{
    char script[1024];
    signal(SIGPIPE, SIG_DFL);
    launch_signals_save();
    signal(SIGPIPE, SIG_IGN); /* the collector's own affair */
    setenv("LD_PRELOAD", "libdl.so.2", 1);
    setenv("OWNSCOPE_SESSION", "wrong", 1);
    snprintf(script, sizeof script,
             "test \"$LD_PRELOAD\" = libm.so.6:libdl.so.2 && test \"$OWNSCOPE_SESSION\" = %s && "
             "grep -q 'SigIgn:.*0$' /proc/self/status && grep -q 'SigBlk:.*0000$' /proc/self/status && exit 42",
             session_segment_path(session));
    ck_assert_int_eq(WEXITSTATUS(exit_status(start("sh", "-c", script, NULL))), 42);
    unsetenv("LD_PRELOAD");
    ck_assert(launch_child_changed());
    ck_assert(!launch_child_changed());
    ck_assert_int_eq(WTERMSIG(exit_status(start("sh", "-c", "kill -9 $$", NULL))), 9);
    ck_assert_int_eq(WEXITSTATUS(exit_status(start(make_file("noline", "exit $1\n", 8, 0755), "7", NULL, NULL))), 7);
}
END_TEST

START_TEST(test_exec_fails)
{
    char *argv[] = {(char *)"x", NULL};
    pid_t pid;
    struct sigaction now;
    signal(SIGINT, SIG_DFL);
    ck_assert_int_eq(launch_check(make_elf("bad", ELFCLASS64, EM_X86_64, "/lib64/ld-linux-none.so"), &check), 0);
    ck_assert_int_eq(launch_start(&check, argv, session, &pid), 127); /* its loader is not there */
    ck_assert_int_eq(check.error, ENOENT);
    ck_assert_int_eq(launch_check(make_file("later", "#!/bin/sh\n", 10, 0755), &check), 0);
    chmod(check.path, 0644);
    ck_assert_int_eq(launch_start(&check, argv, session, &pid), 126);
    ck_assert_int_eq(check.reason, LAUNCH_EXEC_FAILED);
    ck_assert_int_eq(check.error, EACCES);
    sigaction(SIGINT, NULL, &now);
    ck_assert(now.sa_handler == SIG_DFL);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

/* Waits until the program has written that. */
static void said(const char *out, const char *want)
{
    char text[128] = "";
    for (int i = 0; i < 5000 && strcmp(text, want); i++) {
        int fd = open(out, O_RDONLY);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
        text[n > 0 ? n : 0] = 0;
        if (fd >= 0)
            close(fd);
        usleep(5000);
    }
    ck_assert_str_eq(text, want);
}

/* Signals sent to the collector reach the program once; the collector lives. */
START_TEST(test_signals)
{
    char out[256], script[512];
    pid_t pid;
    snprintf(out, sizeof out, "%s/out", dir);
    snprintf(script, sizeof script,
             "trap 'echo int' INT; trap 'echo usr' USR1; trap 'echo hup' HUP; trap 'echo term; exit 5' TERM; "
             "exec > %s; echo up; while :; do sleep 0.02; done", out);
    pid = start("sh", "-c", script, NULL);
    said(out, "up\n");
    raise(SIGUSR1); /* SI_TKILL */
    said(out, "up\nusr\n");
    kill(getpid(), SIGINT);
    said(out, "up\nusr\nint\n");
    kill(getpid(), SIGHUP);
    said(out, "up\nusr\nint\nhup\n");
    kill(getpid(), SIGTERM);
    ck_assert_int_eq(WEXITSTATUS(exit_status(pid)), 5);
    said(out, "up\nusr\nint\nhup\nterm\n");
}
END_TEST

/* What a program sends to its parent does not come back to it. */
START_TEST(test_signal_to_parent)
{
    pid_t pid = start("sh", "-c", "trap 'exit 9' USR1; kill -USR1 $PPID; sleep 0.2; exit 3", NULL);
    ck_assert_int_eq(WEXITSTATUS(exit_status(pid)), 3);
}
END_TEST

/* The end of the program ends a wait. */
START_TEST(test_child_wakes)
{
    uint64_t began;
    pid_t pid;
    int i;
    struct code *code = code_new();
    pid = start("sleep", "0.6", NULL, NULL);
    for (i = 0; !launch_child_changed() && i < 1000; i++) {
        session_drain(session, code, NULL, NULL);
        session_wait(session);
    }
    began = wire_clock_monotonic_ns();
    ck_assert_int_eq(WEXITSTATUS(exit_status(pid)), 0);
    ck_assert_uint_lt(wire_clock_monotonic_ns() - began, 20000000);
    ck_assert_int_lt(i, 100); /* it slept, and did not poll */
    code_free(code);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("launch");
    TCase *t = tcase_create("check"), *run = tcase_create("run");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_find);
    tcase_add_test(t, test_elf);
    tcase_add_test(t, test_scripts);
    tcase_add_test(t, test_privileges);
    tcase_add_test(t, test_sanitizers);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(run, run_setup, run_teardown);
    tcase_add_test(run, test_run);
    tcase_add_test(run, test_exec_fails);
    tcase_add_test(run, test_signals);
    tcase_add_test(run, test_signal_to_parent);
    tcase_add_test(run, test_child_wakes);
    tcase_set_timeout(run, 60);
    suite_add_tcase(s, run);
    return suite_run(s);
}
