/*
 * collector/session/doctor_places.c - where ownscope's files can lie; see doctor.h.
 */
#include "session/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/directory.h"
#include "session/segment.h"
#include "session/shim.h"

extern char **environ;

static unsigned long long mib(uint64_t bytes) { return (unsigned long long)bytes >> 20; }

/* A segment with the first slots, as a session begins. 0 or -errno. */
static int segment_try(const char *dir)
{
    char name[64];
    struct segment s;
    uint64_t scratch, ring;
    int e;
    snprintf(name, sizeof name, "doctor-%d", (int)getpid());
    e = segment_create(&s, dir, name);
    if (e)
        return e;
    e = segment_home(&s, 0, &scratch, &ring);
    segment_unlink(&s);
    segment_detach(&s);
    return e;
}

/* A place that is not the one to be used, or is. */
static void place(struct doctor *d, const char *dir, bool only)
{
    static const char advice[] = "mount a tmpfs there (in a container: --shm-size 256m), or set OWNSCOPE_SHM to a directory in memory";
    const char *why;
    uint64_t room = segment_place_free(dir, &why), home = segment_home_bytes();
    const char *name = only ? "OWNSCOPE_SHM" : "/dev/shm";
    if (!room)
        doctor_no(d, name, advice, "%s cannot be used: %s", dir, why);
    else if (room < SEGMENT_ROOM_BYTES)
        doctor_no(d, name, advice, "%s has %llu KiB free, and a session of a few busy threads takes %llu MiB", dir,
                  (unsigned long long)room >> 10, mib(SEGMENT_ROOM_BYTES));
    else
        doctor_ok(d, name, "%s has %llu MiB free: room for %llu threads, of which each takes %llu KiB and more when it is busy", dir, mib(room),
                  (unsigned long long)(room / home), (unsigned long long)home >> 10);
}

static void shared_memory(struct doctor *d)
{
    const char *only = getenv("OWNSCOPE_SHM");
    char dir[SESSION_PATH_MAX];
    uint64_t room;
    unsigned best;
    int e;
    if (!segment_place(0, dir, sizeof dir))
        place(d, dir, only && *only);
    best = segment_place_best(&room);
    e = segment_place(best, dir, sizeof dir);
    if (!e)
        e = segment_try(dir);
    if (!e)
        doctor_ok(d, "shared memory", "a session's memory was made in %s%s", dir,
                  best ? ", which is used instead of /dev/shm" : "");
    else if (e == -EFBIG)
        doctor_no(d, "shared memory", "raise it (ulimit -f)", "this process may make no files of %llu MiB (RLIMIT_FSIZE)", mib(SEGMENT_BYTES_LEAST));
    else
        doctor_no(d, "shared memory", "no program can be traced here; free some, or name another directory in OWNSCOPE_SHM",
                  "a session's memory cannot be made in %s: %s", dir, strerror(-e));
}

static void sessions(struct doctor *d)
{
    char dir[SESSION_PATH_MAX] = "";
    struct stat st;
    int e = session_directory(dir, sizeof dir);
    if (!e && access(dir, W_OK | X_OK))
        e = -errno;
    if (e == -EPERM)
        doctor_no(d, "sessions", "set OWNSCOPE_DIR to a directory of yours with mode 0700", "%s is not safe to use: %s", dir, session_directory_flaw());
    else if (e || stat(dir, &st))
        doctor_no(d, "sessions", "set OWNSCOPE_DIR to a directory of yours that can be written to", "%s cannot be used: %s",
                  dir[0] ? dir : "OWNSCOPE_DIR", strerror(e ? -e : errno));
    else
        doctor_ok(d, "sessions", "they live in %s, which is uid %u's, mode %04o", dir, st.st_uid, st.st_mode & 07777);
}

/* Said of the usual places, since others look there. */
static void usual(struct doctor *d, const char *name, const char *dir)
{
    const char *why;
    if (segment_place_free(dir, &why))
        doctor_ok(d, name, "%s can be written to", dir);
    else
        doctor_no(d, name, "it is done without; OWNSCOPE_DIR names the place of sessions", "%s cannot be used: %s", dir, why);
}

static void traces(struct doctor *d)
{
    const char *why;
    uint64_t room = segment_place_free(".", &why);
    if (room)
        doctor_ok(d, "traces", "this folder can be written to, %llu MiB are free", mib(room));
    else
        doctor_no(d, "traces", "name a file elsewhere with -o", "this folder takes no trace: %s", why);
}

/* ---- the shim ---- */

/* What /bin/true says that was started with it, and was told to say why it does nothing. */
static int preload_try(const char *shim, char *said, size_t size)
{
    char *const argv[] = {(char *)"/bin/true", NULL};
    char *preload = xasprintf("LD_PRELOAD=%s", shim);
    char *env[] = {preload, (char *)"OWNSCOPE_DEBUG=1", (char *)"OWNSCOPE_SESSION=/nowhere/at/all", NULL};
    posix_spawn_file_actions_t actions;
    int ends[2], status = 0, e;
    ssize_t n = 0;
    pid_t pid;
    said[0] = 0;
    if (pipe2(ends, O_CLOEXEC)) {
        free(preload);
        return errno;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    e = posix_spawn(&pid, argv[0], &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (!e) {
        n = read(ends[0], said, size - 1);
        waitpid(pid, &status, 0);
        e = status ? ECANCELED : 0;
    }
    said[n > 0 ? n : 0] = 0;
    said[strcspn(said, "\n")] = 0;
    close(ends[0]);
    free(preload);
    return e;
}

static void shim(struct doctor *d)
{
    char path[SESSION_PATH_MAX], said[512];
    const char *why = shim_find(path, sizeof path);
    int e;
    if (why) {
        doctor_no(d, "LD_PRELOAD", NULL, "%s", why);
        return;
    }
    e = preload_try(path, said, sizeof said);
    if (!e && !strncmp(said, "ownscope: inactive: ", 20))
        doctor_ok(d, "LD_PRELOAD", "%s loads into /bin/true", path);
    else if (e)
        doctor_no(d, "LD_PRELOAD", "no program can be traced here", "/bin/true cannot be started with %s: %s%s%s", path,
                  e == ECANCELED ? "it ended otherwise than bare" : strerror(e), *said ? ": " : "", said);
    else
        doctor_no(d, "LD_PRELOAD", "no program can be traced here; see ld.so(8)", "%s was not loaded into /bin/true%s%s", path, *said ? ": " : "", said);
}

void doctor_places(struct doctor *d)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    shim(d);
    shared_memory(d);
    sessions(d);
    usual(d, "/tmp", "/tmp");
    if (run && *run)
        usual(d, "XDG_RUNTIME_DIR", run);
    traces(d);
}
