/*
 * collector/cli/table_line.c - see table_line.h.
 */
#include "cli/table_line.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "export/text.h"

enum { WIDTH_LEAST = 80, WIDTH_MOST = 200 };

static bool locale_is_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

void table_style_init(struct table_style *s, FILE *out, bool colour)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;
    *s = (struct table_style){ .colour = colour, .utf8 = locale_is_utf8() };
    if (!width && ioctl(fileno(out), TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    s->whole = !width;
    s->width = width < WIDTH_LEAST ? WIDTH_LEAST : width > WIDTH_MOST ? WIDTH_MOST : (unsigned)width;
}

void line_begin(struct line *l, FILE *out, const struct table_style *s)
{
    *l = (struct line){ .out = out, .style = s, .width = s->width ? s->width : WIDTH_LEAST };
}

static void look_write(const struct line *l, enum line_look look, bool on)
{
    static const char *const codes[] = {
        [LOOK_HEAD] = "\033[1m", [LOOK_NUMBER] = "\033[36m", [LOOK_DIM] = "\033[2m", [LOOK_WARN] = "\033[33m" };
    if (l->style->colour && look != LOOK_PLAIN)
        fputs(on ? codes[look] : "\033[0m", l->out);
}

void line_look(struct line *l, enum line_look look)
{
    l->look = look;
}

unsigned line_room(const struct line *l)
{
    return l->column < l->width ? l->width - l->column : 0;
}

void line_to(struct line *l, unsigned column)
{
    unsigned target = column > l->column ? column : l->column + (l->column > 0);
    l->blanks += target - l->column;
    l->column = target;
}

/* One character of text: its bytes, 0 at the end; *shown is what a terminal may see. */
static size_t character(const struct table_style *s, const char *text, const char **shown)
{
    size_t n = *text ? text_utf8(text, strnlen(text, 4)) : 0;
    *shown = text;
    if (!*text)
        return 0;
    bool control = n == 1 && ((unsigned char)*text < 0x20 || *text == 0x7f);
    bool control_wide = n == 2 && (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0;
    if (!n || control || control_wide || (n > 1 && !s->utf8))
        *shown = strchr("\n\t", *text) && text[strspn(text, " \n\t")] ? " " : "?";
    return n ? n : 1;
}

unsigned line_columns(const char *text)
{
    unsigned columns = 0;
    for (size_t n; *text; text += n, columns++) {
        n = text_utf8(text, strnlen(text, 4));
        n = n ? n : 1;
    }
    return columns;
}

/* Writes at most `columns` of text, the last ones an ellipsis when it is longer. */
static void put_cut(struct line *l, const char *text, unsigned columns)
{
    const char *ellipsis = l->style->utf8 ? "\xe2\x80\xa6" : "..";
    unsigned mark = l->style->utf8 ? 1 : 2, all = line_columns(text), most = all;
    if (all > columns)
        most = columns > mark ? columns - mark : 0;
    if (!columns || !all)
        return;
    fprintf(l->out, "%*s", (int)l->blanks, "");
    l->blanks = 0;
    look_write(l, l->look, true);
    const char *shown;
    size_t n;
    for (unsigned i = 0; i < most && (n = character(l->style, text, &shown)); i++, text += n)
        fwrite(shown, 1, shown == text ? n : 1, l->out);
    if (all > columns)
        fputs(columns >= mark ? ellipsis : ".", l->out);
    look_write(l, l->look, false);
    l->column += all > columns ? columns : all;
}

static void put_blanks(struct line *l, size_t n)
{
    l->blanks += (unsigned)n;
    l->column += (unsigned)n;
}

void line_text(struct line *l, const char *text)
{
    size_t lead = strspn(text, " "), n = strlen(text);
    while (n > lead && text[n - 1] == ' ')
        n--;
    put_blanks(l, lead);
    char *middle = xstrndup(text + lead, n - lead);
    put_cut(l, middle, l->style->whole ? UINT_MAX : line_room(l));
    free(middle);
    put_blanks(l, strlen(text) - n);
}

void line_format(struct line *l, const char *format, ...)
{
    char *text;
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0)
        return;
    line_text(l, text);
    free(text);
}

void line_right(struct line *l, unsigned width, const char *text)
{
    unsigned columns = line_columns(text);
    unsigned pad = columns < width ? width - columns : 0;
    l->blanks += pad;
    l->column += pad;
    put_cut(l, text, columns > line_room(l) && !l->style->whole ? line_room(l) : columns);
}

void line_left(struct line *l, unsigned width, const char *text)
{
    unsigned end = l->column + width;
    unsigned room = width < line_room(l) ? width : line_room(l);
    put_cut(l, text, l->style->whole ? UINT_MAX : room);
    if (l->column < end) {
        l->blanks += end - l->column;
        l->column = end;
    }
}

void line_end(struct line *l)
{
    fputc('\n', l->out);
    l->column = l->blanks = 0;
    l->look = LOOK_PLAIN;
}

void line_heading(FILE *out, const struct table_style *s, const char *text)
{
    struct line l;
    line_begin(&l, out, s);
    line_end(&l);
    line_look(&l, LOOK_HEAD);
    line_text(&l, text);
    line_end(&l);
}

void line_wrapped(FILE *out, const struct table_style *s, enum line_look look,
                  unsigned first_indent, unsigned indent, const char *text)
{
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, look);
    line_to(&l, first_indent);
    bool fresh = true;
    while (*text) {
        char word[256];
        size_t n = strcspn(text, " ");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), text);
        if (!fresh && line_columns(word) + 1 > line_room(&l)) {
            line_end(&l);
            line_look(&l, look);
            line_to(&l, indent);
            fresh = true;
        }
        if (!fresh)
            line_to(&l, 0);
        line_text(&l, word);
        fresh = false;
        text += n;
        text += strspn(text, " ");
    }
    line_end(&l);
}

