/*
 * collector/symbols/seek_name.c - what people call a function, against what it is called
 * (symbols_name_matches). Names are hostile input: everything here goes over them once.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "symbols/seek.h"

static const char OPERATOR[] = "operator";

/* Where an operator's own characters (of "operator()", "operator<<") end, 0: there is none here. */
static size_t operator_ends(const char *name, size_t at)
{
    size_t n = sizeof OPERATOR - 1;
    if (strncmp(name + at, OPERATOR, n) || (at && name[at - 1] != ':' && name[at - 1] != ' '))
        return 0;
    at += n;
    if (!strncmp(name + at, "()", 2))
        return at + 2;
    size_t end = at + strspn(name + at, "<>=-+*/%^&|~!,[]");
    return end > at ? end : 0;
}

/* A name in the making: what is left of it, and where in that its parts are. */
struct short_name {
    char *text;
    size_t n, cut, start;   /* its arguments begin at `cut`, SIZE_MAX: none; what stands before `start` is what it returns */
    size_t round, angles;   /* open ( and < */
};

static void take(struct short_name *s, const char *from, size_t n)
{
    memcpy(s->text + s->n, from, n);
    s->n += n;
}

static void take_one(struct short_name *s, const char *at)
{
    bool outside = !s->round && !s->angles;
    if (*at == '(' && !s->round++ && !s->angles)
        s->cut = s->n;
    else if (*at == ')' && s->round)
        s->round--;
    else if (outside && *at == ':')
        s->cut = SIZE_MAX;
    take(s, at, 1);
    if (outside && *at == ' ' && s->cut == SIZE_MAX)
        s->start = s->n;
}

/* Without its arguments, and what it returns told apart; without what stands in <> too. "(anonymous namespace)::f" and
 * "f(int)::{lambda()#1}::operator()" keep their first (). */
static struct short_name shorten(const char *name, bool templates)
{
    struct short_name s = { .text = xmalloc(strlen(name) + 1), .cut = SIZE_MAX };
    for (size_t i = 0; name[i]; i++) {
        size_t end = s.round || s.angles ? 0 : operator_ends(name, i);
        if (end) {
            take(&s, name + i, end - i);
            i = end - 1;
            continue;
        }
        s.angles += name[i] == '<';
        if (!s.angles || templates)
            take_one(&s, name + i);
        if (name[i] == '>' && s.angles && name[i - 1] != '-')
            s.angles--;
    }
    s.text[s.cut != SIZE_MAX && s.cut ? s.cut : s.n] = 0;
    if (s.start > strlen(s.text))
        s.start = 0;
    return s;
}

/* "f.part.0", "f.cold", "memcpy@@GLIBC_2.14", "f() [clone .cold]". */
static char *without_suffix(const char *name)
{
    const char *clone = strstr(name, " [clone ");
    if (clone)
        return xstrndup(name, (size_t)(clone - name));
    size_t n = name[0] ? 1 + strcspn(name + 1, ".@") : 0;
    return strpbrk(name, " (<:") ? xstrdup(name) : xstrndup(name, n);
}

static bool matches(const char *pattern, const char *name) { return !fnmatch(pattern, name, 0); }

static bool matches_plain(const char *pattern, const char *name)
{
    char *bare = without_suffix(name);
    bool yes = matches(pattern, bare);
    for (int templates = 0; templates < 2 && !yes && strpbrk(bare, "(<"); templates++) {
        struct short_name s = shorten(bare, templates);
        yes = matches(pattern, s.text) || (s.start && matches(pattern, s.text + s.start));
        free(s.text);
    }
    free(bare);
    return yes;
}

bool symbols_name_matches(const char *pattern, const char *function, const char *linkage)
{
    if (matches(pattern, function) || matches_plain(pattern, function))
        return true;
    if (!linkage || !strcmp(linkage, function))
        return false;
    char *bare = without_suffix(linkage);
    bool yes = matches(pattern, linkage) || matches(pattern, bare);
    free(bare);
    return yes;
}
