/*
 * collector/symbols/names.c - see names.h.
 *
 * libiberty prints piecewise into a callback here; the callback leaves by
 * longjmp once the text is too long. That is safe because the callback forms
 * of its demanglers allocate on the stack only.
 */
#include "symbols/names.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "event/xalloc.h"

enum {
    MANGLED_MAX = 8192,     /* bounds the parser's recursion */
    PLAIN_MAX = 65536,      /* bounds the printer's output */
    RECURSION_SAFE = 1024   /* libiberty refuses longer names unless told otherwise */
};

enum kind { KIND_FUNCTION, KIND_PLT, KIND_PATH };

struct name {
    char *linkage;          /* NULL: a free slot */
    enum kind kind;
    char *plain;
    uint64_t hash;
};

struct names {
    struct name *at;        /* open addressing, `slots` a power of two */
    size_t slots, used;
    char text[PLAIN_MAX + 1];
    size_t text_bytes;
    jmp_buf too_long;
};

struct names *names_new(void)
{
    struct names *n = xcalloc(1, sizeof *n);
    n->slots = 256;
    n->at = xcalloc(n->slots, sizeof *n->at);
    return n;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->slots; i++) {
        free(n->at[i].linkage);
        free(n->at[i].plain);
    }
    free(n->at);
    free(n);
}

bool names_mangled(const char *linkage)
{
    return linkage[0] == '_' && (linkage[1] == 'Z' || linkage[1] == 'R' ||
                                 !strncmp(linkage, "_GLOBAL_", 8) || !strncmp(linkage, "__Z", 3));
}

static void append(const char *piece, size_t bytes, void *opaque)
{
    struct names *n = opaque;
    if (bytes > PLAIN_MAX - n->text_bytes)
        longjmp(n->too_long, 1);
    memcpy(n->text + n->text_bytes, piece, bytes);
    n->text_bytes += bytes;
}

/* True: n->text holds what `linkage` means. */
static bool demangle(struct names *n, const char *linkage, int options)
{
    if (setjmp(n->too_long))
        return false;
    n->text_bytes = 0;
    if (!rust_demangle_callback(linkage, options, append, n)) {
        n->text_bytes = 0;
        if (!cplus_demangle_v3_callback(linkage, options, append, n))
            return false;
    }
    n->text[n->text_bytes] = 0;
    return n->text_bytes > 0;
}

static int demangle_options(size_t bytes)
{
    return DMGL_PARAMS | DMGL_ANSI | (bytes > RECURSION_SAFE ? DMGL_NO_RECURSE_LIMIT : 0);
}

static void grow(struct names *n)
{
    size_t slots = n->slots * 2;
    struct name *at = xcalloc(slots, sizeof *at);
    for (size_t i = 0; i < n->slots; i++) {
        if (!n->at[i].linkage)
            continue;
        size_t j = n->at[i].hash & (slots - 1);
        while (at[j].linkage)
            j = (j + 1) & (slots - 1);
        at[j] = n->at[i];
    }
    free(n->at);
    n->at = at;
    n->slots = slots;
}

/* The entry of a name, made with plain == NULL if it is new. */
static struct name *entry(struct names *n, enum kind kind, const char *linkage)
{
    if (n->used * 2 >= n->slots)
        grow(n);
    uint64_t hash = XXH3_64bits_withSeed(linkage, strlen(linkage), kind);
    size_t i = hash & (n->slots - 1);
    for (; n->at[i].linkage; i = (i + 1) & (n->slots - 1))
        if (n->at[i].hash == hash && n->at[i].kind == kind && !strcmp(n->at[i].linkage, linkage))
            return &n->at[i];
    n->at[i] = (struct name){ .linkage = xstrdup(linkage), .kind = kind, .hash = hash };
    n->used++;
    return &n->at[i];
}

const char *names_demangle(struct names *n, const char *linkage)
{
    struct name *e = entry(n, KIND_FUNCTION, linkage);
    if (e->plain)
        return e->plain;
    const char *version = strchr(linkage, '@');
    size_t bytes = version && version != linkage ? (size_t)(version - linkage) : strlen(linkage);
    e->plain = xstrndup(linkage, bytes);
    if (names_mangled(linkage) && bytes <= MANGLED_MAX &&
        demangle(n, e->plain, demangle_options(bytes))) {
        free(e->plain);
        e->plain = xstrndup(n->text, n->text_bytes);
    }
    return e->plain;
}

const char *names_plt(struct names *n, const char *linkage)
{
    const char *plain = names_demangle(n, linkage);
    struct name *e = entry(n, KIND_PLT, linkage);
    if (!e->plain)
        e->plain = xasprintf("%s@plt", plain);
    return e->plain;
}

const char *names_path(struct names *n, const char *dir, const char *file)
{
    if (file[0] == '/' || !dir || !dir[0])
        return file;
    /* libdw has put a relative directory in front of some paths already. */
    size_t bytes = strlen(dir);
    if (!strncmp(file, dir, bytes) && (dir[bytes - 1] == '/' || file[bytes] == '/'))
        return file;
    char *path = xasprintf("%s/%s", dir, file);
    struct name *e = entry(n, KIND_PATH, path);
    free(path);
    return e->linkage;
}