/* ---- numbers ---- */

struct number number_about(bool estimated, struct number n)
{
    struct number r = n;
    if (estimated)
        snprintf(r.text, sizeof r.text, "~%.38s", n.text);
    return r;
}

struct number number_count(uint64_t n)
{
    struct number r;
    char digits[32], *at = digits + sizeof digits;
    *--at = 0;
    for (unsigned i = 0; !i || n; i++, n /= 10) {
        if (i && i % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + n % 10);
    }
    memcpy(r.text, at, (size_t)(digits + sizeof digits - at));
    return r;
}

struct number number_plain(uint64_t n)
{
    struct number r;
    snprintf(r.text, sizeof r.text, "%llu", (unsigned long long)n);
    return r;
}

struct number number_short(uint64_t n)
{
    struct number r;
    if (n < 10000000)
        return number_count(n);
    if (n < 9999950000)
        snprintf(r.text, sizeof r.text, "%.1f M", (double)n / 1e6);
    else
        snprintf(r.text, sizeof r.text, "%.1f G", (double)n / 1e9);
    return r;
}

struct number number_bytes(uint64_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    struct number r;
    if (bytes < 1000) {
        snprintf(r.text, sizeof r.text, "%llu B", (unsigned long long)bytes);
        return r;
    }
    size_t unit = 0;
    double value = (double)bytes / 1024;
    while (value >= 999.95 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    snprintf(r.text, sizeof r.text, "%.1f %s", value, units[unit]);
    return r;
}

struct number number_time(uint64_t ns)
{
    struct number r;
    double s = (double)ns / 1e9;
    uint64_t seconds = ns / 1000000000 + (ns % 1000000000 >= 500000000);
    if (ns < 1000)
        snprintf(r.text, sizeof r.text, "%u ns", (unsigned)ns);
    else if (ns < 999950)
        snprintf(r.text, sizeof r.text, "%.1f us", s * 1e6);
    else if (ns < 999950000)
        snprintf(r.text, sizeof r.text, "%.1f ms", s * 1e3);
    else if (ns < 119999500000)
        snprintf(r.text, sizeof r.text, "%.3f s", s);
    else if (seconds < 7200)
        snprintf(r.text, sizeof r.text, "%u min %02u s", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
    else
        snprintf(r.text, sizeof r.text, "%llu h %02u min", (unsigned long long)(seconds / 3600), (unsigned)(seconds / 60 % 60));
    return r;
}

struct number number_share(uint64_t part, uint64_t whole)
{
    struct number r;
    if (!whole)
        snprintf(r.text, sizeof r.text, "-");
    else
        snprintf(r.text, sizeof r.text, "%.1f%%", (double)part * 100 / (double)whole);
    return r;
}

/* ---- documents ---- */

const json_t *get(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

uint64_t get_number(const json_t *object, const char *key)
{
    const json_t *n = json_object_get(object, key);
    json_int_t value = json_is_integer(n) ? json_integer_value(n) : 0;
    return value > 0 ? (uint64_t)value : 0;
}

const char *get_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}
