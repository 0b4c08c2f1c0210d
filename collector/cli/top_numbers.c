/*
 * collector/cli/top_numbers.c - numbers over time and as people read them
 * (top_model.h).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top_model.h"
#include "event/xalloc.h"
#include "export/text.h"

#define SPAN_LEAST 0.05     /* of the most: a smaller change is drawn as small as it is */

void top_history_add(struct top_history *h, double value)
{
    if (h->n == TOP_HISTORY)
        memmove(h->values, h->values + 1, (--h->n) * sizeof *h->values);
    h->values[h->n++] = value;
}

char *top_sparkline(const struct top_history *h, unsigned columns, bool utf8)
{
    static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    static const char *const marks[] = { "_", ".", "-", "=", "+", "*", "%", "#" };
    enum { LEVELS = 8 };
    size_t n = h->n < columns ? h->n : columns, from = h->n - n;
    double least = n ? h->values[from] : 0, most = least;
    char *text = xcalloc(n * 4 + 1, 1);
    for (size_t i = from; i < h->n; i++) {
        least = h->values[i] < least ? h->values[i] : least;
        most = h->values[i] > most ? h->values[i] : most;
    }
    for (size_t i = from; i < h->n; i++) {
        double span = most - least > most * SPAN_LEAST ? most - least : most * SPAN_LEAST;
        double part = span > 0 ? (h->values[i] - least) / span : 0;
        int level = (int)(part * (LEVELS - 1) + 0.5);
        strcat(text, utf8 ? blocks[level] : marks[level]);
    }
    return text;
}

struct top_number top_short(double n)
{
    struct top_number t;
    if (!(fabs(n) >= 0.05))
        snprintf(t.text, sizeof t.text, "0");
    else if (fabs(n) < 9.95)
        snprintf(t.text, sizeof t.text, "%.1f", n);
    else if (fabs(n) < 99999.5)
        snprintf(t.text, sizeof t.text, "%.0f", n);
    else if (fabs(n) < 9.995e6)
        snprintf(t.text, sizeof t.text, fabs(n) < 999500 ? "%.0f k" : "%.2f M", fabs(n) < 999500 ? n / 1e3 : n / 1e6);
    else if (fabs(n) < 9.995e8)
        snprintf(t.text, sizeof t.text, "%.1f M", n / 1e6);
    else
        snprintf(t.text, sizeof t.text, "%.4g G", n / 1e9);
    return t;
}

struct top_number top_count(double n)
{
    struct top_number t;
    if (fabs(n) >= 9.5)
        return top_short(n);
    snprintf(t.text, sizeof t.text, "%.0f", n);
    return t;
}

struct top_number top_bytes(double n)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    struct top_number t;
    size_t unit = 0;
    while (fabs(n) >= 1023.95 && unit < sizeof units / sizeof *units - 1) {
        n /= 1024;
        unit++;
    }
    snprintf(t.text, sizeof t.text, unit && fabs(n) < 99.95 ? "%.1f %s" : "%.0f %s", n, units[unit]);
    return t;
}

struct top_number top_growth_text(double n)
{
    struct top_number t;
    if (fabs(n) < 0.5)
        snprintf(t.text, sizeof t.text, "0");
    else
        snprintf(t.text, sizeof t.text, "%s%.30s", n > 0 ? "+" : "", top_bytes(n).text);
    return t;
}
