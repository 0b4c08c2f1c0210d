/*
 * collector/cli/sql_prompt.c - the prompt of `ownscope sql` on a terminal:
 * lines by libedit, a history that lasts, names completed, commands that begin
 * with a dot. A statement may take several lines; it ends with a semicolon.
 *
 * ^C ends the statement that runs, or the line that is being written; ^D ends the prompt.
 */
#include <editline/readline.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/sql_session.h"
#include "event/xalloc.h"

enum { HISTORY_MOST = 1000 };

static const char *const commands[] = { ".at", ".help", ".mode", ".quit", ".schema", ".stats", ".tables", NULL };
static const char *const words[] = { "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "JOIN", "count(*)", "sum(", "DESC",
                                     "REGEXP", "IS NULL", "BETWEEN", "address(", NULL };

/* ---- history ---- */

/* $XDG_STATE_HOME/ownscope/sql_history, made if need be; malloc'ed, NULL: nowhere. */
static char *history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if ((!state || *state != '/') && (!home || !*home))
        return NULL;
    char *base = state && *state == '/' ? xstrdup(state) : xasprintf("%s/.local/state", home);
    char *folder = xasprintf("%s/ownscope", base), *path = xasprintf("%s/sql_history", folder);
    for (char *slash = folder + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(folder, 0700);
        *slash = '/';
    }
    mkdir(folder, 0700);
    free(folder);
    free(base);
    return path;
}

static void history_begin(const char *path)
{
    using_history();
    stifle_history(HISTORY_MOST);
    if (path)
        read_history(path);
}

static void history_end(const char *path)
{
    mode_t mask = umask(0077);
    if (path)
        write_history(path);
    umask(mask);
}

/* ---- completion: tables, their columns, words, commands ---- */

struct names { char **list; size_t n, capacity; };
static struct names known;

static void known_add(const char *name)
{
    for (size_t i = 0; i < known.n; i++)
        if (!strcmp(known.list[i], name))
            return;
    known.list = xgrow(known.list, &known.capacity, known.n + 1, sizeof *known.list);
    known.list[known.n++] = xstrdup(name);
}

static void known_make(void)
{
    for (const char *const *t = sql_tables(); *t; t++) {
        char *schema = sql_schema(*t);
        known_add(*t);
        for (char *p = schema; (p = strchr(p, '"'));) {
            char *end = strchr(++p, '"');
            *end = 0;
            known_add(p);
            p = end + 1;
        }
        free(schema);
    }
    for (size_t i = 0; words[i]; i++)
        known_add(words[i]);
    for (size_t i = 0; commands[i]; i++)
        known_add(commands[i]);
}

/* The state-th name that begins so; readline frees it. */
static char *name_match(const char *begin, int state)
{
    static size_t at;
    size_t n = strlen(begin);
    if (!state)
        at = 0;
    while (at < known.n) {
        const char *name = known.list[at++];
        if (!strncasecmp(name, begin, n))
            return strdup(name);
    }
    return NULL;
}

static char **complete(const char *begin, int start, int end)
{
    rl_attempted_completion_over = 1;
    return rl_completion_matches(begin, name_match);
}

/* ---- commands ---- */

static void command_help(void)
{
    puts(".at TIME      another moment: 350ms, event:N, mark:NAME, peak, end\n"
         ".mode FORMAT  table, csv, json, lines\n"
         ".schema [T]   the columns of all tables, or of one\n"
         ".stats on|off how much of the trace each question read\n"
         ".tables       the tables' names\n"
         ".quit         the end; so does ^D\n"
         "A question ends with a semicolon. man ownscope-sql, man 7 ownscope-sql");
}

/* false: no such table, mode, moment, command; a text that is not typed ends there. */
static bool command_schema(struct sql_session *s, const char *table)
{
    char *text = NULL;
    for (const char *const *t = sql_tables(); *t; t++) {
        if (*table && strcmp(*t, table))
            continue;
        text = sql_schema(*t);
        fputs(text, stdout);
        free(text);
        s->rows++;
    }
    if (!text)
        message("no table '%s'; .tables says which there are", table);
    return text != NULL;
}

static bool command_tables(struct sql_session *s)
{
    for (const char *const *t = sql_tables(); *t; t++, s->rows++)
        puts(*t);
    return true;
}

static bool command_mode(struct sql_session *s, const char *name)
{
    for (int i = 0; sql_format_names[i]; i++)
        if (!strcmp(name, sql_format_names[i])) {
            sql_output_free(s->output);
            s->output = sql_output_new(stdout, (enum sql_format)i, &s->style);
            return true;
        }
    message("no mode '%s'; there are table, csv, json and lines", name);
    return false;
}

