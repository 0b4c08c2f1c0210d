/*
 * collector/cli/sql_session.h - one `ownscope sql`: its source, its output, and
 * the statements that are run on it, from the command line, a file or the prompt.
 */
#ifndef OWNSCOPE_SQL_SESSION_H
#define OWNSCOPE_SQL_SESSION_H

#include "cli/reading.h"
#include "cli/sql_output.h"
#include "sql/sql.h"

struct sql_session {
    struct reading *reading;
    struct sql *sql;
    struct sql_output *output;
    struct table_style style;
    char *path;                 /* the trace: the file, or the live session's */
    char *at;                   /* the moment that .at went to, NULL: none */
    bool stats;
    bool live;                  /* the collector is asked to write out what it has before each text */
    uint64_t rows;              /* of all statements */
    int status;                 /* EXIT_FOUND so far, or why it failed */
};

/* The source, open; ends the program where it cannot be. */
void sql_session_open(struct sql_session *s, struct reading *r);
void sql_session_close(struct sql_session *s);
/* All statements and commands (sql_command.c) of a text, or as far as one is wrong (which is said): s->status. */
void sql_session_run(struct sql_session *s, const char *text);
/* Another moment; false, and it was said: there is none. */
bool sql_session_move(struct sql_session *s, const char *at);
/* What the user presses ^C for: the statement that runs ends. */
void sql_session_interrupt(void);
/* A line that begins with a dot. False: it asks for the end. What is wrong is said, and told by s->status. */
bool sql_command(struct sql_session *s, const char *line);
extern const char *const sql_command_names[];   /* ended by NULL */
/* The prompt, until its end. */
void sql_prompt(struct sql_session *s);

#endif
