/*
 * collector/cli/top_order.c - which rows of `ownscope top` are shown, and in which
 * order (top_model.h).
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/table_line.h"
#include "cli/top_model.h"
#include "event/xalloc.h"

enum { WHERE_FRAMES = 6 };

/* ---- order ------------------------------------------------------------------------ */

struct order { size_t column; bool text, reversed; };

/* "t9" before "t10": digits as numbers. */
static int natural(const char *a, const char *b)
{
    while (*a && *b) {
        if (strchr("0123456789", *a) && strchr("0123456789", *b)) {
            char *end_a, *end_b;
            unsigned long long x = strtoull(a, &end_a, 10), y = strtoull(b, &end_b, 10);
            if (x != y)
                return x < y ? -1 : 1;
            a = end_a;
            b = end_b;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return *a ? 1 : *b ? -1 : 0;
}

static int compare(const void *one, const void *other, void *context)
{
    const struct top_row *a = one, *b = other;
    const struct order *o = context;
    const struct top_cell *x = &a->cells[o->column], *y = &b->cells[o->column];
    int first = o->text ? natural(x->text ? x->text : "", y->text ? y->text : "")
                : x->number > y->number ? -1 : x->number < y->number;
    if (first)
        return o->reversed ? -first : first;
    return natural(a->key, b->key);
}

void top_rows_sort(struct top_rows *r, enum top_screen screen, size_t column, bool reversed)
{
    const struct top_layout *l = &top_layouts[screen];
    column = column < l->n ? column : l->sort;
    struct order o = { .column = column, .text = l->columns[column].text, .reversed = reversed };
    if (r->n)
        qsort_r(r->rows, r->n, sizeof *r->rows, compare, &o);
}

size_t top_rows_find(const struct top_rows *r, const char *key)
{
    for (size_t i = 0; key && i < r->n; i++)
        if (!strcmp(r->rows[i].key, key))
            return i;
    return SIZE_MAX;
}

/* ---- filter ------------------------------------------------------------------------ */

/* Some frame of some stack anywhere in it. */
static bool stacks_match(const json_t *value, const char *filter)
{
    const char *key;
    const json_t *item;
    size_t i;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
            if (stacks_match(item, filter))
                return true;
        return false;
    }
    if (!json_is_object(value))
        return false;
    if (strcasestr(get_text(value, "function"), filter) || strcasestr(get_text(value, "where"), filter) || strcasestr(get_text(value, "file"), filter) || strcasestr(get_text(value, "module"), filter))
        return true;
    for (void *at = json_object_iter((json_t *)value); at; at = json_object_iter_next((json_t *)value, at)) {
        key = json_object_iter_key(at);
        if (*key && stacks_match(json_object_iter_value(at), filter))
            return true;
    }
    return false;
}

static bool row_matches(const struct top_row *r, const char *filter)
{
    for (size_t i = 0; i < TOP_COLUMNS_MAX; i++)
        if (r->cells[i].text && strcasestr(r->cells[i].text, filter))
            return true;
    return stacks_match(r->doc, filter);
}

void top_rows_filter(struct top_rows *r, const char *filter)
{
    size_t kept = 0;
    if (!filter || !*filter)
        return;
    for (size_t i = 0; i < r->n; i++) {
        struct top_row row = r->rows[i];
        if (row_matches(&row, filter)) {
            r->rows[i] = r->rows[kept];
            r->rows[kept++] = row;
        }
    }
    for (size_t i = kept; i < r->n; i++)
        top_row_end(&r->rows[i]);
    r->n = kept;
}

/* ---- stacks -------------------------------------------------------------------------- */

/* A name needs no module, and one without a name no more than that. */
static char *place_text(const json_t *frame, unsigned columns)
{
    const char *name = get_text(frame, "function");
    return *name && !*get_text(frame, "file") ? xstrndup(name, strcspn(name, "(") ? strcspn(name, "(") : strlen(name)) : frame_text(frame, columns, false);
}

char *top_where(const json_t *stack, unsigned columns)
{
    struct shown shown = shown_frames(stack, NULL, WHERE_FRAMES);
    char *text = shown.count ? place_text(json_array_get(stack, shown.index[0]), columns) : xstrdup("");
    for (size_t i = 1; i < shown.count && strlen(text) < columns; i++) {
        const char *name = get_text(json_array_get(stack, shown.index[i]), "function");
        char *longer = *name ? xasprintf("%s < %.*s", text, (int)strcspn(name, "("), name) : xasprintf("%s < ?", text);
        free(text);
        text = longer;
    }
    return text;
}

char *top_function(const json_t *stack)
{
    size_t n = json_array_size(stack);
    struct shown shown = shown_frames(stack, NULL, n < 16 ? n : 16);
    for (size_t i = 0; i < shown.count; i++) {
        const char *name = get_text(json_array_get(stack, shown.index[i]), "function");
        if (*name && *name != '[')
            return xstrdup(name);
    }
    return NULL;
}
