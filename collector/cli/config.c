/*
 * collector/cli/config.c - reads the configuration file: sections, entries,
 * comments, quoted values. What stands there is input: any byte may come.
 */
#include "cli/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"

enum { CONFIG_BYTES_MAX = 1 << 20 };

static int is_blank(int c) { return c == ' ' || c == '\t' || c == '\r'; }

static int is_name(int c) { return isalnum((unsigned char)c) || c == '-' || c == '_'; }

/* True when only blanks and a comment follow. */
static int is_rest(const char *p)
{
    while (is_blank(*p))
        p++;
    return !*p || *p == '#' || *p == ';';
}

/* Unquotes a value in place; 0 or -EINVAL. Blanks at its end go, unless quoted. */
static int value_unquote(char *value)
{
    char *to = value, *keep = value;
    int quoted = 0;
    for (const char *p = value; *p; p++) {
        if (*p == '"') {
            quoted = !quoted;
            keep = to;
        } else if (*p == '\\') {
            static const char from[] = "\"\\nt", into[] = "\"\\\n\t";
            const char *at = p[1] ? strchr(from, p[1]) : NULL;
            if (!at)
                return -EINVAL;
            *to++ = into[at - from];
            keep = to;
            p++;
        } else if (!quoted && (*p == '#' || *p == ';')) {
            break;
        } else {
            *to++ = *p;
            if (quoted || !is_blank(*p))
                keep = to;
        }
    }
    *keep = 0;
    return quoted ? -EINVAL : 0;
}

/* "[name]" into section; 0 or -EINVAL. */
static int section_read(const char *p, char *section, size_t max)
{
    size_t n = strcspn(p + 1, "]");
    if (p[1 + n] != ']' || n == 0 || n >= max || !is_rest(p + n + 2))
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        if (!is_name(p[1 + i]))
            return -EINVAL;
    memcpy(section, p + 1, n);
    section[n] = 0;
    return 0;
}

static int entry_read(char *p, const char *section, config_entry fn, void *context)
{
    char *name = p;
    while (is_name(*p))
        p++;
    if (p == name)
        return -EINVAL;
    char *end = p;
    if (is_rest(p)) {
        *end = 0;
        return fn(context, section, name, NULL);
    }
    while (is_blank(*p))
        p++;
    if (*p != '=')
        return -EINVAL;
    for (p++; is_blank(*p); p++)
        ;
    *end = 0;
    return value_unquote(p) ? -EINVAL : fn(context, section, name, p);
}

int config_parse(const char *text, size_t bytes, config_entry fn, void *context, unsigned *line)
{
    char section[64] = "";
    char *copy = xstrndup(text, bytes), *next = copy;
    int error = strlen(copy) == bytes ? 0 : -EINVAL;
    for (*line = 0; !error && next;) {
        char *p = next;
        next = strchr(p, '\n');
        if (next)
            *next++ = 0;
        ++*line;
        while (is_blank(*p))
            p++;
        if (*p == '[')
            error = section_read(p, section, sizeof section);
        else if (!is_rest(p))
            error = entry_read(p, section, fn, context);
    }
    free(copy);
    return error;
}

char *config_path(void)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (base && *base == '/')
        return xasprintf("%s/ownscope/config", base);
    if (home && *home == '/')
        return xasprintf("%s/.config/ownscope/config", home);
    return NULL;
}

int config_read(const char *path, char **text, size_t *bytes)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &st) ? -errno : !S_ISREG(st.st_mode) ? -EINVAL : st.st_size > CONFIG_BYTES_MAX ? -EFBIG : 0;
    char *buffer = xmalloc(CONFIG_BYTES_MAX);
    size_t n = 0;
    while (!error && n < CONFIG_BYTES_MAX) {
        ssize_t got = read(fd, buffer + n, CONFIG_BYTES_MAX - n);
        if (got < 0 && errno != EINTR)
            error = -errno;
        if (got == 0)
            break;
        n += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (error) {
        free(buffer);
        return error;
    }
    *text = buffer;
    *bytes = n;
    return 0;
}
