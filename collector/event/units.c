/*
 * collector/event/units.c - see units.h.
 */
#include "event/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

int parse_amount(const char *text, double *amount)
{
    static const struct { char letter; double times; } units[] = { { 'k', 1e3 }, { 'M', 1e6 }, { 'G', 1e9 } };
    long double value;
    if (parse_decimal(text, &value, &text))
        return -EINVAL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (toupper((unsigned char)*text) == toupper((unsigned char)units[i].letter)) {
            value *= units[i].times;
            text++;
            break;
        }
    *amount = (double)value;
    return *text ? -EINVAL : value > 1e18L ? -ERANGE : 0;
}

int parse_address(const char *text, uint64_t *address)
{
    char *end;
    if (text[0] != '0' || (text[1] | 32) != 'x' || !isxdigit((unsigned char)text[2]))
        return -EINVAL;
    errno = 0;
    *address = strtoull(text, &end, 16);
    return errno || *end ? -EINVAL : 0;
}

/* `number` reads each end. */
static int parse_range(const char *text, int (*number)(const char *, uint64_t *), uint64_t *low, uint64_t *high)
{
    char first[64];
    const char *dots = strstr(text, "..");
    size_t n = dots ? (size_t)(dots - text) : strlen(text);
    *low = 0;
    *high = UINT64_MAX;
    if (n >= sizeof first || (dots && !n && !dots[2]))
        return -EINVAL;
    memcpy(first, text, n);
    first[n] = 0;
    if ((n || !dots) && number(first, low))
        return -EINVAL;
    if (!dots)
        *high = *low;
    else if (dots[2] && number(dots + 2, high))
        return -EINVAL;
    return *high < *low ? -EINVAL : 0;
}

int parse_sizes(const char *text, uint64_t *low, uint64_t *high) { return parse_range(text, parse_bytes, low, high); }
int parse_addresses(const char *text, uint64_t *low, uint64_t *high) { return parse_range(text, parse_address, low, high); }

const char *print_bytes(char text[UNITS_TEXT], uint64_t bytes)
{
    static const char units[] = " KMGT";
    unsigned u = 0;
    while (bytes && u < 4 && !(bytes & 1023)) {
        bytes >>= 10;
        u++;
    }
    snprintf(text, UNITS_TEXT, u ? "%" PRIu64 "%c" : "%" PRIu64, bytes, units[u]);
    return text;
}

const char *print_amount(char text[UNITS_TEXT], double amount)
{
    static const struct { const char *letter; double times; } units[] = { { "G", 1e9 }, { "M", 1e6 }, { "k", 1e3 }, { "", 1 } };
    unsigned u = 0;
    while (u < 3 && (amount < units[u].times || fmod(amount, units[u].times / 1000) != 0))
        u++;
    int n = snprintf(text, UNITS_TEXT, "%.3f", amount / units[u].times);
    while (text[n - 1] == '0')
        text[--n] = 0;
    if (text[n - 1] == '.')
        text[--n] = 0;
    strcpy(text + n, units[u].letter);
    return text;
}

const char *print_time_ns(char text[UNITS_TEXT], uint64_t ns)
{
    static const struct { const char *name; uint64_t ns; } units[] = {
        { "h", 3600000000000 }, { "m", 60000000000 }, { "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 } };
    const char *name = "s";
    for (size_t i = 0; ns && i < sizeof units / sizeof *units; i++)
        if (ns % units[i].ns == 0) {
            ns /= units[i].ns;
            name = units[i].name;
            break;
        }
    snprintf(text, UNITS_TEXT, "%" PRIu64 "%s", ns, name);
    return text;
}
