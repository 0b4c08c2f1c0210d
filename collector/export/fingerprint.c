/*
 * collector/export/fingerprint.c - see fingerprint.h.
 */
#include "export/fingerprint.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "export/plumbing.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Length of a name without what a compiler's passes hung on it. */
static size_t name_bytes(const char *function)
{
    static const char *const added[] = { " [clone", ".constprop.", ".isra.", ".part.", ".cold", ".lto_priv." };
    size_t n = strlen(function);
    for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
        const char *at = strstr(function, added[i]);
        if (at && at != function && (size_t)(at - function) < n)
            n = (size_t)(at - function);
    }
    return n;
}

/* Start code of a libc without symbols: what is beyond a thread's routine there has no name. */
static bool nameless_libc(const struct frame_place *p)
{
    const char *base = p->module ? base_name(p->module) : "";
    return !p->function && (!strncmp(base, "libc.so", 7) || !strncmp(base, "libc-", 5) || !strncmp(base, "ld-", 3));
}

uint64_t fingerprint_stack(struct frames *f, uint32_t view_stack, const char *word)
{
    return fingerprint_own(f, frames_view_stack(f, view_stack), word);
}

uint64_t fingerprint_own(struct frames *f, uint32_t stack, const char *word)
{
    const struct frame_place *places, *last = NULL;
    uint64_t hash = XXH3_64bits(word, strlen(word));
    size_t n = frames_places(f, stack, 0, &places);
    while (n && nameless_libc(&places[n - 1]))
        n--;
    for (size_t i = 0; i < n; i++) {
        const struct frame_place *p = &places[i];
        if (p->outer || p->truncated)
            break;
        if (p->plumbing && plumbing_cxx(p->function, p->module))
            continue;
        const char *module = p->module ? base_name(p->module) : "", *function = p->function ? p->function : "";
        size_t bytes = name_bytes(function);
        /* a function split in two, or inlined into itself, counts once */
        if (last && last->function && p->function && name_bytes(last->function) == bytes && !memcmp(last->function, function, bytes))
            continue;
        last = p;
        hash = XXH3_64bits_withSeed(module, strlen(module), hash);
        hash = XXH3_64bits_withSeed(function, bytes, hash);
        if (plumbing_is_main(p->function))
            break;
    }
    return hash;
}

static int hash_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Which of two unordered uses was seen first is chance. */
static const char *word_of(const struct view_finding *finding, const struct view_evidence *e)
{
    unsigned role = e->role < EVIDENCES ? e->role : EVIDENCE_USED;
    return evidence_names[finding->rule == RULE_UNORDERED_BORROW && role == EVIDENCE_OTHER ? EVIDENCE_USED : role];
}

uint64_t fingerprint_finding(const struct view *v, struct frames *f, const struct view_finding *finding)
{
    enum { MOST = 256 };
    uint64_t hashes[MOST];
    const char *rule = finding->rule < RULES ? rule_names[finding->rule] : "";
    size_t n = 0;
    for (uint32_t i = 0; i < finding->n && n < MOST && (size_t)finding->first + i < v->n_evidence; i++) {
        const struct view_evidence *e = &v->evidence[finding->first + i];
        hashes[n++] = fingerprint_stack(f, e->stack, word_of(finding, e));
    }
    qsort(hashes, n, sizeof *hashes, hash_compare);
    return XXH3_64bits_withSeed(hashes, n * sizeof *hashes, XXH3_64bits(rule, strlen(rule)));
}
