/*
 * collector/session/rules.c - see rules.h: rules read (rules_text.c prints them). Any thread.
 *
 * Words stand between blanks. In '…' and "…", which may begin anywhere in a value, blanks, commas and # are
 * themselves, so that every function's name can be said.
 */
#include "session/rules_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/units.h"
#include "event/xalloc.h"

enum { TEXT_MAX = 8192, PATTERN_MAX = 1024, PATTERNS_MAX = 64 };
enum { MEMORY = WIRE_RULE_HEAP | WIRE_RULE_MAP };
#define LIMIT_MAX 1e15
#define RATE_LEAST 0.001
#define RATE_MAX 1e9

static int wrong(char **error, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int wrong(char **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vasprintf(error, format, args) < 0)
        abort();
    va_end(args);
    return -EINVAL;
}

/* ---- words ---- */

/* One line of plain UTF-8: it is printed on terminals and in documents. */
static bool text_plain(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        unsigned more = *p < 0x80 ? 0 : *p >= 0xc2 && *p < 0xe0 ? 1 : *p >= 0xe0 && *p < 0xf0 ? 2 : *p >= 0xf0 && *p < 0xf5 ? 3 : 4;
        if ((*p < ' ' && *p != '\t') || *p == 0x7f || more == 4)
            return false;
        if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
            return false;
        for (p++; more; more--, p++)
            if ((*p & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* Up to a blank outside quotes; *end behind the word. False: a quote is open. */
static bool word_end(const char *p, const char **end)
{
    char quote = 0;
    for (; *p && (quote || (*p != ' ' && *p != '\t')); p++)
        if (quote ? *p == quote : *p == '\'' || *p == '"')
            quote = quote ? 0 : *p;
    *end = p;
    return !quote;
}

static void words_add(struct rule_words *w, const char *text)
{
    w->list = xrealloc(w->list, (w->n + 1) * sizeof *w->list);
    w->list[w->n++] = xstrdup(text);
}

static void words_clear(struct rule_words *w)
{
    while (w->n)
        free(w->list[--w->n]);
    free(w->list);
    w->list = NULL;
}

static void words_copy(struct rule_words *to, const struct rule_words *from)
{
    *to = (struct rule_words){0};
    for (size_t i = 0; i < from->n; i++)
        words_add(to, from->list[i]);
}

/* A value's parts between commas, without their quotes. */
static int words_read(struct rule_words *w, const char *key, const char *value, char **error)
{
    char part[PATTERN_MAX + 1], quote = 0;
    size_t n = 0;
    for (const char *p = value;; p++) {
        if (*p && (quote ? *p == quote : *p == '\'' || *p == '"')) {
            quote = quote ? 0 : *p;
        } else if (*p && (quote || *p != ',')) {
            if (n == PATTERN_MAX)
                return wrong(error, "%s: a name has at most %d bytes", key, PATTERN_MAX);
            part[n++] = *p;
        } else {
            part[n] = 0;
            if (!n)
                return wrong(error, "%s=%s: a name is empty", key, value);
            if (w->n == PATTERNS_MAX)
                return wrong(error, "%s: at most %d names in a rule", key, PATTERNS_MAX);
            words_add(w, part);
            n = 0;
            if (!*p)
                return 0;
        }
    }
}

/* ---- keys ---- */

const struct rule_event_word rule_event_words[RULE_EVENT_WORDS] = {
    { "memory", MEMORY }, { "heap", WIRE_RULE_HEAP }, { "map", WIRE_RULE_MAP }, { "lock", WIRE_RULE_LOCK }, { "copy", WIRE_RULE_COPY } };

static int events_read(struct rule *r, const struct rule_words *w, char **error)
{
    r->events = 0;
    for (size_t i = 0; i < w->n; i++) {
        uint32_t bits = 0;
        for (size_t k = 0; k < RULE_EVENT_WORDS; k++)
            if (!strcmp(w->list[i], rule_event_words[k].name))
                bits = rule_event_words[k].bits;
        if (!bits)
            return wrong(error, "events=%s: there are memory, heap, map, lock and copy", w->list[i]);
        r->events |= bits;
    }
    return 0;
}

static int families_read(struct rule *r, const struct rule_words *w, char **error)
{
    r->families = 0;
    for (size_t i = 0; i < w->n; i++) {
        uint32_t bits = 0;
        for (unsigned f = 0; f < WIRE_FAMILIES; f++)
            if (rule_family_makes(f) && !strcmp(w->list[i], family_name(f)))
                bits |= 1u << f;
        if (!bits)
            return wrong(error, "family=%s: it is how memory is made: malloc, calloc, realloc, new, new[], mmap, ...", w->list[i]);
        r->families |= bits;
    }
    return 0;
}

/* A size, one in N, or both. */
static int sample_read(struct rule *r, const struct rule_words *w, char **error)
{
    for (size_t i = 0; i < w->n; i++) {
        const char *text = w->list[i];
        uint64_t n;
        if (!strncmp(text, "1/", 2)) {
            if (r->every || parse_count(text + 2, &n) || !n || n > UINT32_MAX)
                return wrong(error, "sample=%s: one in how many locks and copies, once: 1/100", text);
            r->every = (uint32_t)n;
        } else {
            if (r->sample_bytes || parse_bytes(text, &n) || !n || n > INT64_MAX)
                return wrong(error, "sample=%s: a size, once, so many bytes of memory from one sample to the next on average: 512K; or 1/N", text);
            r->sample_bytes = n;
        }
    }
    return 0;
}

static int size_read(struct rule *r, const char *value, char **error)
{
    if (parse_sizes(value, &r->size_min, &r->size_max))
        return wrong(error, "size=%s: sizes are MIN..MAX, MIN.., ..MAX or one size: 4K..1M", value);
    return 0;
}

static int rate_read(struct rule *r, const char *value, char **error)
{
    size_t n = strlen(value);
    char number[UNITS_TEXT];
    bool per_second = n > 2 && n - 2 < sizeof number && !strcmp(value + n - 2, "/s");
    snprintf(number, sizeof number, "%.*s", per_second ? (int)n - 2 : 0, value);
    if (!per_second || parse_amount(number, &r->per_second) || r->per_second < RATE_LEAST || r->per_second > RATE_MAX)
        return wrong(error, "rate=%s: at most so many events a second: 100/s, 0.5/s, 10k/s", value);
    r->per_second = (double)(uint64_t)(r->per_second * 1000 + 0.5) / 1000;
    return 0;
}

static int limit_read(struct rule *r, const char *value, char **error)
{
    double n;
    if (parse_amount(value, &n) || n < 1 || n > LIMIT_MAX || n != (double)(uint64_t)n)
        return wrong(error, "limit=%s: a number of events, from 1: 1000, 10k", value);
    r->limit = (uint64_t)n;
    return 0;
}

const char *const rule_keys[RULE_KEYS] = { "function", "stack", "module", "thread", "process", "size", "events", "family", "sample", "rate", "limit" };

static int key_find(const char *name, size_t bytes)
{
    for (int k = 0; k < RULE_KEYS; k++)
        if (strlen(rule_keys[k]) == bytes && !memcmp(rule_keys[k], name, bytes))
            return k;
    return -1;
}

static int list_read(struct rule *r, enum rule_key key, const char *value, char **error)
{
    struct rule_words words = {0};
    int e = words_read(&words, rule_keys[key], value, error);
    if (!e)
        e = key == RULE_KEY_EVENTS ? events_read(r, &words, error) : key == RULE_KEY_FAMILY ? families_read(r, &words, error) : sample_read(r, &words, error);
    words_clear(&words);
    return e;
}

static int value_read(struct rule *r, enum rule_key key, const char *value, char **error)
{
    switch (key) {
    case RULE_KEY_FUNCTION: return words_read(&r->functions, rule_keys[key], value, error);
    case RULE_KEY_STACK: return words_read(&r->stacks, rule_keys[key], value, error);
    case RULE_KEY_MODULE: return words_read(&r->modules, rule_keys[key], value, error);
    case RULE_KEY_THREAD: return words_read(&r->threads, rule_keys[key], value, error);
    case RULE_KEY_PROCESS: return words_read(&r->processes, rule_keys[key], value, error);
    case RULE_KEY_SIZE: return size_read(r, value, error);
    case RULE_KEY_RATE: return rate_read(r, value, error);
    case RULE_KEY_LIMIT: return limit_read(r, value, error);
    default: return list_read(r, key, value, error);
    }
}

/* ---- a whole rule ---- */

static bool has(uint32_t given, enum rule_key key) { return given >> key & 1; }

/* What cannot be meant; and what is left out is what the other keys can be said of. */
static int rule_check(struct rule *r, uint32_t given, char **error)
{
    if (!given)
        return wrong(error, "a rule says what it is of, KEY=VALUE: function, stack, module, thread, process, size, events, family, sample, rate, limit");
    if (has(given, RULE_KEY_FAMILY) && !has(given, RULE_KEY_EVENTS))
        r->events = MEMORY;
    else if (has(given, RULE_KEY_SIZE) && !has(given, RULE_KEY_EVENTS))
        r->events = MEMORY | WIRE_RULE_COPY;
    if (has(given, RULE_KEY_FAMILY) && !(r->events & MEMORY))
        return wrong(error, "family= is of memory, and events= leaves memory out");
    if (has(given, RULE_KEY_SIZE) && r->events == WIRE_RULE_LOCK)
        return wrong(error, "size= is of memory and copies, and events= has locks alone");
    if (r->sample_bytes && !(r->events & MEMORY))
        return wrong(error, "sample=BYTES is of memory, and events= leaves memory out; sample=1/N is of locks and copies");
    if (r->every && !(r->events & (WIRE_RULE_LOCK | WIRE_RULE_COPY)))
        return wrong(error, "sample=1/N is of locks and copies, and events= leaves both out; sample=BYTES is of memory");
    if (r->exclude && (given & (1u << RULE_KEY_SAMPLE | 1u << RULE_KEY_RATE | 1u << RULE_KEY_LIMIT)))
        return wrong(error, "an exclude takes all that it names away: sample=, rate= and limit= are of an include");
    if (r->exclude && given == 1u << RULE_KEY_EVENTS && r->events == WIRE_RULE_EVENTS)
        return wrong(error, "that takes everything away; stop does so");
    return 0;
}

static int rule_read(struct rule *r, const char *p, char **error)
{
    uint32_t given = 0;
    const char *end;
    for (bool first = true; *(p += strspn(p, " \t")); p = end, first = false) {
        if (!word_end(p, &end))
            return wrong(error, "%.60s: its quote is open", p);
        size_t n = (size_t)(end - p), name = strcspn(p, "= \t'\"");
        if (first && ((n == 7 && !memcmp(p, "include", n)) || (n == 7 && !memcmp(p, "exclude", n)))) {
            r->exclude = *p == 'e';
            continue;
        }
        if (name >= n || p[name] != '=')
            return wrong(error, "'%.*s' is no KEY=VALUE; a value with blanks stands in quotes", n > 60 ? 60 : (int)n, p);
        int key = key_find(p, name);
        if (key < 0)
            return wrong(error, "no key '%.*s'; there are function, stack, module, thread, process, size, events, family, sample, rate, limit",
                         name > 60 ? 60 : (int)name, p);
        if (has(given, (enum rule_key)key))
            return wrong(error, "%s= stands there twice; several names stand between commas", rule_keys[key]);
        given |= 1u << key;
        char *value = xstrndup(p + name + 1, n - name - 1);
        int e = value_read(r, (enum rule_key)key, value, error);
        free(value);
        if (e)
            return e;
    }
    return rule_check(r, given, error);
}

int rule_parse(struct rule *r, const char *text, char **error)
{
    *r = (struct rule){ .events = WIRE_RULE_EVENTS, .families = UINT32_MAX, .size_max = UINT64_MAX };
    *error = NULL;
    if (strlen(text) > TEXT_MAX)
        return wrong(error, "a rule has at most %d bytes", TEXT_MAX);
    if (!text_plain(text))
        return wrong(error, "a rule is one line of plain text (UTF-8)");
    return rule_read(r, text, error);
}

void rule_clear(struct rule *r)
{
    words_clear(&r->functions);
    words_clear(&r->stacks);
    words_clear(&r->modules);
    words_clear(&r->threads);
    words_clear(&r->processes);
}

void rule_copy(struct rule *to, const struct rule *from)
{
    *to = *from;
    words_copy(&to->functions, &from->functions);
    words_copy(&to->stacks, &from->stacks);
    words_copy(&to->modules, &from->modules);
    words_copy(&to->threads, &from->threads);
    words_copy(&to->processes, &from->processes);
}

/* ---- files ---- */

int rules_line(const char *line, char **verb, char **words, char **error)
{
    static const char *const verbs[] = { "trace", "limits", "promise" };
    const char *p = line + strspn(line, " \t\r"), *end;
    char quote = 0;
    *verb = *words = *error = NULL;
    for (end = p; *end && (quote || *end != '#' || (end > p && end[-1] != ' ' && end[-1] != '\t')); end++)
        if (quote ? *end == quote : *end == '\'' || *end == '"')
            quote = quote ? 0 : *end;
    while (end > p && strchr(" \t\r", end[-1]))
        end--;
    size_t n = strcspn(p, " \t\r");
    if (end == p)
        return 0;
    if (n > (size_t)(end - p))
        n = (size_t)(end - p);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strlen(verbs[i]) == n && !memcmp(verbs[i], p, n)) {
            *verb = xstrdup(verbs[i]);
            p += n;
            p += strspn(p, " \t");
            *words = xstrndup(p, p < end ? (size_t)(end - p) : 0);
            return 0;
        }
    if (!text_plain(p))
        return wrong(error, "a line is plain text (UTF-8)");
    return wrong(error, "'%.*s' begins no line of a rules file; trace, limits and promise do", n > 60 ? 60 : (int)n, p);
}
