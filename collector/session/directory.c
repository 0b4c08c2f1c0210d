/*
 * collector/session/directory.c - see directory.h. Any thread; what lies in
 * the directory is the user's own, but is read as input.
 */
#include "session/directory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"

enum { INFO_MAX_BYTES = 64 * 1024 };
static const char *const FILES[] = {"control", "control.new", "emergency", "emergency.new", "socket", "segment", "info", "info.new", "images", "written.0", "written.1", "written.new"};

static __thread char flaw[160];

const char *session_directory_flaw(void) { return flaw; }

/* Ours alone, a real directory. With `look` root may see another user's. */
static int check_private(const char *path, bool look)
{
    struct stat st;
    flaw[0] = 0;
    if (lstat(path, &st))
        return -errno;
    if (S_ISLNK(st.st_mode))
        snprintf(flaw, sizeof flaw, "it is a symbolic link");
    else if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    else if (st.st_uid != geteuid() && !(look && !geteuid()))
        snprintf(flaw, sizeof flaw, "it belongs to uid %u, and this is uid %u", st.st_uid, geteuid());
    else if (st.st_mode & 022)
        snprintf(flaw, sizeof flaw, "others may write to it (mode %04o)", st.st_mode & 07777);
    return flaw[0] ? -EPERM : 0;
}

static int make_private(const char *path, bool look)
{
    if (mkdir(path, 0700) && errno != EEXIST) {
        flaw[0] = 0;
        return -errno;
    }
    return check_private(path, look);
}

