/*
 * collector/serve/limits_parse.c - limits in words: of `run --limits`, `ctl limits`,
 * and of the file in which a session keeps them. Text from people and files: everything is
 * checked here. No state; any thread.
 */
#include "serve/limits.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"
#include "event/xalloc.h"
#include "serve/limits_words.h"

static const uint64_t COOLDOWN_NS = 5000000000ull, COOLDOWN_LEAST_NS = 100000000ull, COOLDOWN_MOST_NS = 86400000000000ull;
enum { WORD_MAX = 64, DECIMAL_DIGITS = 15 };

const struct limit_word limit_words[LIMITS] = {
    [LIMIT_CPU] = {"cpu", "cpu=3%", LIMIT_COARSER},
    [LIMIT_EVENTS] = {"events", "events=10M", LIMIT_PAUSE},
    [LIMIT_EVENTS_PER_S] = {"events/s", "events/s=100k", LIMIT_TRIP},
    [LIMIT_BYTES] = {"bytes", "bytes=1G", LIMIT_PAUSE},
    [LIMIT_RSS] = {"rss", "rss=2G", LIMIT_PAUSE},
    [LIMIT_TIME] = {"time", "time=10m", LIMIT_PAUSE},
};
const char *const limit_action_words[] = {[LIMIT_PAUSE] = "pause", [LIMIT_COARSER] = "coarser", [LIMIT_STOP] = "stop", [LIMIT_TRIP] = "trip"};
enum { ACTIONS = sizeof limit_action_words / sizeof *limit_action_words };

void limits_default(struct limits_spec *spec)
{
    *spec = (struct limits_spec){.cooldown_ns = COOLDOWN_NS};
    for (unsigned i = 0; i < LIMITS; i++)
        spec->limit[i].action = limit_words[i].usual;
}

/* "100k", "1.5M": thousands, as events are counted. 0 or -EINVAL. */
static int parse_events(const char *text, double *most)
{
    char *end;
    if (!isdigit((unsigned char)*text) || strspn(text, "0123456789.") > DECIMAL_DIGITS || strpbrk(text, "xXpPeEnN"))
        return -EINVAL;
    *most = strtod(text, &end);
    switch (*end) {
    case 'k': case 'K': *most *= 1e3; end++; break;
    case 'M': *most *= 1e6; end++; break;
    case 'G': *most *= 1e9; end++; break;
    }
    return *end || *most < 1 ? -EINVAL : 0;
}

static int parse_percent(const char *text, double *most)
{
    char *end;
    if (!isdigit((unsigned char)*text) || strspn(text, "0123456789.") > DECIMAL_DIGITS || strpbrk(text, "xXpPeEnN"))
        return -EINVAL;
    *most = strtod(text, &end) / 100;
    return strcmp(end, "%") != 0 || *most < 0.001 || *most > 10 ? -EINVAL : 0;
}

static int parse_value(enum limit_key key, const char *text, double *most)
{
    uint64_t n;
    switch (key) {
    case LIMIT_CPU:
        return parse_percent(text, most);
    case LIMIT_BYTES: case LIMIT_RSS:
        if (parse_bytes(text, &n) || !n)
            return -EINVAL;
        break;
    case LIMIT_TIME:
        if (parse_time_ns(text, &n) || !n)
            return -EINVAL;
        break;
    default:
        return parse_events(text, most);
    }
    *most = (double)n;
    return 0;
}

static int refuse(char **error, const char *word, const char *wanted)
{
    *error = xasprintf("limits: '%.*s': %s", WORD_MAX, word, wanted);
    return -EINVAL;
}

static int parse_action(const char *text, enum limit_action *action)
{
    for (unsigned i = 0; i < ACTIONS; i++)
        if (strcmp(text, limit_action_words[i]) == 0) {
            *action = (enum limit_action)i;
            return 0;
        }
    return -EINVAL;
}

