/*
 * collector/export/plumbing.c - judged by name (plumbing.h). A wrong guess
 * hides nothing: tables name the skipped function too, documents keep whole
 * stacks.
 */
#include "export/plumbing.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* The qualified name inside a demangled signature: no return type, no
 * parameters. `*n` bytes from the returned pointer. */
static const char *qualified_name(const char *s, size_t *n)
{
    const char *start = s, *p = s;
    int angle = 0;
    for (; *p; p++) {
        if (!strncmp(p, "operator", 8)) {
            p += 8;
            while (*p && *p != '(')
                p++;
            break;
        }
        if (!strncmp(p, "(anonymous namespace)", 21)) {
            p += 20;
            continue;
        }
        if (*p == '<')
            angle++;
        else if (*p == '>' && angle)
            angle--;
        else if (*p == '(' && !angle)
            break;
        else if (*p == ' ' && !angle)
            start = p + 1;
    }
    *n = (size_t)(p - start);
    return start;
}

/* The last part of a qualified name, in small letters, without template arguments. */
static void last_part(const char *name, size_t n, char *part, size_t part_bytes)
{
    size_t from = 0;
    int angle = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        if (name[i] == '<')
            angle++;
        else if (name[i] == '>' && angle)
            angle--;
        else if (name[i] == ':' && name[i + 1] == ':' && !angle)
            from = i + 2;
    }
    size_t used = 0;
    for (size_t i = from; i < n && name[i] != '<' && used + 1 < part_bytes; i++)
        part[used++] = (char)tolower((unsigned char)name[i]);
    part[used] = 0;
}

static bool has_prefix(const char *s, size_t n, const char *prefix)
{
    size_t m = strlen(prefix);
    return n >= m && !memcmp(s, prefix, m);
}

static bool has_suffix(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && !strcmp(s + n - m, suffix);
}

static bool is_cxx_library(const char *module)
{
    const char *slash = module ? strrchr(module, '/') : NULL, *base = slash ? slash + 1 : module;
    return base && (!strncmp(base, "libstdc++.so", 12) || !strncmp(base, "libc++.so", 9));
}

bool plumbing_cxx(const char *function, const char *module)
{
    if (!function || !*function)
        return is_cxx_library(module);
    size_t n;
    const char *name = qualified_name(function, &n);
    return has_prefix(name, n, "std::") || has_prefix(name, n, "__gnu_cxx::") || has_prefix(name, n, "operator new") ||
           has_prefix(name, n, "__gthread_") || has_prefix(name, n, "__glibcxx_");
}

bool plumbing_inner(const char *function, const char *module)
{
    static const char *const inside[] = { "malloc", "calloc", "realloc", "memalign", "strdup", "strndup" };
    static const char *const endings[] = { "alloc", "alloc0", "alloc_n", "allocate", "allocarray" };
    if (plumbing_cxx(function, module))
        return true;
    if (!function || !*function)
        return false;
    size_t n;
    const char *name = qualified_name(function, &n);
    char part[128];
    last_part(name, n, part, sizeof part);
    if (strstr(part, "dealloc") || strstr(part, "free"))
        return false;
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (strstr(part, inside[i]))
            return true;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (has_suffix(part, endings[i]))
            return true;
    return false;
}

bool plumbing_outer(const char *function)
{
    static const char *const names[] = {
        "_start", "__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main",
        "__libc_start_main_alias_2", "start_thread", "clone", "clone3", "__clone", "__clone3",
        "_dl_start_user", "_dl_init", "call_init" };
    for (size_t i = 0; function && i < sizeof names / sizeof *names; i++)
        if (!strcmp(function, names[i]))
            return true;
    return function && !strncmp(function, "__libc_start_main@", 18);
}

bool plumbing_is_main(const char *function)
{
    return function && (!strcmp(function, "main") || !strncmp(function, "main(", 5));
}
