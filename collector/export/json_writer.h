/*
 * collector/export/json_writer.h - JSON as a stream: no tree, one small
 * buffer, text escaped and made valid UTF-8 on the way.
 *
 * One thread. Calls nest as the document does; commas are the writer's
 * business. Errors of the sink stick: what follows is dropped, jw_finish
 * returns the first one. Numbers above INT64_MAX are written as INT64_MAX,
 * which is what JSON readers in C can hold. Functions are jw_* to keep clear of jansson's json_*.
 */
#ifndef OWNSCOPE_JSON_WRITER_H
#define OWNSCOPE_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { JW_BUFFER_BYTES = 64 * 1024, JW_DEPTH_MAX = 32 };

struct json_writer {
    int (*sink)(void *context, const char *bytes, size_t n);
    void *context;
    size_t used;
    int error;
    unsigned depth;
    bool comma;               /* a value stands before the next one at this depth */
    char close[JW_DEPTH_MAX]; /* what ends each open level */
    char buffer[JW_BUFFER_BYTES];
};

void jw_init(struct json_writer *w, int (*sink)(void *, const char *, size_t), void *context);
/* Gives what is buffered to the sink. 0 or the first error. */
int jw_finish(struct json_writer *w);

void jw_object(struct json_writer *w);
void jw_array(struct json_writer *w);
void jw_end(struct json_writer *w);
/* A line's end between documents (JSON Lines). */
void jw_newline(struct json_writer *w);

void jw_null(struct json_writer *w);
void jw_bool(struct json_writer *w, bool value);
void jw_u64(struct json_writer *w, uint64_t value);
/* "0x…" */
void jw_address(struct json_writer *w, uint64_t value);
/* "b12"; null for 0. */
void jw_id(struct json_writer *w, char kind, uint64_t id);
/* Text of n bytes, and C strings (NULL: null). */
void jw_text(struct json_writer *w, const char *text, size_t n);
void jw_string(struct json_writer *w, const char *text);
/* A finished value, copied as it is. */
void jw_raw(struct json_writer *w, const char *json, size_t n);

/* `key` is plain ASCII that needs no escape. */
void jw_key(struct json_writer *w, const char *key);

/* The same for a literal, JW_KEY(w, "ns"): one copy of known length. */
void jw_flush(struct json_writer *w);
static inline void jw_key_literal(struct json_writer *w, const char *text, size_t n)
{
    if (__builtin_expect(w->used + n > sizeof w->buffer, 0))
        jw_flush(w);
    if (w->comma)
        memcpy(w->buffer + w->used, text, n);
    else
        memcpy(w->buffer + w->used, text + 1, n - 1);
    w->used += n - !w->comma;
    w->comma = false;
}
#define JW_KEY(w, key) jw_key_literal(w, ",\"" key "\":", sizeof ",\"" key "\":" - 1)

#endif