/* VALUE[:ACTION] or off, of one limit. */
static int parse_limit(struct limits_spec *spec, enum limit_key key, const char *word, char *value, char **error)
{
    char *action = strchr(value, ':'), wanted[96];
    double most;
    spec->limit[key].action = limit_words[key].usual;
    spec->limit[key].set = false;
    if (strcmp(value, "off") == 0)
        return 0;
    if (action)
        *action++ = 0;
    snprintf(wanted, sizeof wanted, "as in %s, or %s=off", limit_words[key].example, limit_words[key].name);
    if (parse_value(key, value, &most))
        return refuse(error, word, wanted);
    if (action && parse_action(action, &spec->limit[key].action))
        return refuse(error, word, "what it does is pause, coarser, stop or trip");
    spec->limit[key].most = most;
    spec->limit[key].set = true;
    return 0;
}

static int parse_word(struct limits_spec *spec, const char *word, char **error)
{
    char text[WORD_MAX + 1], *value;
    uint64_t ns;
    if (strlen(word) > WORD_MAX)
        return refuse(error, word, "too long");
    snprintf(text, sizeof text, "%s", word);
    value = strchr(text, '=');
    if (value)
        *value++ = 0;
    for (unsigned key = 0; value && key < LIMITS; key++)
        if (strcmp(text, limit_words[key].name) == 0)
            return parse_limit(spec, (enum limit_key)key, word, value, error);
    if (!value || strcmp(text, "cooldown") != 0)
        return refuse(error, word, "K=V is meant, of cpu, events, events/s, bytes, rss, time and cooldown");
    if (parse_time_ns(value, &ns) || ns < COOLDOWN_LEAST_NS || ns > COOLDOWN_MOST_NS)
        return refuse(error, word, "a time from 100ms to 24h, as in cooldown=5s");
    spec->cooldown_ns = ns;
    return 0;
}

int limits_parse(struct limits_spec *spec, const char *words, char **error)
{
    struct limits_spec changed = *spec;
    char *copy = xstrdup(words), *rest = NULL;
    int e = 0;
    for (char *word = strtok_r(copy, " \t\n,", &rest); word && !e; word = strtok_r(NULL, " \t\n,", &rest))
        e = parse_word(&changed, word, error);
    free(copy);
    if (!e)
        *spec = changed;
    return e;
}

/* A number of events that parse_events reads as this one. */
static void print_events(char *to, size_t room, double n)
{
    static const struct { double unit; const char *name; } units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}};
    size_t i = 0;
    while (i < 3 && (n < units[i].unit || fmod(n, units[i].unit) != 0))
        i++;
    snprintf(to, room, "%.15g%s", n / units[i].unit, units[i].name);
}

const char *limit_value_text(char text[LIMIT_VALUE_TEXT], enum limit_key key, double value)
{
    char unit[UNITS_TEXT];
    if (key == LIMIT_CPU)
        snprintf(text, LIMIT_VALUE_TEXT, "%.10g%%", value * 100);
    else if (key == LIMIT_BYTES || key == LIMIT_RSS)
        snprintf(text, LIMIT_VALUE_TEXT, "%s", print_bytes(unit, (uint64_t)value));
    else if (key == LIMIT_TIME)
        snprintf(text, LIMIT_VALUE_TEXT, "%s", print_time_ns(unit, (uint64_t)value));
    else
        print_events(text, LIMIT_VALUE_TEXT, value);
    return text;
}

char *limits_text(const struct limits_spec *spec)
{
    char value[LIMIT_VALUE_TEXT], time[UNITS_TEXT];
    char *text = xstrdup("");
    for (unsigned i = 0; i < LIMITS; i++) {
        bool usual = spec->limit[i].action == limit_words[i].usual;
        char *longer;
        if (!spec->limit[i].set)
            continue;
        longer = xasprintf("%s%s%s=%s%s%s", text, *text ? " " : "", limit_words[i].name,
                           limit_value_text(value, (enum limit_key)i, spec->limit[i].most), usual ? "" : ":",
                           usual ? "" : limit_action_words[spec->limit[i].action]);
        free(text);
        text = longer;
    }
    if (spec->cooldown_ns != COOLDOWN_NS) {
        char *longer = xasprintf("%s%scooldown=%s", text, *text ? " " : "", print_time_ns(time, spec->cooldown_ns));
        free(text);
        text = longer;
    }
    return text;
}
