/*
 * collector/cli/sql_output.c - see sql_output.h.
 *
 * JSON is one array of objects a statement. A value that is no number is text;
 * blobs, which no table has but SQL can make, are told in hex.
 */
#include "cli/sql_output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

enum { ROWS_MEASURED = 200, COLUMN_MOST = 60, GAP = 2 };

const char *const sql_format_names[] = { "table", "csv", "json", "lines", NULL };

struct sql_output {
    FILE *out;
    enum sql_format format;
    const struct table_style *style;
    int columns;
    char **names;
    bool *right;                /* numbers so far */
    unsigned *width;
    char **cells; size_t rows;  /* that wait; rows * columns, NULL: NULL */
    bool measured;              /* widths stand */
    uint64_t written;
    bool blank;                 /* a statement was printed before: an empty line between */
};

struct sql_output *sql_output_new(FILE *out, enum sql_format format, const struct table_style *style)
{
    struct sql_output *o = xcalloc(1, sizeof *o);
    o->out = out;
    o->format = format;
    o->style = style;
    return o;
}

/* ---- values ---- */

/* As text; NULL: NULL. malloc'ed. */
static char *cell(sqlite3_stmt *s, int i)
{
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_NULL: return NULL;
    case SQLITE_BLOB: {
        const unsigned char *bytes = sqlite3_column_blob(s, i);
        int n = sqlite3_column_bytes(s, i);
        char *text = xmalloc((size_t)n * 2 + 1);
        for (int b = 0; b < n; b++)
            sprintf(text + 2 * b, "%02x", bytes[b]);
        text[(size_t)n * 2] = 0;
        return text;
    }
    default: {
        const char *text = (const char *)sqlite3_column_text(s, i);
        return xstrdup(text ? text : "");
    }
    }
}

static void json_text(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < ' ' || *p == 0x7f)
            fprintf(out, "\\u%04x", *p);
        else
            putc(*p, out);
    }
    putc('"', out);
}

static void json_value(FILE *out, sqlite3_stmt *s, int i)
{
    int type = sqlite3_column_type(s, i);
    char *text = cell(s, i);
    if (!text || (type == SQLITE_FLOAT && !isfinite(sqlite3_column_double(s, i))))
        fputs("null", out);
    else if (type == SQLITE_INTEGER || type == SQLITE_FLOAT)
        fputs(text, out);
    else
        json_text(out, text);
    free(text);
}

