/*
 * collector/cli/sql_output.h - rows of `ownscope sql`: as a table, CSV, JSON or
 * one value a line, written as they come. Only a table waits for rows, some
 * hundreds, to know how wide its columns are.
 */
#ifndef OWNSCOPE_SQL_OUTPUT_H
#define OWNSCOPE_SQL_OUTPUT_H

#include <sqlite3.h>
#include <stdio.h>

#include "cli/table.h"

enum sql_format { SQL_TABLE, SQL_CSV, SQL_JSON, SQL_LINES, SQL_FORMATS };
extern const char *const sql_format_names[];    /* ended by NULL */

struct sql_output;
struct sql_output *sql_output_new(FILE *out, enum sql_format format, const struct table_style *style);
/* Before the rows of a statement, for each, and behind them: also when it ended early. */
void sql_output_head(struct sql_output *o, sqlite3_stmt *s);
void sql_output_row(struct sql_output *o, sqlite3_stmt *s);
void sql_output_foot(struct sql_output *o);
void sql_output_free(struct sql_output *o);

#endif