static bool command_at(struct sql_session *s, const char *at)
{
    static char *kept;
    char *text = xstrdup(*at ? at : "end");
    if (sql_session_move(s, text)) {
        free(kept);
        kept = text;
        return true;
    }
    free(text);
    return false;
}

/* False: the prompt ends. */
static bool command(struct sql_session *s, char *line)
{
    char *argument = line + strcspn(line, " \t");
    if (*argument)
        *argument++ = 0;
    argument += strspn(argument, " \t");
    for (size_t n = strlen(argument); n && strchr(" \t;", argument[n - 1]);)
        argument[--n] = 0;
    if (!strcmp(line, ".quit") || !strcmp(line, ".exit"))
        return false;
    bool good = true;
    fflush(stdout);
    if (!strcmp(line, ".tables"))
        good = command_tables(s);
    else if (!strcmp(line, ".schema"))
        good = command_schema(s, argument);
    else if (!strcmp(line, ".mode"))
        good = command_mode(s, argument);
    else if (!strcmp(line, ".at"))
        good = command_at(s, argument);
    else if (!strcmp(line, ".stats"))
        s->stats = strcmp(argument, "off") != 0;
    else if (!strcmp(line, ".help"))
        command_help();
    else {
        message("no command '%s'; .help says which there are", line);
        good = false;
    }
    if (!good)
        s->status = EXIT_USAGE;
    return true;
}

/* ---- a text that is not typed ---- */

/* Where the statements end that begin here: before a line with a command behind a whole one, or at the text's end. */
static size_t statements(const char *text)
{
    for (const char *end = text; (end = strchr(end, '\n')) != NULL;) {
        if (*++end != '.')
            continue;
        char *before = xasprintf("%.*s", (int)(end - text), text);
        bool whole = sqlite3_complete(before);
        free(before);
        if (whole)
            return (size_t)(end - text);
    }
    return strlen(text);
}

void sql_script(struct sql_session *s, const char *text)
{
    bool on = true;
    while (on && !s->status && *(text += strspn(text, " \t\r\n"))) {
        size_t n = *text == '.' ? strcspn(text, "\r\n") : statements(text);
        char *part = xasprintf("%.*s", (int)n, text);
        if (*text == '.')
            on = command(s, part);
        else
            sql_session_run(s, part);
        free(part);
        text += n;
    }
}

/* ---- lines ---- */

static sigjmp_buf at_line;
static volatile sig_atomic_t lining;        /* a line is being written */

static void on_interrupt(int signal)
{
    if (lining)
        siglongjmp(at_line, 1);
    sql_session_interrupt();
}

/* A line; *stopped: ^C took it away. */
static char *read_line(const char *prompt, bool *stopped)
{
    struct sigaction ours = { .sa_handler = on_interrupt }, old;
    char *line = NULL;
    sigaction(SIGINT, &ours, &old);
    *stopped = sigsetjmp(at_line, 1) != 0;
    if (!*stopped) {
        lining = 1;
        line = readline(prompt);
    }
    lining = 0;
    sigaction(SIGINT, &old, NULL);
    return *stopped ? NULL : line;
}

static void run(struct sql_session *s, const char *text)
{
    struct sigaction ours = { .sa_handler = on_interrupt }, old;
    sigaction(SIGINT, &ours, &old);
    if (s->live && !s->reading->query.at)
        sql_session_move(s, NULL);      /* what happened meanwhile */
    sql_session_run(s, text);
    fflush(stdout);
    sigaction(SIGINT, &old, NULL);
}

void sql_prompt(struct sql_session *s)
{
    char *path = history_path(), *text = NULL, *line;
    bool stopped;
    rl_readline_name = "ownscope";
    rl_attempted_completion_function = complete;
    known_make();
    history_begin(path);
    while ((line = read_line(text ? "     ...> " : "ownscope> ", &stopped)) != NULL || stopped) {
        if (stopped) {
            putchar('\n');
            free(text);
            text = NULL;
            continue;
        }
        char *longer = text ? xasprintf("%s\n%s", text, line) : xstrdup(line + strspn(line, " \t"));
        bool empty = !*line;
        free(text);
        free(line);
        text = longer;
        if (*text == '.' || (sqlite3_complete(text) && !empty)) {
            add_history(text);
            if (*text != '.')
                run(s, text);
            else if (!command(s, text))
                break;
            s->status = 0;
            free(text);
            text = NULL;
        } else if (!*text) {
            free(text);
            text = NULL;
        }
    }
    if (!line)
        putchar('\n');
    history_end(path);
    free(text);
    free(path);
}
