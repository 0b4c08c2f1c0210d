/*
 * preload/environment.c - see environment.h.
 *
 * Runs in the traced process, in exec and spawn hooks, also in a vfork child
 * on its parent's memory: nothing is allocated, the caller gives the buffer.
 */
#include "preload/environment.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/context.h"
#include "preload/system.h"

extern char **environ;
extern void *__libc_stack_end; /* the loader's: argc, argv, NULL, environment, NULL */

#define PRELOAD "LD_PRELOAD="
#define SESSION "OWNSCOPE_SESSION="

static char **environment_first(void)
{
    char **at;
    if (environ)
        return environ;
    at = (char **)__libc_stack_end;
    at += 1 + *(long *)at + 1;
    return at;
}

const char *environment_get(const char *name)
{
    size_t n = strlen(name);
    char **e = environment_first();
    for (; e && *e; e++)
        if (!strncmp(*e, name, n) && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}

static const char *shim_path(void)
{
    return (const char *)wire_plan_of(&process.segment)->preload_path;
}

static bool is_separator(char c) { return c == ':' || c == ' '; }

/* Where `path` stands as a whole item in a preload list; NULL: it does not. */
static const char *list_find(const char *list, const char *path)
{
    size_t n = strlen(path);
    const char *at = list;
    while ((at = strstr(at, path))) {
        if ((at == list || is_separator(at[-1])) && (!at[n] || is_separator(at[n])))
            return at;
        at++;
    }
    return NULL;
}

/* First bytes of a file: what the kernel would look at. */
static long file_head(const char *path, char *to, size_t room)
{
    struct stat st;
    long fd, got;
    if (system_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)&st, 0, 0, 0) || !S_ISREG(st.st_mode))
        return -1; /* opening anything else might wait, or do something */
    fd = system_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fd;
    got = system_read((int)fd, to, room);
    system_close((int)fd);
    return got;
}

/* False only when it is known that the loader would refuse the shim. */
static bool loads_shim(const char *program, int scripts_left)
{
    char head[256];
    const Elf64_Ehdr *e = (const void *)head;
    long got = file_head(program, head, sizeof head - 1);
    if (got <= 4)
        return true;
    head[got] = 0;
    if (head[0] == '#' && head[1] == '!' && scripts_left > 0) {
        char *at = head + 2, *end;
        at += strspn(at, " \t");
        end = at + strcspn(at, " \t\n");
        *end = 0;
        return loads_shim(at, scripts_left - 1);
    }
    if (memcmp(head, ELFMAG, SELFMAG) || got < (long)sizeof *e)
        return true;
#if defined(__x86_64__)
    return e->e_ident[EI_CLASS] == ELFCLASS64 && e->e_machine == EM_X86_64;
#else
    return e->e_ident[EI_CLASS] == ELFCLASS64 && e->e_machine == EM_AARCH64;
#endif
}

/* The file that a PATH search for `name` finds, into `to`; false: none. */
static bool path_search(const char *name, char *to, size_t room)
{
    const char *path = environment_get("PATH"), *end;
    size_t n = strlen(name);
    for (path = path ? path : "/bin:/usr/bin";; path = end + 1) {
        size_t dir;
        end = path + strcspn(path, ":");
        dir = (size_t)(end - path);
        if (dir + n + 2 <= room) {
            memcpy(to, path, dir);
            if (dir)
                to[dir++] = '/';
            memcpy(to + dir, name, n + 1);
            if (!system_access(to, X_OK))
                return true;
        }
        if (!*end)
            return false;
    }
}

static bool named(const char *program)
{
    const char *base = strrchr(program, '/'), *at = (const char *)wire_plan_of(&process.segment)->follow_names;
    base = base ? base + 1 : program;
    for (; *at; at += strlen(at) + 1)
        if (!strcmp(at, base))
            return true;
    return false;
}

