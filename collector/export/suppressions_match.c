/*
 * collector/export/suppressions_match.c - findings against suppressions.
 *
 * A block describes a stack from the inside out and says nothing of what lies
 * beyond its last line. It is held against the stacks of the acts that break
 * the rule; further sections of ours (`stack:made`) each need a stack of their
 * own. Other tools show the function that was called (free, memcpy) as the
 * innermost frame, and we do not: one such frame may stand before ours.
 */
#include <string.h>

#include "export/suppressions_rule.h"

/* ---- patterns ------------------------------------------------------------- */

/* `*` any bytes, `?` one. Time is the product of the lengths at worst. */
static bool glob(const char *pattern, size_t bytes, const char *text)
{
    const char *p = pattern, *end = pattern + bytes, *star = NULL, *resume = NULL;
    while (*text) {
        if (p < end && *p == '*') {
            star = ++p;
            resume = text;
        } else if (p < end && (*p == '?' || *p == *text)) {
            p++;
            text++;
        } else if (star) {
            p = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (p < end && *p == '*')
        p++;
    return p == end;
}

static bool glob_text(const char *pattern, const char *text) { return text && glob(pattern, strlen(pattern), text); }

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A name, with the pattern's symbol version ("memcpy@@GLIBC_2.14") or without. */
static bool function_is(const struct suppression_line *l, const char *name)
{
    return name && (glob(l->text, l->bytes, name) || (l->bare && glob(l->text, l->bare, name)));
}

/* The last part of a qualified name, without its parameters; *n bytes of it. Of
 * operators 0: their names hold all that a name is told apart by. */
static const char *last_part(const char *name, size_t *n)
{
    const char *part = name, *p = name;
    for (int depth = 0; *p && !(*p == '(' && !depth && strncmp(p, "(anonymous namespace)", 21) != 0); p++) {
        if (p == part && !strncmp(p, "operator", 8))
            break;
        depth += (*p == '<' || *p == '(') - (*p == '>' || *p == ')');
        if (!depth && *p == ':' && p[1] == ':')
            part = ++p + 1;
        else if (!depth && *p == ' ')
            part = p + 1;
    }
    *n = strncmp(part, "operator", 8) != 0 ? (size_t)(p - part) : 0;
    return part;
}

/* Valgrind knows inlined functions by that alone. */
static bool inlined_is(const struct suppression_line *l, const struct frame_place *p)
{
    char name[256];
    size_t n;
    const char *part = p->inlined && p->function ? last_part(p->function, &n) : NULL;
    if (!part || !n || n >= sizeof name)
        return false;
    memcpy(name, part, n);
    name[n] = 0;
    return function_is(l, name);
}

static bool place_function_is(const struct suppression_line *l, const struct frame_place *p)
{
    if (function_is(l, p->function ? p->function : "???") || (p->linkage != p->function && function_is(l, p->linkage)))
        return true;
    if (inlined_is(l, p))
        return true;
    if (!p->outer)
        return false;
    if (!strcmp(l->text, "(below main)"))
        return true;
    /* which of them starts a thread is the libc's and the tool's affair */
    return p->function && (!strcmp(p->function, "clone3") || !strcmp(p->function, "__clone3")) && function_is(l, "clone");
}

static bool line_is(const struct suppression_line *l, const struct frame_place *p)
{
    switch (l->kind) {
    case LINE_FUNCTION: return place_function_is(l, p);
    case LINE_MODULE: return glob(l->text, l->bytes, p->module ? p->module : "???");
    case LINE_SOURCE:
        return p->file && (!l->number || l->number == p->line) && (glob(l->text, l->bytes, p->file) || glob(l->text, l->bytes, base_name(p->file)));
    default: return true;
    }
}

/* ---- stacks --------------------------------------------------------------- */

bool suppression_is_act(unsigned rule, unsigned role)
{
    switch (rule) {
    case RULE_LEAK: return role == EVIDENCE_MADE;
    case RULE_LOCK_ORDER: return role == EVIDENCE_TAKEN;
    case RULE_DEADLOCK: return role == EVIDENCE_WAITED;
    case RULE_UNORDERED_BORROW: return role == EVIDENCE_USED || role == EVIDENCE_OTHER || role == EVIDENCE_DROPPED;
    default: return role == EVIDENCE_USED;
    }
}

/* True when stack `i` may stand for `role`: which of two unordered uses came
 * first is chance. Where no act has a stack, the first one that is there does. */
static bool stack_plays(const struct suppression_subject *f, size_t i, unsigned role)
{
    return f->stacks[i].role == role ||
           (f->rule == RULE_UNORDERED_BORROW && suppression_is_act(f->rule, role) && suppression_is_act(f->rule, f->stacks[i].role));
}

static bool stack_is_act(const struct suppression_subject *f, size_t at)
{
    size_t first = f->n;
    if (suppression_is_act(f->rule, f->stacks[at].role))
        return true;
    for (size_t i = f->n; i--;) {
        if (suppression_is_act(f->rule, f->stacks[i].role) && f->stacks[i].n)
            return false;
        if (f->stacks[i].n)
            first = i;
    }
    return at == first;
}

/* A pattern for the frame that is not among ours, the function called. */
static bool called_is(const struct suppression_line *l, const struct suppression_subject *f, unsigned role)
{
    size_t n;
    const char *const *names = suppression_called(f, role, &n);
    if (l->kind != LINE_FUNCTION)
        return l->kind == LINE_ANY;
    for (size_t i = 0; i < n; i++)
        if (function_is(l, names[i]))
            return true;
    return false;
}

/* lines[0 .. n) against the frames from the innermost on; `called`: with the
 * frame of the function called before them. A "..." lets go as few as it can. */
static bool lines_match(const struct suppression_line *lines, size_t n, const struct suppression_subject *f,
                        const struct suppression_stack *stack, bool called)
{
    size_t at = 0, frame = 0, all = stack->n + called, any = n, resume = 0;
    while (at < n) {
        if (lines[at].kind == LINE_ANY) {
            any = ++at;
            resume = frame;
        } else if (frame < all && (called && !frame ? called_is(&lines[at], f, stack->role)
                                                    : line_is(&lines[at], &stack->places[frame - called]))) {
            at++;
            frame++;
        } else if (any < n && frame < all) {
            at = any;
            frame = ++resume;
        } else {
            return false;
        }
    }
    return true;
}

static bool section_matches(const struct suppressions *s, const struct suppression_section *section,
                            const struct suppression_subject *f, const struct suppression_stack *stack)
{
    const struct suppression_line *lines = s->lines + section->first;
    return stack->n && section->n &&
           (lines_match(lines, section->n, f, stack, false) || lines_match(lines, section->n, f, stack, true));
}

/* ---- blocks --------------------------------------------------------------- */

/* Finds stacks for sections, one each: a matching of two sides by augmenting. */
enum { STACKS_MAX = 64 };
struct pairing {
    const struct suppressions *s;
    const struct suppression *by;
    const struct suppression_subject *f;
    size_t section_of[STACKS_MAX];      /* 1 + section that has the stack */
};

static bool pair_fits(const struct pairing *p, size_t section, size_t stack)
{
    const struct suppression_section *wanted = &p->s->sections[p->by->first + section];
    bool role = section ? stack_plays(p->f, stack, wanted->role) : stack_is_act(p->f, stack);
    return role && section_matches(p->s, wanted, p->f, &p->f->stacks[stack]);
}

static bool pair_find(struct pairing *p, size_t section, uint64_t *tried)
{
    for (size_t i = 0; i < p->f->n && i < STACKS_MAX; i++) {
        if (*tried & (uint64_t)1 << i || !pair_fits(p, section, i))
            continue;
        *tried |= (uint64_t)1 << i;
        if (!p->section_of[i] || pair_find(p, p->section_of[i] - 1, tried)) {
            p->section_of[i] = section + 1;
            return true;
        }
    }
    return false;
}

static bool block_matches(const struct suppressions *s, const struct suppression *by, const struct suppression_subject *f)
{
    struct pairing p = { .s = s, .by = by, .f = f };
    for (size_t i = 0; i < by->n; i++) {
        uint64_t tried = 0;
        if (!pair_find(&p, i, &tried))
            return false;
    }
    return by->n > 0;
}

/* ---- lines ---------------------------------------------------------------- */

static bool place_has(const char *pattern, enum suppression_reach reach, const struct frame_place *p)
{
    bool function = reach != REACH_MODULES && reach != REACH_CALLER;
    bool module = reach != REACH_FUNCTIONS, file = reach == REACH_FRAMES || reach == REACH_TOP;
    return (function && (glob_text(pattern, p->function) || glob_text(pattern, p->linkage))) || (module && glob_text(pattern, p->module)) ||
           (file && glob_text(pattern, p->file));
}

static bool called_has(const char *pattern, const struct suppression_subject *f, unsigned role)
{
    size_t n;
    const char *const *names = suppression_called(f, role, &n);
    for (size_t i = 0; i < n; i++)
        if (glob_text(pattern, names[i]))
            return true;
    return false;
}

static bool line_matches(const struct suppression *by, const struct suppression_subject *f)
{
    bool innermost = by->reach == REACH_TOP || by->reach == REACH_CALLER;
    for (size_t i = 0; i < f->n; i++) {
        const struct suppression_stack *stack = &f->stacks[i];
        if (!stack_is_act(f, i))
            continue;
        if (by->reach == REACH_CALLED) {
            if (called_has(by->pattern, f, stack->role))
                return true;
            continue;
        }
        for (size_t k = 0; k < (innermost && stack->n ? 1 : stack->n); k++)
            if (place_has(by->pattern, by->reach, &stack->places[k]))
                return true;
    }
    return false;
}

/* ---- the set -------------------------------------------------------------- */

static bool leak_kind_is(const struct suppression *by, const struct suppression_subject *f)
{
    return f->rule != RULE_LEAK || (f->leak_kind ? by->leak_kinds & f->leak_kind : by->leak_kinds == LEAK_KINDS_ALL);
}

uint32_t suppressions_match(const struct suppressions *s, const struct suppression_subject *f)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct suppression *by = &s->list[i];
        if (suppression_scope_has(&by->scope, f) && leak_kind_is(by, f) &&
            (by->reach == REACH_BLOCK ? block_matches(s, by, f) : line_matches(by, f)))
            return (uint32_t)i + 1;
    }
    return 0;
}
