/*
 * collector/cli/cmd_ctl.c - `ownscope ctl`: tells the collector of a live
 * process to do something, and prints what came of it.
 */
#include <string.h>

#include "cli/message.h"
#include "cli/reading.h"

/* ---- what is printed ---- */

static json_int_t number(const json_t *doc, const char *key) { return json_integer_value(json_object_get(doc, key)); }

static const char *text(const json_t *doc, const char *key)
{
    const char *t = json_string_value(json_object_get(doc, key));
    return t ? t : "?";
}

static void print_dump(FILE *out, const json_t *doc, const struct table_style *s)
{
    fprintf(out, "trace written to %s\n", text(doc, "dump"));
}

static void print_snapshot(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *refused = json_object_get(doc, "refused");
    fprintf(out, "snapshot %lld of %s (process %lld): %lld blocks, %lld bytes", (long long)number(doc, "snapshot"),
            text(doc, "process"), (long long)number(doc, "pid"), (long long)number(doc, "blocks"), (long long)number(doc, "bytes"));
    if (json_is_string(refused))
        fprintf(out, "\nclasses unknown: %s\n", json_string_value(refused));
    else
        fprintf(out, ", %lld pointers\n%s; it stood still for %.3f ms, and reading it took %.3f ms\n", (long long)number(doc, "edges"),
            text(doc, "how"), (double)number(doc, "pause_ns") / 1e6, (double)number(doc, "scan_ns") / 1e6);
    if (json_object_get(doc, "dump"))
        print_dump(out, doc, s);
}

static void print_mark(FILE *out, const json_t *doc, const struct table_style *s)
{
    fprintf(out, "marked %s\n", text(doc, "mark"));
}

static void print_status(FILE *out, const json_t *doc, const struct table_style *s)
{
    static const char *const keys[] = { "session", "collector", "trace", "command", "at_ns", "events", "processes_alive",
                                        "live_blocks", "live_bytes" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *v = json_object_get(doc, keys[i]);
        if (json_is_string(v))
            fprintf(out, "%-16s %s\n", keys[i], json_string_value(v));
        else if (v)
            fprintf(out, "%-16s %lld\n", keys[i], (long long)json_integer_value(v));
    }
}

/* ---- verbs ---- */

static const struct verb {
    const char *name;
    int words;              /* it takes */
    bool asks;              /* changes nothing */
    reading_table print;
} verbs[] = {
    { "snapshot", 0, false, print_snapshot }, { "dump", 0, false, print_dump }, { "mark", 1, false, print_mark }, { "status", 0, true, print_status }, { 0 }
};

static const struct verb *verb_find(const struct options *o, char **words, int n)
{
    const struct verb *v = verbs;
    if (!n)
        options_fail(o, "ctl needs a word: snapshot, dump, mark NAME or status");
    while (v->name && strcmp(v->name, words[0]) != 0)
        v++;
    if (!v->name)
        options_fail(o, "ctl knows no '%s' in this version: snapshot, dump, mark NAME and status are all there is", words[0]);
    if (n - 1 < v->words)
        options_fail(o, "ctl %s needs a name", v->name);
    if (n - 1 > v->words)
        options_fail(o, "ctl %s takes no '%s'", v->name, words[1 + v->words]);
    return v;
}

int cmd_ctl(int argc, char **argv)
{
    struct reading r;
    reading_start(&r, &usage_ctl, argc, argv);
    const struct verb *v = verb_find(&r.options, r.words, r.word_count);
    if (!r.pid)
        options_fail(&r.options, "ctl needs -p PID: the collector of which process; ownscope ps lists them");
    reading_source(&r, NULL);
    if (v->words)
        r.query.name = r.words[1];
    else if (!v->asks)
        r.query.pid = r.pid;
    return reading_show(&r, v->asks ? reading_ask(&r, v->name) : reading_tell(&r, v->name), v->print);
}