/* RFC 4180. */
static void csv_text(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

/* ---- tables ---- */

static void table_line(struct sql_output *o, char **cells, enum line_look look)
{
    struct line l;
    unsigned at = 0;
    line_begin(&l, o->out, o->style);
    for (int i = 0; i < o->columns; i++) {
        const char *text = cells[i] ? cells[i] : "";
        bool last = i == o->columns - 1;
        line_to(&l, at);
        line_look(&l, look);
        if (o->right[i])
            line_right(&l, o->width[i], text);
        else if (last)
            line_text(&l, text);
        else
            line_left(&l, o->width[i], text);
        at += o->width[i] + GAP;
    }
    line_end(&l);
}

static void cells_free(struct sql_output *o)
{
    for (size_t i = 0; i < o->rows * (size_t)o->columns; i++)
        free(o->cells[i]);
    o->rows = 0;
}

/* The columns are as wide as what came until now. */
static void table_settle(struct sql_output *o)
{
    if (o->measured)
        return;
    o->measured = true;
    for (int i = 0; i < o->columns; i++) {
        o->width[i] = line_columns(o->names[i]);
        for (size_t row = 0; row < o->rows; row++) {
            const char *text = o->cells[row * (size_t)o->columns + (size_t)i];
            unsigned n = text ? line_columns(text) : 0;
            o->width[i] = n > o->width[i] ? n : o->width[i];
        }
        if (i < o->columns - 1 && o->width[i] > COLUMN_MOST && !o->style->whole)
            o->width[i] = COLUMN_MOST;
    }
    if (o->rows)
        table_line(o, o->names, LOOK_HEAD);
    for (size_t row = 0; row < o->rows; row++)
        table_line(o, &o->cells[row * (size_t)o->columns], LOOK_PLAIN);
    cells_free(o);
}

static void table_row(struct sql_output *o, sqlite3_stmt *s)
{
    char **cells = &o->cells[o->rows * (size_t)o->columns];
    for (int i = 0; i < o->columns; i++) {
        int type = sqlite3_column_type(s, i);
        cells[i] = cell(s, i);
        if (!o->measured && type != SQLITE_NULL && type != SQLITE_INTEGER && type != SQLITE_FLOAT)
            o->right[i] = false;
    }
    o->rows++;
    if (o->measured) {
        table_line(o, cells, LOOK_PLAIN);
        cells_free(o);
    } else if (o->rows == ROWS_MEASURED) {
        table_settle(o);
    }
}

/* ---- a statement ---- */

static void head_free(struct sql_output *o)
{
    cells_free(o);
    for (int i = 0; i < o->columns; i++)
        free(o->names[i]);
    free(o->names);
    free(o->right);
    free(o->width);
    free(o->cells);
    o->names = o->cells = NULL;
    o->right = NULL;
    o->width = NULL;
    o->columns = 0;
}

void sql_output_head(struct sql_output *o, sqlite3_stmt *s)
{
    head_free(o);
    o->columns = sqlite3_column_count(s);
    o->names = xcalloc((size_t)o->columns + 1, sizeof *o->names);
    o->right = xcalloc((size_t)o->columns + 1, sizeof *o->right);
    o->width = xcalloc((size_t)o->columns + 1, sizeof *o->width);
    o->cells = xcalloc((size_t)o->columns * ROWS_MEASURED + 1, sizeof *o->cells);
    o->measured = false;
    o->written = 0;
    for (int i = 0; i < o->columns; i++) {
        const char *name = sqlite3_column_name(s, i);
        o->names[i] = xstrdup(name ? name : "");
        o->right[i] = true;
    }
    if (o->blank && (o->format == SQL_TABLE || o->format == SQL_LINES))
        putc('\n', o->out);
    o->blank = false;
    if (o->format == SQL_JSON)
        putc('[', o->out);
    for (int i = 0; o->format == SQL_CSV && i < o->columns; i++) {
        if (i)
            putc(',', o->out);
        csv_text(o->out, o->names[i]);
    }
    if (o->format == SQL_CSV)
        fputs("\r\n", o->out);
}

static void row_json(struct sql_output *o, sqlite3_stmt *s)
{
    fputs(o->written ? ",\n{" : "{", o->out);
    for (int i = 0; i < o->columns; i++) {
        if (i)
            putc(',', o->out);
        json_text(o->out, o->names[i]);
        putc(':', o->out);
        json_value(o->out, s, i);
    }
    putc('}', o->out);
}

static void row_csv(struct sql_output *o, sqlite3_stmt *s)
{
    for (int i = 0; i < o->columns; i++) {
        char *text = cell(s, i);
        if (i)
            putc(',', o->out);
        if (text)
            csv_text(o->out, text);
        free(text);
    }
    fputs("\r\n", o->out);
}

static void row_lines(struct sql_output *o, sqlite3_stmt *s)
{
    unsigned width = 0;
    for (int i = 0; i < o->columns; i++)
        width = line_columns(o->names[i]) > width ? line_columns(o->names[i]) : width;
    if (o->written)
        putc('\n', o->out);
    for (int i = 0; i < o->columns; i++) {
        struct line l;
        char *text = cell(s, i);
        line_begin(&l, o->out, o->style);
        line_right(&l, width, o->names[i]);
        line_text(&l, " = ");
        line_text(&l, text ? text : "");
        line_end(&l);
        free(text);
    }
}

void sql_output_row(struct sql_output *o, sqlite3_stmt *s)
{
    switch (o->format) {
    case SQL_CSV: row_csv(o, s); break;
    case SQL_JSON: row_json(o, s); break;
    case SQL_LINES: row_lines(o, s); break;
    default: table_row(o, s);
    }
    o->written++;
}

void sql_output_foot(struct sql_output *o)
{
    if (o->format == SQL_TABLE)
        table_settle(o);
    if (o->format == SQL_JSON)
        fputs("]\n", o->out);
    o->blank |= o->written > 0;
}

void sql_output_free(struct sql_output *o)
{
    head_free(o);
    free(o);
}
