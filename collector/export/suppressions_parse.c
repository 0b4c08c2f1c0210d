/*
 * collector/export/suppressions_parse.c - reads suppression files
 * (ownscope-suppressions(5)): Valgrind's blocks, and TYPE:PATTERN lines.
 *
 * Lines that are blank or begin with # say nothing; blanks around a line do not
 * count. Blocks of tools whose errors we know nothing of are passed over to
 * their closing brace, as Valgrind does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "export/suppressions_rule.h"

enum { FILE_BYTES_MAX = 16 << 20, LINES_MAX = 1024 /* of a block */ };

struct parser {
    struct suppressions *s;
    char *next;                 /* the text's rest; NULL: its end */
    unsigned number;            /* of the line taken last */
    char *error;
};

static int fail(struct parser *p, unsigned number, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int fail(struct parser *p, unsigned number, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->error = xasprintf("%s:%u: %s", p->s->files[p->s->n_files - 1], number, text);
    return -EINVAL;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

/* The next line that says something, without the blanks around it; NULL: none. */
static char *line_take(struct parser *p)
{
    while (p->next) {
        char *line = p->next, *end = strchr(line, '\n');
        p->next = end ? end + 1 : NULL;
        if (!end)
            end = line + strlen(line);
        *end = 0;
        p->number++;
        while (is_blank(*line))
            line++;
        while (end > line && is_blank(end[-1]))
            *--end = 0;
        if (*line && *line != '#')
            return line;
    }
    return NULL;
}

static bool begins(const char *line, const char *with) { return !strncmp(line, with, strlen(with)); }

/* ---- blocks --------------------------------------------------------------- */

/* Frames of Valgrind's own that it shows between the program's. */
static bool is_valgrinds(int kind, const char *text)
{
    size_t n = strlen(text);
    if (kind == LINE_MODULE)
        return strstr(text, "vgpreload_") != NULL;
    return kind == LINE_FUNCTION &&
           (!strcmp(text, "mythread_wrapper") || !strcmp(text, "vgDrd_thread_wrapper") ||
            (n > 4 && !strcmp(text + n - 4, "_WRK")) || (n > 10 && !strcmp(text + n - 10, "_intercept")));
}

static void line_add(struct suppressions *s, struct suppression_line l)
{
    size_t bare = strcspn(l.text, "@");
    l.bytes = strlen(l.text);
    l.bare = bare < l.bytes ? bare : 0;
    s->lines = xgrow(s->lines, &s->lines_capacity, s->n_lines + 1, sizeof *s->lines);
    s->lines[s->n_lines++] = l;
    s->sections[s->n_sections - 1].n++;
}

static void section_add(struct suppressions *s, uint8_t role)
{
    s->sections = xgrow(s->sections, &s->sections_capacity, s->n_sections + 1, sizeof *s->sections);
    s->sections[s->n_sections++] = (struct suppression_section){ .role = role, .first = s->n_lines };
    s->list[s->n - 1].n++;
}

/* "file.c", "file.c:12" */
static void source_read(struct suppression_line *l, char *text)
{
    char *colon = strrchr(text, ':');
    l->kind = LINE_SOURCE;
    l->text = text;
    if (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1) && strlen(colon + 1) < 10) {
        *colon = 0;
        l->number = (unsigned)strtoul(colon + 1, NULL, 10);
    }
}

/* "stack:made": what follows is another stack of the finding. */
static int section_read(struct parser *p, const char *word)
{
    for (unsigned i = 0; i < EVIDENCES; i++)
        if (!strcmp(word, evidence_names[i])) {
            section_add(p->s, (uint8_t)i);
            return 0;
        }
    return fail(p, p->number, "no stack of a finding is called '%s' (used, made, dropped, other, held, taken, waited, init)", word);
}

/* What a block's lines come to. */
struct told { bool named /* a frame */, ours /* one that can be in a stack of ours */; };

/* One line behind TOOL:KIND. */
static int frame_read(struct parser *p, char *line, struct told *told)
{
    struct suppression_line l = { .kind = LINE_ANY, .text = line };
    if (!strcmp(line, "...")) {
        line_add(p->s, l);
        return 0;
    }
    if (begins(line, "stack:"))
        return section_read(p, line + 6);
    if (!begins(line, "fun:") && !begins(line, "obj:") && !begins(line, "src:"))
        return fail(p, p->number, "'%s' is no fun:, obj:, src: or ... line", line);
    l.kind = *line == 'f' ? LINE_FUNCTION : LINE_MODULE;
    l.text = line + 4;
    if (*line == 's')
        source_read(&l, line + 4);
    if (!*l.text)
        return fail(p, p->number, "nothing stands behind %.4s", line);
    told->named = true;
    if (is_valgrinds((int)l.kind, l.text))
        return 0;
    told->ours = true;
    line_add(p->s, l);
    return 0;
}

static int leak_kinds_read(struct parser *p, const char *text, uint8_t *kinds)
{
    unsigned all;
    char *wrong;
    int failed = leak_kinds_parse(&all, text, &wrong);
    if (failed)
        failed = fail(p, p->number, "'%s' is no kind of leak (definite, indirect, possible, reachable, all, none)", wrong);
    *kinds = (uint8_t)all;
    free(wrong);
    return failed;
}

/* TOOL[,TOOL…]:KIND[,KIND…]; more than one kind for our own rules. 0; 1: nothing of ours. */
static int kind_read(struct parser *p, char *line, struct suppression *by)
{
    char *kinds = strchr(line, ':'), *save_tool, *save_kind;
    if (!kinds || kinds == line || !kinds[1])
        return fail(p, p->number, "'%s' is not TOOL:KIND, as in Memcheck:Free or ownscope:double-drop", line);
    *kinds++ = 0;
    int found = 1;
    for (char *kind = strtok_r(kinds, ",", &save_kind); kind; kind = strtok_r(NULL, ",", &save_kind)) {
        char *tools = xstrdup(line);
        int known = 1;
        for (char *tool = strtok_r(tools, ",", &save_tool); tool; tool = strtok_r(NULL, ",", &save_tool)) {
            int one = suppression_scope_add(&by->scope, tool, kind);
            if (!one || known > 0)
                known = one;
        }
        free(tools);
        if (known < 0)
            return fail(p, p->number, "ownscope has no rule '%s'; they are in ownscope-model(7), or * for all", kind);
        found = known ? found : 0;
    }
    return found;
}

/* To the closing brace. */
static int block_skip(struct parser *p, unsigned opened)
{
    for (char *line; (line = line_take(p));)
        if (!strcmp(line, "}"))
            return 0;
    return fail(p, opened, "this suppression has no closing brace");
}

static int block_read(struct parser *p)
{
    struct suppressions *s = p->s;
    struct suppression *by = &s->list[s->n - 1];
    unsigned opened = p->number, count = 0;
    struct told told = { 0 };
    char *line = line_take(p);
    if (!line || !strcmp(line, "}"))
        return fail(p, opened, "a suppression begins with a line that is its name");
    by->name = line;
    line = line_take(p);
    if (!line || !strcmp(line, "}"))
        return fail(p, opened, "the suppression '%.100s' has no TOOL:KIND behind its name", by->name);
    int found = kind_read(p, line, by);
    if (found)
        return found < 0 ? found : block_skip(p, opened) ? -EINVAL : 1;
    by->leak_kinds = LEAK_KINDS_ALL;
    section_add(s, EVIDENCE_USED);
    while ((line = line_take(p)) && strcmp(line, "}") != 0) {
        int failed = 0;
        if (++count > LINES_MAX)
            failed = fail(p, p->number, "more than %d lines in a suppression", LINES_MAX);
        else if (count == 1 && begins(line, "match-leak-kinds:"))
            failed = leak_kinds_read(p, line + 17, &by->leak_kinds);
        else
            failed = frame_read(p, line, &told);
        if (failed)
            return failed;
    }
    if (!line)
        return fail(p, opened, "this suppression has no closing brace");
    if (!told.named)
        return fail(p, opened, "the suppression '%.100s' names no frame (fun:, obj:, src:)", by->name);
    return told.ours ? 0 : 1;
}

/* ---- lines ---------------------------------------------------------------- */

/* A sanitizer's pattern is part of a text, unless ^ begins or $ ends it: as a glob. */
static const char *pattern_glob(struct suppressions *s, const char *pattern)
{
    size_t n = strlen(pattern);
    bool from_start = *pattern == '^', to_end = n > from_start && pattern[n - 1] == '$';
    s->texts = xgrow(s->texts, &s->texts_capacity, s->n_texts + 1, sizeof *s->texts);
    return s->texts[s->n_texts++] = xasprintf("%s%.*s%s", from_start ? "" : "*", (int)(n - from_start - to_end),
                                              pattern + from_start, to_end ? "" : "*");
}

static int type_read(struct parser *p, char *line)
{
    struct suppression *by = &p->s->list[p->s->n - 1];
    enum suppression_reach reach = REACH_FRAMES;
    char *colon = strchr(line, ':');
    if (!colon || colon == line)
        return fail(p, p->number, "'%.100s' is neither a { of a suppression nor TYPE:PATTERN", line);
    if (!colon[1])
        return fail(p, p->number, "nothing stands behind %.100s", line);
    by->name = line;
    by->pattern = pattern_glob(p->s, colon + 1);
    by->leak_kinds = LEAK_KINDS_ALL;
    *colon = 0;
    int found = suppression_scope_type(&by->scope, line, &reach);
    *colon = ':';
    by->reach = (uint8_t)reach;
    if (found < 0)
        return fail(p, p->number, "no type of suppression is called '%.*s' (leak, race, mutex, deadlock, called_from_lib, a rule, ...)",
                    (int)(colon - line < 100 ? colon - line : 100), line);
    return found;
}

/* ---- files ---------------------------------------------------------------- */

static int text_read(struct parser *p)
{
    struct suppressions *s = p->s;
    for (char *line; (line = line_take(p));) {
        s->list = xgrow(s->list, &s->capacity, s->n + 1, sizeof *s->list);
        s->list[s->n++] = (struct suppression){ .file = s->n_files - 1, .line = p->number, .first = s->n_sections };
        int found = strcmp(line, "{") ? type_read(p, line) : block_read(p);
        if (found) {
            s->n--;
            s->n_sections = s->list[s->n].first;
        }
        if (found < 0)
            return found;
    }
    return 0;
}

int suppressions_parse(struct suppressions *s, const char *name, const char *text, size_t bytes, char **error)
{
    s->files = xgrow(s->files, &s->files_capacity, s->n_files + 1, sizeof *s->files);
    s->files[s->n_files++] = xstrdup(name);
    if (memchr(text, 0, bytes)) {
        *error = xasprintf("%s holds a zero byte; it is no file of suppressions", name);
        return -EINVAL;
    }
    s->texts = xgrow(s->texts, &s->texts_capacity, s->n_texts + 1, sizeof *s->texts);
    struct parser p = { .s = s, .next = s->texts[s->n_texts++] = xstrndup(text, bytes) };
    int failed = text_read(&p);
    *error = p.error;
    return failed;
}

/* The whole file. A pipe (a shell's <(…)) is read to its end. */
static int file_read(const char *path, char **text, size_t *bytes)
{
    struct stat st;
    size_t n = 0, capacity = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC), failed;
    if (fd < 0)
        return -errno;
    failed = fstat(fd, &st) ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
    *text = NULL;
    while (!failed && got) {
        *text = xgrow(*text, &capacity, n + 65536, 1);
        got = read(fd, *text + n, 65536);
        if (got < 0 && errno != EINTR)
            failed = -errno;
        n += got > 0 ? (size_t)got : 0;
        if (n > FILE_BYTES_MAX)
            failed = -EFBIG;
    }
    close(fd);
    if (failed)
        free(*text);
    *bytes = n;
    return failed;
}

int suppressions_read(struct suppressions *s, const char *path, char **error)
{
    char *text = NULL;
    size_t bytes = 0;
    int failed = file_read(path, &text, &bytes);
    if (failed) {
        *error = xasprintf("cannot read the suppressions %s: %s", path, strerror(-failed));
        return failed;
    }
    failed = suppressions_parse(s, path, text, bytes, error);
    free(text);
    return failed;
}
