/*
 * collector/export/event_filter.c - see event_filter.h. What is cheap is asked
 * first; a stack is held against the expression once.
 */
#include "export/event_filter.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"
#include "event/xalloc.h"

/* ---- words ---- */

int event_addresses_parse(const char *text, uint64_t *low, uint64_t *high)
{
    int error = parse_addresses(text, low, high);
    if (!error && !strstr(text, "..") && *high < UINT64_MAX)
        ++*high;
    return error;
}

int event_site_check(const char *regex, char **error)
{
    regex_t compiled;
    char text[200];
    *error = NULL;
    int failed = regcomp(&compiled, regex, REG_EXTENDED | REG_NOSUB);
    if (failed) {
        regerror(failed, &compiled, text, sizeof text);
        *error = xstrdup(text);
        return -EINVAL;
    }
    regfree(&compiled);
    return 0;
}

/* ---- one fact after the other ---- */

enum { SITE_UNKNOWN, SITE_NO, SITE_YES };

struct event_filter {
    const struct doc_events_options *o;
    struct frames *frames;
    regex_t site;
    uint8_t *matches;       /* by stack: enum above */
    size_t matches_count;
};

struct event_filter *event_filter_new(const struct doc_events_options *o, struct frames *frames)
{
    struct event_filter *f = xcalloc(1, sizeof *f);
    f->o = o;
    f->frames = frames;
    if (o->site)
        regcomp(&f->site, o->site, REG_EXTENDED | REG_NOSUB);
    return f;
}

void event_filter_free(struct event_filter *f)
{
    if (!f)
        return;
    if (f->o->site)
        regfree(&f->site);
    free(f->matches);
    free(f);
}

static bool matches(const struct event_filter *f, const char *text)
{
    return text && !regexec(&f->site, text, 0, NULL, 0);
}

/* Some frame's function, file or module matches. */
static bool stack_matches(struct event_filter *f, uint32_t stack)
{
    const struct frame_place *places;
    size_t n = frames_places(f->frames, stack, 0, &places);
    for (size_t i = 0; i < n; i++)
        if (matches(f, places[i].function) || matches(f, places[i].file) || matches(f, places[i].module))
            return true;
    return false;
}

static bool site_wanted(struct event_filter *f, uint32_t stack)
{
    if (!stack)
        return false;
    if (stack >= f->matches_count) {
        size_t n = 2 * (size_t)stack + 64;
        f->matches = xrealloc(f->matches, n);
        memset(f->matches + f->matches_count, SITE_UNKNOWN, n - f->matches_count);
        f->matches_count = n;
    }
    if (f->matches[stack] == SITE_UNKNOWN)
        f->matches[stack] = stack_matches(f, stack) ? SITE_YES : SITE_NO;
    return f->matches[stack] == SITE_YES;
}

static bool has_bytes(const struct fact *f)
{
    return f->type == FACT_NEW || f->type == FACT_DROP || f->type == FACT_MOVE || f->type == FACT_BORROW || f->type == FACT_BORROW_END;
}

static bool size_wanted(const struct doc_events_options *o, const struct fact *f)
{
    return has_bytes(f) && f->size >= o->low_bytes && f->size <= o->high_bytes;
}

static bool overlaps(const struct doc_events_options *o, uint64_t address, uint64_t bytes)
{
    return address && address < o->high_address && (address >= o->low_address || o->low_address - address < bytes);
}

static bool address_wanted(const struct doc_events_options *o, const struct fact *f)
{
    if (f->lock)
        return overlaps(o, f->address, 1);
    return has_bytes(f) && (overlaps(o, f->address, f->size ? f->size : 1) || overlaps(o, f->old_address, f->old_size ? f->old_size : 1));
}

/* ---- one fact ---- */

bool event_filter_wants(struct event_filter *f, const struct fact *fact, uint32_t *stack)
{
    const struct doc_events_options *o = f->o;
    if ((o->types && !(o->types & 1u << fact->type)) || (o->thread && o->thread != fact->thread) ||
        (o->process && o->process != fact->process) || fact->event < o->first_event ||
        (o->last_event && fact->event > o->last_event))
        return false;
    if ((o->sizes && !size_wanted(o, fact)) || (o->addresses && !address_wanted(o, fact)))
        return false;
    *stack = frames_code_stack(f->frames, fact->stack);
    return !o->site || site_wanted(f, *stack);
}
