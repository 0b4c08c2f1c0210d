/*
 * collector/cli/cmd_diff.c - `ownscope diff`: two traces, or two moments of one source.
 */
#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/table.h"

/* A B: both as they were at --at; else one source, from --since to --at. */
static json_t *document(struct reading *r)
{
    struct source before, after;
    struct doc_options o = query_doc_options(&r->query);
    const char *second = r->word_count == 2 ? r->words[1] : NULL, *at = r->query.at;
    if (r->word_count > 2)
        options_fail(&r->options, "two traces at most, not '%s' too", r->words[2]);
    if (second && (r->query.since || r->pid))
        options_fail(&r->options, "two traces, or --since TIME and one source; not both");
    if (!second && !r->query.since)
        options_fail(&r->options, "name two traces, or two moments of one: --since TIME");
    reading_source(r, r->word_count ? r->words[0] : NULL);
    if (r->origin.socket_path)
        return reading_ask(r, "diff");
    r->query.at = second ? at : r->query.since;
    reading_open(r, &before, QUERY_HEAP);
    if (second)
        reading_source(r, second);
    r->query.at = at;
    reading_open(r, &after, QUERY_HEAP);
    json_t *doc = doc_diff(before.view, &before.doc, after.view, &after.doc, &o);
    source_close(&before);
    source_close(&after);
    return doc;
}

int cmd_diff(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_diff, argc, argv);
    json_t *doc = document(&r);
    bool any = json_array_size(json_object_get(doc, "sites")) > 0 || json_array_size(json_object_get(doc, "types")) > 0;
    return reading_show_status(&r, doc, table_diff, any ? EXIT_FOUND : EXIT_NOTHING);
}
