/*
 * collector/export/json_writer.c - the streaming writer (json_writer.h).
 *
 * The short calls reserve room once and then store without checks; text is
 * copied in runs of plain bytes. What does not fit the buffer goes out in
 * pieces, so a document's size bounds nothing here.
 */
#include "export/json_writer.h"

#include <errno.h>

#include "export/text.h"

void jw_flush(struct json_writer *w)
{
    if (w->used && !w->error)
        w->error = w->sink(w->context, w->buffer, w->used);
    w->used = 0;
}

/* Room for n bytes, n far below the buffer's size. */
static inline char *reserve(struct json_writer *w, size_t n)
{
    if (__builtin_expect(w->used + n > sizeof w->buffer, 0))
        jw_flush(w);
    return w->buffer + w->used;
}

static inline void put(struct json_writer *w, const char *bytes, size_t n)
{
    memcpy(w->buffer + w->used, bytes, n);
    w->used += n;
}

static inline void put_byte(struct json_writer *w, char c)
{
    w->buffer[w->used++] = c;
}

/* Before every value: its comma, and room for it. */
static inline void value_begin(struct json_writer *w, size_t n)
{
    reserve(w, n + 1);
    if (w->comma)
        put_byte(w, ',');
    w->comma = true;
}

void jw_init(struct json_writer *w, int (*sink)(void *, const char *, size_t), void *context)
{
    w->sink = sink;
    w->context = context;
    w->used = 0;
    w->error = 0;
    w->depth = 0;
    w->comma = false;
}

int jw_finish(struct json_writer *w)
{
    jw_flush(w);
    return w->error;
}

static void level_begin(struct json_writer *w, char open, char close)
{
    value_begin(w, 1);
    put_byte(w, open);
    w->comma = false;
    if (w->depth < JW_DEPTH_MAX)
        w->close[w->depth] = close;
    else if (!w->error)
        w->error = -EOVERFLOW;
    w->depth++;
}

void jw_object(struct json_writer *w) { level_begin(w, '{', '}'); }
void jw_array(struct json_writer *w) { level_begin(w, '[', ']'); }

void jw_end(struct json_writer *w)
{
    reserve(w, 1);
    w->depth--;
    put_byte(w, w->depth < JW_DEPTH_MAX ? w->close[w->depth] : ' ');
    w->comma = true;
}

void jw_newline(struct json_writer *w)
{
    reserve(w, 1);
    put_byte(w, '\n');
    w->comma = false;
}

void jw_key(struct json_writer *w, const char *key)
{
    size_t n = strlen(key);
    value_begin(w, n + 3);
    put_byte(w, '"');
    put(w, key, n);
    put(w, "\":", 2);
    w->comma = false;
}

void jw_null(struct json_writer *w)
{
    value_begin(w, 4);
    put(w, "null", 4);
}

void jw_bool(struct json_writer *w, bool value)
{
    value_begin(w, 5);
    put(w, value ? "true" : "false", value ? 4 : 5);
}

/* Digits of value, ending before `end`; returns where they start. */
static char *decimal(char *end, uint64_t value)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    while (value >= 100) {
        end -= 2;
        memcpy(end, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, pairs + value * 2, 2);
    } else {
        *--end = (char)('0' + value);
    }
    return end;
}

void jw_u64(struct json_writer *w, uint64_t value)
{
    char digits[24], *end = digits + sizeof digits;
    char *start = decimal(end, value > INT64_MAX ? INT64_MAX : value);
    value_begin(w, sizeof digits);
    put(w, start, (size_t)(end - start));
}

void jw_address(struct json_writer *w, uint64_t value)
{
    char digits[20], *p = digits + sizeof digits;
    *--p = '"';
    do {
        *--p = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    *--p = 'x';
    *--p = '0';
    *--p = '"';
    value_begin(w, sizeof digits);
    put(w, p, (size_t)(digits + sizeof digits - p));
}

void jw_id(struct json_writer *w, char kind, uint64_t id)
{
    if (!id) {
        jw_null(w);
        return;
    }
    char digits[24], *end = digits + sizeof digits;
    char *start = decimal(end, id);
    value_begin(w, sizeof digits + 3);
    put_byte(w, '"');
    put_byte(w, kind);
    put(w, start, (size_t)(end - start));
    put_byte(w, '"');
}

/* The escape of a byte that cannot stand for itself, into to[6]; its length. */
static size_t escape(char *to, unsigned char c)
{
    static const char letters[] = "btn?fr";
    to[0] = '\\';
    if (c == '"' || c == '\\') {
        to[1] = (char)c;
        return 2;
    }
    if (c >= '\b' && c <= '\r' && c != '\v') {
        to[1] = letters[c - '\b'];
        return 2;
    }
    memcpy(to + 1, "u00", 3);
    to[4] = "0123456789abcdef"[c >> 4];
    to[5] = "0123456789abcdef"[c & 15];
    return 6;
}

static inline bool plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* One byte or sequence that is not plain; returns how much of the text it was. */
static size_t text_special(struct json_writer *w, const char *text, size_t n)
{
    char bytes[6];
    reserve(w, sizeof bytes);
    if ((unsigned char)*text < 0x80) {
        put(w, bytes, escape(bytes, (unsigned char)*text));
        return 1;
    }
    size_t length = text_utf8(text, n);
    if (length)
        put(w, text, length);
    else
        put(w, "\xef\xbf\xbd", 3);
    return length ? length : 1;
}

void jw_text(struct json_writer *w, const char *text, size_t n)
{
    value_begin(w, 1);
    put_byte(w, '"');
    while (n) {
        size_t run = 0, most = n < 4096 ? n : 4096;
        while (run < most && plain((unsigned char)text[run]))
            run++;
        reserve(w, run + 1);
        put(w, text, run);
        text += run;
        n -= run;
        if (n && !plain((unsigned char)*text)) {
            size_t used = text_special(w, text, n);
            text += used;
            n -= used;
        }
    }
    reserve(w, 1);
    put_byte(w, '"');
}

void jw_string(struct json_writer *w, const char *text)
{
    if (text)
        jw_text(w, text, strlen(text));
    else
        jw_null(w);
}

void jw_raw(struct json_writer *w, const char *json, size_t n)
{
    value_begin(w, 0);
    while (n) {
        size_t piece = n < 16384 ? n : 16384;
        reserve(w, piece);
        put(w, json, piece);
        json += piece;
        n -= piece;
    }
}
