/*
 * collector/cli/table_stack.c - stacks in tables: short names, `by` lines.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"
#include "export/plumbing.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* A C++ name without return type, parameters and template arguments. */
static char *name_short(const char *function)
{
    char *name = xstrdup(function), *to = name;
    int angle = 0;
    for (const char *p = function; *p; p++) {
        if (!strncmp(p, "operator", 8) && strchr("<>(-", p[8])) {
            size_t n = p[8] == '(' ? 10 : 8 + strspn(p + 8, "<>-=");
            n = strnlen(p, n);
            memcpy(to, p, n);
            to += n;
            p += n - 1;
            continue;
        }
        if (*p == '<' && angle++ == 0)
            *to++ = '<';
        if (*p == '>' && angle && --angle == 0)
            *to++ = '>';
        if (!strncmp(p, "(anonymous", 10)) {
            p += 20;
            if (!angle) {
                memcpy(to, "(anonymous)", 11);
                to += 11;
            }
            continue;
        }
        if ((*p == '(' && !angle && p != function) || !strncmp(p, " [", 2))
            break;
        if (!angle && *p != '>')
            *to++ = *p;
    }
    *to = 0;
    char *last = strstr(name, "operator") ? NULL : strrchr(name, ' ');
    if (last)               /* a return type */
        memmove(name, last + 1, strlen(last));
    return name;
}

static char *frame_where(const json_t *frame)
{
    const char *file = get_text(frame, "file"), *module = get_text(frame, "module");
    uint64_t line = get_number(frame, "line");
    if (*file && line)
        return xasprintf(" (%s:%llu)", base_name(file), (unsigned long long)line);
    if (*file)
        return xasprintf(" (%s)", base_name(file));
    if (*module)
        return xasprintf(" (%s)", base_name(module));
    return xstrdup("");
}

char *frame_text(const json_t *frame, unsigned columns, bool whole)
{
    const char *function = get_text(frame, "function"), *offset = get_text(frame, "offset");
    char *where = frame_where(frame);
    unsigned room = columns > line_columns(where) + 12 ? columns - line_columns(where) : 0;
    char *text = NULL;
    if (!*function && !*get_text(frame, "module")) {
        text = xasprintf("%s (generated code)", *offset ? offset : "?");
    } else if (!*function || (!room && !whole) || line_columns(function) <= room) {
        text = xasprintf("%s%s", *function ? function : *offset ? offset : "?", where);
    } else {
        char *name = name_short(function);
        if (!whole && line_columns(name) > room && strlen(name) > room)
            memcpy(name + room - 2, "..", 3);
        text = xasprintf("%s%s", name, where);
        free(name);
    }
    free(where);
    return text;
}

static void frame_put(struct line *l, const json_t *frame)
{
    char *text = frame_text(frame, line_room(l), l->style->whole);
    line_text(l, text);
    free(text);
}

/* ` via vector<>::resize`, the plumbing that the frame called, where there is room. */
static void via_put(struct line *l, const json_t *frame)
{
    const char *function = get_text(frame, "function"), *module = get_text(frame, "module");
    char *name = *function ? name_short(function) : xstrdup(base_name(module));
    line_look(l, LOOK_DIM);
    if (*name && (l->style->whole || line_room(l) > line_columns(name) + 6))
        line_format(l, " via %s", name);
    free(name);
}

/* "... 7 more" where frames are left out. */
static void left_out(struct line *l, unsigned column, size_t n)
{
    if (!n)
        return;
    line_look(l, LOOK_DIM);
    line_to(l, column);
    line_format(l, "  ... %zu more%s", n, n > 1 ? " frames" : " frame");
    line_end(l);
}

void line_stack(struct line *l, const json_t *stack, const struct shown *shown)
{
    unsigned column = l->column;
    if (!shown->count) {
        line_look(l, LOOK_DIM);
        line_text(l, json_array_size(stack) ? "" : "(no stack)");
        line_end(l);
        return;
    }
    for (size_t i = 0; i < shown->count; i++) {
        uint32_t at = shown->index[i];
        if (i && shown->told)
            left_out(l, column, at - shown->index[i - 1] - 1);
        if (i) {
            line_look(l, LOOK_DIM);
            line_to(l, column);
            line_text(l, "  by ");
        } else {
            line_look(l, LOOK_HEAD);
        }
        frame_put(l, json_array_get(stack, at));
        if (!i && at)
            via_put(l, json_array_get(stack, at - 1));
        line_end(l);
    }
    if (shown->told)
        left_out(l, column, shown->end - shown->index[shown->count - 1] - 1);
}

static struct shown shown_given(const json_t *stack, const json_t *indexes, size_t most)
{
    struct shown s = { .count = 0 };
    for (size_t i = 0; i < json_array_size(indexes) && s.count < most; i++) {
        json_int_t at = json_integer_value(json_array_get(indexes, i));
        if (at >= 0 && (size_t)at < json_array_size(stack))
            s.index[s.count++] = (uint32_t)at;
    }
    return s;
}

struct shown shown_frames(const json_t *stack, const json_t *indexes, size_t most)
{
    struct shown s = { .count = 0 };
    size_t n = json_array_size(stack);
    if (most > sizeof s.index / sizeof *s.index)
        most = sizeof s.index / sizeof *s.index;
    if (indexes)
        return shown_given(stack, indexes, most);
    for (size_t i = 0; i < n && s.count < most; i++) {
        const json_t *frame = json_array_get(stack, i);
        const char *function = get_text(frame, "function");
        if (plumbing_outer(function))
            break;
        if (!plumbing_inner(function, get_text(frame, "module")))
            s.index[s.count++] = (uint32_t)i;
        if (plumbing_is_main(function))
            break;
    }
    if (s.count)
        return s;
    for (size_t i = 0; i < n && i < most; i++) {    /* nothing tells: the innermost as they are */
        if (i && plumbing_outer(get_text(json_array_get(stack, i), "function")))
            break;
        s.index[s.count++] = (uint32_t)i;
    }
    return s;
}

/* How many frames there are as far as main. */
static size_t plain_count(const json_t *stack)
{
    size_t n = json_array_size(stack);
    for (size_t i = 0; i < n; i++) {
        const char *function = get_text(json_array_get(stack, i), "function");
        if (i && plumbing_outer(function))
            return i;
        if (plumbing_is_main(function))
            return i + 1;
    }
    return n;
}

struct shown shown_plain(const json_t *stack, size_t most)
{
    struct shown s = { .count = 0 };
    size_t n = plain_count(stack), room = sizeof s.index / sizeof *s.index;
    for (; s.count < n && s.count < most && s.count < room; s.count++)
        s.index[s.count] = (uint32_t)s.count;
    return s;
}

struct shown shown_long(const json_t *stack, size_t most)
{
    struct shown s = shown_plain(stack, most);
    size_t end = plain_count(stack), inner = 0;
    s.told = true;
    s.end = end;
    for (; inner < end; inner++) {
        const json_t *frame = json_array_get(stack, inner);
        if (!plumbing_inner(get_text(frame, "function"), get_text(frame, "module")))
            break;
    }
    /* the library's own insides fill it: half of them, then who called them */
    if (end <= s.count || inner == end || inner + s.count / 2 < s.count)
        return s;
    for (size_t i = s.count / 2; i < s.count && inner < end; i++, inner++) {
        s.index[i] = (uint32_t)inner;
        most = i + 1;
    }
    s.count = most;
    return s;
}
