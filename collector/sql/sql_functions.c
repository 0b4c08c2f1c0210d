/*
 * collector/sql/sql_functions.c - what ownscope-sql(7) adds to SQLite's own
 * functions: REGEXP (POSIX, extended), address(N) as 0x….
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "event/xalloc.h"
#include "export/text.h"
#include "sql/sql_room.h"

enum { PATTERN_BYTES_MAX = 1000 };

void put_text(sqlite3_context *to, const char *text, size_t bytes)
{
    size_t n = 0;
    while (n < bytes) {
        size_t part = text_utf8(text + n, bytes - n);
        if (!part)
            break;
        n += part;
    }
    if (n == bytes) {
        sqlite3_result_text64(to, text, bytes, SQLITE_TRANSIENT, SQLITE_UTF8);
        return;
    }
    json_t *j = text_json(text, bytes);
    sqlite3_result_text64(to, json_string_value(j), json_string_length(j), SQLITE_TRANSIENT, SQLITE_UTF8);
    json_decref(j);
}

void put_node(sqlite3_context *to, char kind, uint64_t id)
{
    char text[24];
    if (!id)
        return;
    int n = snprintf(text, sizeof text, "%c%llu", kind, (unsigned long long)id);
    sqlite3_result_text(to, text, n, SQLITE_TRANSIENT);
}

static void regex_free(void *r)
{
    regfree(r);
    free(r);
}

/* X REGEXP Y is regexp(Y, X). The compiled pattern is kept as long as the statement has the same one. */
static void function_regexp(sqlite3_context *to, int argc, sqlite3_value **argv)
{
    const char *pattern = (const char *)sqlite3_value_text(argv[0]), *text = (const char *)sqlite3_value_text(argv[1]);
    regex_t *r = sqlite3_get_auxdata(to, 0);
    char why[128];
    if (!pattern || !text)
        return;
    if (!r) {
        if (sqlite3_value_bytes(argv[0]) > PATTERN_BYTES_MAX) {
            sqlite3_result_error(to, "the pattern of REGEXP is too long", -1);
            return;
        }
        r = xmalloc(sizeof *r);
        int error = regcomp(r, pattern, REG_EXTENDED | REG_NOSUB);
        if (error) {
            regerror(error, r, why, sizeof why);
            free(r);
            char *message = xasprintf("REGEXP '%.100s': %s", pattern, why);
            sqlite3_result_error(to, message, -1);
            free(message);
            return;
        }
        sqlite3_set_auxdata(to, 0, r, regex_free);
        r = sqlite3_get_auxdata(to, 0);
        if (!r)
            return;
    }
    sqlite3_result_int(to, regexec(r, text, 0, NULL, 0) == 0);
}

static void function_address(sqlite3_context *to, int argc, sqlite3_value **argv)
{
    char text[24];
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    int n = snprintf(text, sizeof text, "0x%llx", (unsigned long long)sqlite3_value_int64(argv[0]));
    sqlite3_result_text(to, text, n, SQLITE_TRANSIENT);
}

int sql_functions_register(sqlite3 *db)
{
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int rc = sqlite3_create_function_v2(db, "regexp", 2, flags, NULL, function_regexp, NULL, NULL, NULL);
    return rc ? rc : sqlite3_create_function_v2(db, "address", 1, flags, NULL, function_address, NULL, NULL, NULL);
}