static int format(char *out, size_t size, const char *a, const char *b, const char *c)
{
    int n = snprintf(out, size, "%s%s%s", a, b, c);
    return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* A place that nobody can write to is passed over; one that somebody made for us is not. */
static bool is_place(char *out, size_t size, const char *a, const char *b, const char *c, bool look, int *e)
{
    *e = format(out, size, a, b, c);
    if (!*e)
        *e = make_private(out, look);
    if (!*e && faccessat(AT_FDCWD, out, W_OK | X_OK, AT_EACCESS))
        *e = -errno;
    return !*e || *e == -EPERM || *e == -ENAMETOOLONG;
}

static bool is_own_directory(const char *path)
{
    struct stat st;
    return path && *path == '/' && !stat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static int directory(char *out, size_t size, bool look)
{
    const char *own = getenv("OWNSCOPE_DIR"), *run = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
    char uid[24], first[SESSION_PATH_MAX];
    int e, error;

    if (own && *own) {
        e = format(out, size, own, "", "");
        return e ? e : make_private(out, look);
    }
    snprintf(uid, sizeof uid, "%u", geteuid());
    if (is_own_directory(run) && is_place(out, size, run, "/ownscope", "", look, &e))
        return e;
    if (is_place(out, size, "/tmp/ownscope-", uid, "", look, &error))
        return error;
    snprintf(first, sizeof first, "%s", out);
    if ((is_own_directory(home) && is_place(out, size, home, "/.ownscope", "", look, &e)) ||
        is_place(out, size, "/dev/shm/ownscope-", uid, "", look, &e))
        return e;
    snprintf(out, size, "%s", first);
    return error;
}

int session_directory(char *out, size_t size) { return directory(out, size, false); }

bool session_name_valid(const char *name)
{
    size_t n = strlen(name), i;
    if (n < 1 || n > SESSION_NAME_MAX || name[0] == '.')
        return false;
    for (i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            return false;
    return true;
}

int session_path(char *out, size_t size, const char *name, const char *file)
{
    char dir[SESSION_PATH_MAX];
    int e, n;
    if (!session_name_valid(name))
        return -EINVAL;
    if ((e = directory(dir, sizeof dir, true)))
        return e;
    n = snprintf(out, size, "%s/%s%s%s", dir, name, file ? "/" : "", file ? file : "");
    return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int session_folder_create(const char *name)
{
    char path[SESSION_PATH_MAX];
    int e = session_path(path, sizeof path, name, NULL);
    if (e)
        return e;
    return mkdir(path, 0700) ? -errno : 0;
}

void session_folder_remove(const char *name)
{
    char path[SESSION_PATH_MAX];
    size_t i;
    for (i = 0; i < sizeof FILES / sizeof *FILES; i++)
        if (!session_path(path, sizeof path, name, FILES[i]))
            unlink(path);
    if (!session_path(path, sizeof path, name, NULL))
        rmdir(path);
}

/* ---- the session to join ---- */

int session_current_set(const char *segment_path)
{
    char dir[SESSION_PATH_MAX], path[SESSION_PATH_MAX + 16], fresh[SESSION_PATH_MAX + 48];
    int e = session_directory(dir, sizeof dir);
    if (e)
        return e;
    snprintf(path, sizeof path, "%s/current", dir);
    snprintf(fresh, sizeof fresh, "%s.%d", path, (int)getpid());
    unlink(fresh);
    if (symlink(segment_path, fresh))
        return -errno;
    if (!rename(fresh, path))
        return 0;
    e = -errno;
    unlink(fresh);
    return e;
}

void session_current_remove(const char *segment_path)
{
    char dir[SESSION_PATH_MAX], path[SESSION_PATH_MAX + 16], target[SESSION_PATH_MAX];
    ssize_t n;
    if (session_directory(dir, sizeof dir))
        return;
    snprintf(path, sizeof path, "%s/current", dir);
    n = readlink(path, target, sizeof target - 1);
    if (n < 0)
        return;
    target[n] = 0;
    if (!strcmp(target, segment_path))
        unlink(path);
}

/* ---- small files, replaced whole ---- */

/* The file's text, zero-terminated, to be freed. NULL with errno. */
static char *text_read(const char *path, size_t max_bytes)
{
    char *text;
    ssize_t n;
    size_t have = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    text = xmalloc(max_bytes + 1);
    while (have < max_bytes && (n = read(fd, text + have, max_bytes - have)) > 0)
        have += (size_t)n;
    close(fd);
    text[have] = 0;
    return text;
}

static char *info_read(const char *path) { return text_read(path, INFO_MAX_BYTES); }

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0)
            return -errno;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

int session_file_put(const char *name, const char *file, const char *text)
{
    char path[SESSION_PATH_MAX], fresh[SESSION_PATH_MAX + 16];
    int e = session_path(path, sizeof path, name, file), fd;
    if (e)
        return e;
    snprintf(fresh, sizeof fresh, "%s.new", path);
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    e = write_all(fd, text, strlen(text));
    if (close(fd) && !e)
        e = -errno;
    if (!e && rename(fresh, path))
        e = -errno;
    if (e)
        unlink(fresh);
    return e;
}

char *session_file_get(const char *name, const char *file)
{
    char path[SESSION_PATH_MAX];
    return session_path(path, sizeof path, name, file) ? NULL : text_read(path, SESSION_FILE_MAX);
}

char *session_file_take(const char *name, const char *file)
{
    char path[SESSION_PATH_MAX];
    char *text = session_file_get(name, file);
    if (text && !session_path(path, sizeof path, name, file))
        unlink(path);
    return text;
}

/* ---- info ---- */

/* Old lines without those of `key`, then the new line. */
static int info_write(int fd, const char *old, const char *key, const char *value)
{
    size_t key_bytes = strlen(key);
    char *line = xasprintf("%s=%s", key, value), *p;
    int e = 0;
    for (p = line; *p; p++)
        if (*p == '\n')
            *p = ' ';
    *p = '\n'; /* over the end: the length is known */
    while (old && *old && !e) {
        const char *end = strchr(old, '\n');
        size_t n = end ? (size_t)(end - old) + 1 : 0;
        if (!n)
            break;
        if (strncmp(old, key, key_bytes) || old[key_bytes] != '=')
            e = write_all(fd, old, n);
        old += n;
    }
    if (!e)
        e = write_all(fd, line, (size_t)(p - line) + 1);
    free(line);
    return e;
}

int session_info_set(const char *name, const char *key, const char *value)
{
    char path[SESSION_PATH_MAX], fresh[SESSION_PATH_MAX];
    char *old;
    int e, fd;
    if ((e = session_path(path, sizeof path, name, "info")) ||
        (e = session_path(fresh, sizeof fresh, name, "info.new")))
        return e;
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    old = info_read(path);
    e = info_write(fd, old, key, value);
    free(old);
    if (close(fd) && !e)
        e = -errno;
    if (!e && rename(fresh, path))
        e = -errno;
    if (e)
        unlink(fresh);
    return e;
}

int session_info_get(const char *name, const char *key, char *out, size_t size)
{
    char path[SESSION_PATH_MAX];
    size_t key_bytes = strlen(key), n;
    char *text, *at, *end;
    int e = session_path(path, sizeof path, name, "info");
    if (e)
        return e;
    text = info_read(path);
    if (!text)
        return -errno;
    e = -ENOENT;
    for (at = text; at && *at; at = end ? end + 1 : NULL) {
        end = strchr(at, '\n');
        if (strncmp(at, key, key_bytes) || at[key_bytes] != '=')
            continue;
        at += key_bytes + 1;
        n = end ? (size_t)(end - at) : strlen(at);
        e = n < size ? 0 : -ENAMETOOLONG;
        if (!e) {
            memcpy(out, at, n);
            out[n] = 0;
        }
        break;
    }
    free(text);
    return e;
}

/* ---- all sessions ---- */

static int is_session(const struct dirent *d)
{
    return session_name_valid(d->d_name) && (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN);
}

int session_names(int (*fn)(void *context, const char *name), void *context)
{
    char dir[SESSION_PATH_MAX];
    struct dirent **found;
    int n, i, result = 0;
    int e = directory(dir, sizeof dir, true);
    if (e)
        return e;
    n = scandir(dir, &found, is_session, alphasort);
    if (n < 0)
        return -errno;
    for (i = 0; i < n; i++) {
        if (!result)
            result = fn(context, found[i]->d_name);
        free(found[i]);
    }
    free(found);
    return result;
}