static bool wanted(const char *program, bool searched)
{
    char found[1024];
    uint32_t follow = wire_plan_of(&process.segment)->follow;
    if (!program || follow == WIRE_FOLLOW_NONE || (follow == WIRE_FOLLOW_NAMES && !named(program)) ||
        system_access(shim_path(), R_OK))
        return false;
    if (searched && !strchr(program, '/')) {
        if (!path_search(program, found, sizeof found))
            return true;
        program = found;
    }
    return loads_shim(program, 1);
}

size_t environment_bytes(char *const *env)
{
    size_t n = 0, text = 0;
    for (; env && env[n]; n++)
        if (!strncmp(env[n], PRELOAD, sizeof PRELOAD - 1))
            text += strlen(env[n]);
    return (n + 4) * sizeof(char *) + text + sizeof PRELOAD + sizeof SESSION + sizeof process.segment_path +
           sizeof wire_plan_of(&process.segment)->preload_path;
}

/* LD_PRELOAD of `old` (its value or NULL) with or without the shim; *text is
 * moved on. NULL: the variable goes. */
static char *preload_entry(char **text, const char *old, bool with)
{
    char *entry = *text, *at = entry + sizeof PRELOAD - 1;
    const char *shim = shim_path(), *there = old ? list_find(old, shim) : NULL;
    memcpy(entry, PRELOAD, sizeof PRELOAD);
    if (with) {
        memcpy(at, shim, strlen(shim) + 1);
        at += strlen(at);
    }
    if (old && there) { /* the list without its item for the shim */
        size_t before = (size_t)(there - old), n = strlen(shim);
        const char *after = there + n;
        if (with && (before || *after))
            *at++ = ':';
        memcpy(at, old, before);
        at += before;
        if (*after && (before || with))
            after++;
        else if (*after)
            after++;
        memcpy(at, after, strlen(after) + 1);
        at += strlen(at);
        while (at > entry + sizeof PRELOAD - 1 && is_separator(at[-1]))
            *--at = 0;
    } else if (old && *old) {
        if (with)
            *at++ = ':';
        memcpy(at, old, strlen(old) + 1);
        at += strlen(at);
    }
    *text = at + 1;
    return entry[sizeof PRELOAD - 1] ? entry : NULL;
}

/* As this process was started with it, which is by another name perhaps. */
static bool inherited(const char *session)
{
    const char *ours = environment_get("OWNSCOPE_SESSION");
    return ours && !strcmp(ours, session);
}

char **environment_for(char *buffer, const char *program, bool searched, char *const *env)
{
    char **out = (char **)buffer, *text;
    const char *old = NULL, *session = NULL;
    bool with = wanted(program, searched), there;
    size_t n = 0, i, to = 0;

    for (; env && env[n]; n++) {
        if (!strncmp(env[n], PRELOAD, sizeof PRELOAD - 1))
            old = env[n] + sizeof PRELOAD - 1;
        else if (!strncmp(env[n], SESSION, sizeof SESSION - 1))
            session = env[n] + sizeof SESSION - 1;
    }
    there = old && list_find(old, shim_path());
    if (session && there && strcmp(session, process.segment_path) && !inherited(session))
        return (char **)env; /* another collector's program: an `ownscope run` in a traced program starts its own */
    if (with ? there && session && !strcmp(session, process.segment_path) : !there && !session)
        return (char **)env;
    text = buffer + (n + 4) * sizeof(char *);
    for (i = 0; i < n; i++)
        if (strncmp(env[i], PRELOAD, sizeof PRELOAD - 1) && strncmp(env[i], SESSION, sizeof SESSION - 1))
            out[to++] = env[i];
    out[to] = preload_entry(&text, old, with);
    if (out[to])
        to++;
    if (with) {
        out[to++] = text;
        memcpy(text, SESSION, sizeof SESSION);
        strcat(text, process.segment_path);
    }
    out[to] = NULL;
    return out;
}
