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
    for (size_t i = 0; sql_command_names[i]; i++)
        known_add(sql_command_names[i]);
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
            else if (!sql_command(s, text))
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
