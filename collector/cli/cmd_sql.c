/*
 * collector/cli/cmd_sql.c - `ownscope sql`: questions to a trace in SQL.
 *
 * A live source is asked to write out its trace, which is then read here: so a
 * question can neither hold the collector up nor hurt it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/sql_session.h"
#include "event/xalloc.h"

enum { TEXT_BYTES_MAX = 1 << 20 };

/* A file's text, "-" being standard input; malloc'ed. */
static char *text_of_file(const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *text = NULL;
    size_t bytes = 0, capacity = 0, got;
    if (!f)
        message_fail(EXIT_USAGE, "cannot read %s: %s; name a file of SQL with -i", path, strerror(errno));
    do {
        text = xgrow(text, &capacity, bytes + 65536, 1);
        got = fread(text + bytes, 1, 65535, f);
        bytes += got;
    } while (got && bytes <= TEXT_BYTES_MAX);
    if (ferror(f))
        message_fail(EXIT_USAGE, "cannot read %s: %s; name a file of SQL with -i", path, strerror(errno));
    if (bytes > TEXT_BYTES_MAX)
        message_fail(EXIT_USAGE, "%s is longer than a megabyte; ask in parts", path);
    text[bytes] = 0;
    if (strlen(text) != bytes)
        message_fail(EXIT_USAGE, "%s is no text", path);
    if (f != stdin)
        fclose(f);
    return text;
}

/* A word that names a trace, and no question. */
static bool is_source(const char *word)
{
    size_t n = strlen(word);
    return access(word, F_OK) == 0 || (n > 4 && strcmp(word + n - 4, ".own") == 0);
}

/* The words: [SOURCE] [QUERY], either order. Returns the question, or NULL. */
static const char *words(struct reading *r, const char *file)
{
    const char *source = NULL, *query = NULL;
    if (r->word_count > 2)
        options_fail(&r->options, "one source and one question, not '%s' too: put the question in quotes", r->words[2]);
    for (int i = 0; i < r->word_count; i++)
        if (!source && is_source(r->words[i]))
            source = r->words[i];
        else if (!query)
            query = r->words[i];
        else
            options_fail(&r->options, "neither '%s' nor '%s' is a trace file", query, r->words[i]);
    if (query && file)
        options_fail(&r->options, "a question and -i %s are two; give one", file);
    reading_source(r, source);
    return query;
}

int cmd_sql(int argc, char **argv)
{
    struct reading r;
    struct sql_session s;
    reading_start(&r, &usage_sql, argc, argv);
    const char *query = words(&r, r.input);
    char *text = query ? NULL : r.input ? text_of_file(r.input) : isatty(STDIN_FILENO) ? NULL : text_of_file("-");
    sql_session_open(&s, &r);
    s.stats = r.stats;
    s.output = sql_output_new(stdout, r.json ? SQL_JSON : (enum sql_format)r.rows_as, &s.style);
    if (query || text)
        sql_session_run(&s, query ? query : text);
    else
        sql_prompt(&s);
    int status = s.status ? s.status : s.rows || (!query && !text) ? EXIT_FOUND : EXIT_NOTHING;
    sql_session_close(&s);
    free(text);
    return message_finish_output(stdout, "standard output", status);
}
