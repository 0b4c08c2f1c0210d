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

/* What came in one place, or (the whole) in all; of an estimate what came at least, lest chance fails a job. */
static uint64_t came(const json_t *one)
{
    json_int_t bytes = json_integer_value(json_object_get(one, "bytes"));
    json_int_t off = json_integer_value(json_object_get(json_object_get(one, "error"), "bytes"));
    return bytes > off ? (uint64_t)(bytes - off) : 0;
}

/* Places are what CI is after: one that leaks may hide behind another that shrank. They come with the largest
 * difference first, so the largest growth is among those that the document has. */
static uint64_t grown_most(const json_t *sites)
{
    const json_t *site;
    size_t i;
    uint64_t most = 0;
    json_array_foreach((json_t *)sites, i, site)
        most = came(site) > most ? came(site) : most;
    return most;
}

/* True, and one line: more came than --fail-if-grown lets pass. */
static bool is_grown(const struct reading *r, const json_t *doc)
{
    bool estimated = json_object_get(json_object_get(doc, "totals"), "error");
    uint64_t all = came(json_object_get(doc, "totals")), most = grown_most(json_object_get(doc, "sites"));
    if (!r->grown_asked || (all <= r->grown_bytes && most <= r->grown_bytes))
        return false;
    fflush(stdout);
    message("grown by %s%llu bytes in all and %llu in one place; --fail-if-grown lets %llu pass", estimated ? "at least " : "", (unsigned long long)all,
            (unsigned long long)most, (unsigned long long)r->grown_bytes);
    return true;
}

int cmd_diff(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_diff, argc, argv);
    json_t *doc = json_incref(document(&r));
    bool any = json_array_size(json_object_get(doc, "sites")) > 0 || json_array_size(json_object_get(doc, "types")) > 0;
    int status = reading_show_status(&r, doc, table_diff, any || r.grown_asked ? EXIT_FOUND : EXIT_NOTHING);
    if (status == EXIT_FOUND && is_grown(&r, doc))
        status = r.verdict.status;
    json_decref(doc);
    return status;
}
