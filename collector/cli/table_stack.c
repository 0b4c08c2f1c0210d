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

/* A C++ name without its parameters and template arguments. */
static char *name_short(const char *function)
{
    char *name = xstrdup(function), *to = name;
    int angle = 0;
    for (const char *p = function; *p; p++) {
        bool word = !strncmp(p, "operator<", 9) || !strncmp(p, "operator>", 9) || !strncmp(p, "operator(", 9);
        if (word) {
            size_t n = 8 + strspn(p + 8, "<>()-=");
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
        if (*p == '(' && !angle && p != function)
            break;
        if (!angle && *p != '>')
            *to++ = *p;
    }
    *to = 0;
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

char *frame_text(const json_t *frame, unsigned columns)
{
    const char *function = get_text(frame, "function"), *offset = get_text(frame, "offset");
    char *where = frame_where(frame);
    unsigned room = columns > line_columns(where) + 12 ? columns - line_columns(where) : 0;
    char *text = NULL;
    if (!*function && !*get_text(frame, "module")) {
        text = xasprintf("%s (generated code)", *offset ? offset : "?");
    } else if (!*function || !room || line_columns(function) <= room) {
        text = xasprintf("%s%s", *function ? function : *offset ? offset : "?", where);
    } else {
        char *name = name_short(function);
        if (line_columns(name) > room && strlen(name) > room)
            memcpy(name + room - 2, "..", 3);
        text = xasprintf("%s%s", name, where);
        free(name);
    }
    free(where);
    return text;
}

static void frame_put(struct line *l, const json_t *frame)
{
    char *text = frame_text(frame, line_room(l));
    line_text(l, text);
    free(text);
}

void line_stack(struct line *l, const json_t *stack, size_t first, size_t shown)
{
    unsigned column = l->column;
    size_t n = json_array_size(stack);
    if (first >= n) {
        line_look(l, LOOK_DIM);
        line_text(l, "(no stack)");
        line_end(l);
        return;
    }
    for (size_t i = first; i < n && i < first + (shown ? shown : 1); i++) {
        if (i > first) {
            line_look(l, LOOK_DIM);
            line_to(l, column);
            line_text(l, "  by ");
        } else {
            line_look(l, LOOK_HEAD);
        }
        frame_put(l, json_array_get(stack, i));
        const char *via = i == first && first ? get_text(json_array_get(stack, first - 1), "function") : "";
        if (*via) {
            char *name = name_short(via);
            line_look(l, LOOK_DIM);
            if (line_room(l) > strlen(name) + 6)
                line_format(l, " via %s", name);
            free(name);
        }
        line_end(l);
    }
}

void stack_telling(const json_t *stack, size_t most, size_t *first, size_t *shown)
{
    size_t n = json_array_size(stack), i = 0;
    while (i < n && plumbing_inner(get_text(json_array_get(stack, i), "function")))
        i++;
    if (i == n || plumbing_outer(get_text(json_array_get(stack, i), "function")))
        i = 0;
    *first = i;
    for (*shown = 0; i < n && *shown < most; i++, ++*shown) {
        const char *function = get_text(json_array_get(stack, i), "function");
        if (plumbing_outer(function) && *shown)
            break;
        if (plumbing_is_main(function)) {
            ++*shown;
            break;
        }
    }
}
