/*
 * collector/cli/units.c - numbers as people write them, and words as a shell
 * splits them.
 */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "event/xalloc.h"

int parse_count(const char *text, uint64_t *n)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end)
        return -EINVAL;
    if (errno)
        return -ERANGE;
    *n = value;
    return 0;
}

/* Decimal digits with at most one point; *end behind them. 0 or -EINVAL. */
static int parse_decimal(const char *text, long double *value, const char **end)
{
    long double v = 0, place = 0;
    const char *p = text;
    int digits = 0;
    for (; isdigit((unsigned char)*p) || (*p == '.' && place == 0); p++) {
        if (*p == '.') {
            place = 1;
            continue;
        }
        digits++;
        if (place != 0)
            v += (place /= 10) * (*p - '0');
        else
            v = v * 10 + (*p - '0');
    }
    *value = v;
    *end = p;
    return digits ? 0 : -EINVAL;
}

static int scale(long double value, long double unit, uint64_t *out)
{
    value = roundl(value * unit);
    if (value >= 18446744073709551616.0L)
        return -ERANGE;
    *out = (uint64_t)value;
    return 0;
}

int parse_bytes(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    long double value, unit = 1;
    if (parse_decimal(text, &value, &text))
        return -EINVAL;
    const char *at = *text ? strchr(units, toupper((unsigned char)*text)) : NULL;
    if (at) {
        for (const char *u = units; u <= at; u++)
            unit *= 1024;
        text++;
    }
    if (*text && strcasecmp(text, "B") != 0 && !(at && strcasecmp(text, "iB") == 0))
        return -EINVAL;
    return scale(value, unit, bytes);
}

int parse_time_ns(const char *text, uint64_t *ns)
{
    static const struct { const char *name; long double ns; } units[] = {
        { "ns", 1 }, { "us", 1e3L }, { "ms", 1e6L }, { "s", 1e9L }, { "m", 60e9L }, { "h", 3600e9L } };
    long double value;
    if (parse_decimal(text, &value, &text))
        return -EINVAL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(text, units[i].name) == 0)
            return scale(value, units[i].ns, ns);
    return -EINVAL;
}

/* One word from **p into `to`; 0 or -EINVAL. */
static int word_copy(const char **p, char *to)
{
    char quote = 0;
    for (; **p && (quote || !isspace((unsigned char)**p)); ++*p) {
        char c = **p;
        if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? 0 : c;
        } else if (c == '\\' && quote != '\'') {
            if (!(*p)[1])
                return -EINVAL;
            if (quote == '"' && !strchr("\"\\$`", (*p)[1]))
                *to++ = c;
            *to++ = *++*p;
        } else {
            *to++ = c;
        }
    }
    *to = 0;
    return quote ? -EINVAL : 0;
}

int words_split(const char *text, char ***words, size_t *n)
{
    char **list = NULL;
    size_t count = 0, capacity = 0;
    char *word = xmalloc(strlen(text) + 1);
    int error = 0;
    while (!error) {
        while (isspace((unsigned char)*text))
            text++;
        list = xgrow(list, &capacity, count + 1, sizeof *list);
        list[count] = NULL;
        if (!*text)
            break;
        error = word_copy(&text, word);
        if (!error)
            list[count++] = xstrdup(word);
    }
    free(word);
    if (error) {
        while (count)
            free(list[--count]);
        free(list);
        return error;
    }
    *words = list;
    *n = count;
    return 0;
}
