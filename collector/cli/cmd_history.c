/*
 * collector/cli/cmd_history.c - `ownscope history`: the life of one block or lock.
 */
#include <unistd.h>

#include "cli/command.h"
#include "cli/reading.h"
#include "cli/table.h"

static int is_target(const char *word)
{
    struct doc_target target;
    return doc_target_parse(&target, word) == 0;
}

/* Which word is the block or lock and which the file: either order is fine. */
static void history_words(struct reading *r)
{
    const char *id = NULL, *file = NULL;
    if (r->word_count < 1)
        options_fail(&r->options, "the ID or address of a block or lock is missing");
    if (r->word_count > 2)
        options_fail(&r->options, "one source and one ID or address, not '%s' too", r->words[2]);
    id = r->words[r->word_count - 1];
    if (r->word_count == 2)
        file = r->words[0];
    if (file && is_target(file) && (!is_target(id) || access(id, F_OK) == 0)) {
        id = r->words[0];
        file = r->words[1];
    }
    if (!is_target(id))
        options_fail(&r->options, "'%s' is no ID of a block (b12) or lock (l3) and no address (0x7f12...)", id);
    r->query.id = id;
    reading_source(r, file);
}

int cmd_history(int argc, char **argv)
{
    struct reading r;
    struct source s;
    json_t *doc = NULL;
    reading_start(&r, &usage_history, argc, argv);
    history_words(&r);
    if (r.origin.socket_path)
        return reading_show(&r, reading_ask(&r, "history"), table_history);
    reading_open(&r, &s, QUERY_TRACE);
    reading_check(&r, &s, query_history(&s, &r.query, &doc));
    source_close(&s);
    return reading_show(&r, doc, table_history);
}
