/*
 * collector/cli/top_canvas.c - see top_canvas.h.
 */
#include "cli/top_canvas.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "event/xalloc.h"
#include "export/text.h"

void canvas_size(struct canvas *c, unsigned width, unsigned height, bool utf8)
{
    free(c->cells);
    *c = (struct canvas){ .width = width, .height = height, .utf8 = utf8, .cells = xcalloc((size_t)width * height + 1, sizeof *c->cells) };
}

void canvas_free(struct canvas *c)
{
    free(c->cells);
    *c = (struct canvas){ 0 };
}

/* The next character: its bytes, 0 at the end. */
static size_t character(const struct canvas *c, const char *text, uint32_t *code, unsigned *columns)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = *text ? text_utf8(text, strnlen(text, 4)) : 0;
    *columns = 1;
    if (!*text)
        return 0;
    switch (n) {
    case 1: *code = p[0]; break;
    case 2: *code = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu); break;
    case 3: *code = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu); break;
    case 4: *code = (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu); break;
    default: *code = '?'; return 1;
    }
    if (*code < ' ' || *code == 0x7f || (*code >= 0x80 && (!c->utf8 || *code < 0xa0 || wcwidth((wchar_t)*code) <= 0)))
        *code = '?';
    else if (*code >= 0x80)
        *columns = wcwidth((wchar_t)*code) > 1 ? 2 : 1;
    return n;
}

unsigned canvas_columns(const struct canvas *c, const char *text)
{
    unsigned all = 0, columns;
    uint32_t code;
    for (size_t n; (n = character(c, text, &code, &columns)); text += n)
        all += columns;
    return all;
}

static void put(struct canvas *c, unsigned x, unsigned y, enum top_look look, uint32_t code, unsigned columns)
{
    struct canvas_cell *cell = &c->cells[(size_t)y * c->width + x];
    cell[0] = (struct canvas_cell){ code, (uint8_t)look };
    if (columns > 1)
        cell[1] = (struct canvas_cell){ CANVAS_REST, (uint8_t)look };
}

unsigned canvas_text(struct canvas *c, unsigned x, unsigned y, unsigned most, enum top_look look, const char *text)
{
    unsigned at = 0, columns;
    uint32_t code;
    if (y >= c->height || x >= c->width)
        return 0;
    most = most < c->width - x ? most : c->width - x;
    bool cut = canvas_columns(c, text) > most;
    unsigned room = cut && most ? most - 1 : most;
    for (size_t n; (n = character(c, text, &code, &columns)) && at + columns <= room; text += n, at += columns)
        put(c, x + at, y, look, code, columns);
    if (cut && most)
        put(c, x + at++, y, look, c->utf8 ? 0x2026 : '~', 1);
    return at;
}

void canvas_right(struct canvas *c, unsigned x, unsigned y, unsigned width, enum top_look look, const char *text)
{
    unsigned columns = canvas_columns(c, text);
    unsigned before = columns < width ? width - columns : 0;
    canvas_text(c, x + before, y, width - before, look, text);
}

void canvas_look(struct canvas *c, unsigned x, unsigned y, unsigned width, enum top_look look)
{
    for (unsigned i = x; y < c->height && i < c->width && i - x < width; i++)
        c->cells[(size_t)y * c->width + i].look = (uint8_t)look;
}

static size_t encode(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

char *canvas_line(const struct canvas *c, unsigned y)
{
    char *text = xmalloc((size_t)c->width * 4 + 1), *p = text, *end = text;
    for (unsigned x = 0; y < c->height && x < c->width; x++) {
        uint32_t code = c->cells[(size_t)y * c->width + x].code;
        if (code == CANVAS_REST)
            continue;
        p += encode(p, code ? code : ' ');
        if (code && code != ' ')
            end = p;
    }
    *end = 0;
    return text;
}
