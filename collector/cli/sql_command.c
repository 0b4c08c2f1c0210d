/*
 * collector/cli/sql_command.c - the commands of `ownscope sql` that begin with a dot: a line of the prompt, of a file, of
 * standard input or of the command line. They say what there is, or how the answers behind them are to be.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/message.h"
#include "cli/sql_session.h"
#include "event/xalloc.h"

const char *const sql_command_names[] = { ".at", ".help", ".mode", ".quit", ".schema", ".stats", ".tables", NULL };

static void command_fail(struct sql_session *s, const char *what, const char *name, const char *there_are)
{
    fflush(stdout);
    message("no %s '%s'; %s", what, name, there_are);
    s->status = EXIT_USAGE;
}

static void command_help(struct sql_session *s)
{
    puts(".at TIME      another moment: 350ms, event:N, mark:NAME, peak, end\n"
         ".mode FORMAT  table, csv, json, lines\n"
         ".schema [T]   the columns of all tables, or of one\n"
         ".stats on|off how much of the trace each question read\n"
         ".tables       the tables' names\n"
         ".quit         the end; so does ^D\n"
         "A question ends with a semicolon. man ownscope-sql, man 7 ownscope-sql");
    s->rows++;
}

static void command_tables(struct sql_session *s)
{
    for (const char *const *t = sql_tables(); *t; t++, s->rows++)
        puts(*t);
}

static void command_schema(struct sql_session *s, const char *table)
{
    bool found = false;
    for (const char *const *t = sql_tables(); *t; t++) {
        if (*table && sqlite3_stricmp(*t, table))
            continue;
        char *text = sql_schema(*t);
        fputs(text, stdout);
        free(text);
        found = true;
        s->rows++;
    }
    if (!found)
        command_fail(s, "table", table, ".tables says which there are");
}

static void command_mode(struct sql_session *s, const char *name)
{
    for (int i = 0; sql_format_names[i]; i++)
        if (!strcmp(name, sql_format_names[i])) {
            sql_output_free(s->output);
            s->output = sql_output_new(stdout, (enum sql_format)i, &s->style);
            return;
        }
    command_fail(s, "mode", name, "there are table, csv, json and lines");
}

static void command_at(struct sql_session *s, const char *at)
{
    char *text = xstrdup(*at ? at : "end");
    if (sql_session_move(s, text)) {
        free(s->at);
        s->at = text;
    } else {
        s->status = EXIT_USAGE;
        free(text);
    }
}

static bool command_run(struct sql_session *s, const char *name, const char *argument)
{
    if (!strcmp(name, ".quit") || !strcmp(name, ".exit"))
        return false;
    if (!strcmp(name, ".tables"))
        command_tables(s);
    else if (!strcmp(name, ".schema"))
        command_schema(s, argument);
    else if (!strcmp(name, ".mode"))
        command_mode(s, argument);
    else if (!strcmp(name, ".at"))
        command_at(s, argument);
    else if (!strcmp(name, ".stats"))
        s->stats = strcmp(argument, "off") != 0;
    else if (!strcmp(name, ".help"))
        command_help(s);
    else
        command_fail(s, "command", name, ".help says which there are");
    return true;
}

bool sql_command(struct sql_session *s, const char *line)
{
    static const char blanks[] = " \t\r\n";
    char *name = xstrdup(line + strspn(line, blanks)), *argument = name + strcspn(name, " \t\r\n;");
    if (*argument)
        *argument++ = 0;
    argument += strspn(argument, blanks);
    for (size_t n = strlen(argument); n && strchr(" \t\r\n;", argument[n - 1]);)
        argument[--n] = 0;
    bool more = command_run(s, name, argument);
    free(name);
    return more;
}
