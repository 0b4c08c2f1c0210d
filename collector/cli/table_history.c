/*
 * collector/cli/table_history.c - `ownscope history`: the life of a block or lock, and
 * `ownscope events`: one event a line.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

enum { WIDE = 110 };

/* Times in a column: seconds with nine digits, so that neighbours can be told apart. */
static char *stamp_text(uint64_t ns)
{
    return xasprintf("%llu.%09llu", (unsigned long long)(ns / 1000000000u), (unsigned long long)(ns % 1000000000u));
}

/* `new` and `delete` are events, too: as families they get their C++ names. */
static const char *family_text(const json_t *object, const char *key)
{
    static const char *const names[][2] = {
        { "new", "operator new" }, { "new[]", "operator new[]" }, { "delete", "operator delete" }, { "delete[]", "operator delete[]" } };
    const char *family = get_text(object, key);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(family, names[i][0]))
            return names[i][1];
    return family;
}

static bool is_lock_event(const json_t *e) { return *get_text(e, "lock_kind"); }

/* `acquire mutex after 1.2 ms`, `release rwlock, shared`, `lock mutex init`. */
static char *lock_event_text(const json_t *e)
{
    const char *type = get_text(e, "type"), *kind = get_text(e, "lock_kind"), *by = get_text(e, "by");
    const char *shared = json_is_true(get(e, "shared")) ? ", shared" : "";
    uint64_t wait_ns = get_number(e, "wait_ns");
    if (!strcmp(type, "lock"))
        return xasprintf("lock %s %s", kind, by);
    if (!strcmp(type, "wait-end"))
        return xasprintf("wait-end %s, %s", kind, strerrorname_np((int)get_number(e, "errno")) ? strerrorname_np((int)get_number(e, "errno")) : "failed");
    if (wait_ns)
        return xasprintf("%s %s after %s%s%s%s", type, kind, number_time(wait_ns).text, shared, *by ? ", " : "", by);
    return xasprintf("%s %s%s%s%s", type, kind, shared, *by ? ", " : "", by);
}

/* `borrow memcpy writes 24 bytes at 8` */
static char *copy_text(const json_t *e)
{
    return xasprintf("borrow %s %s %s at %llu", get_text(e, "copied_by"), json_is_true(get(e, "mutable")) ? "writes" : "reads",
                     number_bytes(get_number(e, "size_bytes")).text, (unsigned long long)get_number(e, "offset_bytes"));
}

/* What happened, in the model's words: `new malloc`, `move t1 -> t2, taken`. */
static char *event_text(const json_t *e, bool addresses)
{
    if (is_lock_event(e))
        return lock_event_text(e);
    if (*get_text(e, "copied_by"))
        return copy_text(e);
    const char *type = get_text(e, "type"), *by = get_text(e, "by"), *family = family_text(e, "family");
    const char *address = addresses || !*get_text(e, "node") ? get_text(e, "address") : "";
    if (!strcmp(type, "move") && *get_text(e, "old_address"))
        return xasprintf("move %s -> %s", get_text(e, "old_address"), get_text(e, "address"));
    if (!strcmp(type, "move"))
        return xasprintf("move %s -> %s, %s", get_text(e, "from"), get_text(e, "to"), by);
    if (!strncmp(type, "borrow", 6))
        return xasprintf("%s %s, %s", type, get_text(e, "to"), by);
    if (!strcmp(type, "new"))
        return xasprintf("new %s%s%s", family, *address ? " " : "", address);
    if (!strcmp(type, "drop"))
        return xasprintf("drop %s%s%s%s%s", *family ? family : by, *address ? " " : "", address, *family && *by ? ", " : "", *family ? by : "");
    if (!strcmp(type, "lost"))
        return xasprintf("lost %llu, %s", (unsigned long long)get_number(e, "count"), get_text(e, "reason"));
    if (!strcmp(type, "snapshot"))
        return xasprintf("snapshot %llu, %s, of %s blocks", (unsigned long long)get_number(e, "number"), by, number_count(get_number(e, "blocks")).text);
    const char *words = get_text(e, "text");
    return xasprintf("%s%s%s%s%s", type, *by ? " " : "", by, *words ? " " : "", words);
}

static bool event_has_size(const json_t *e)
{
    const char *type = get_text(e, "type");
    return !strcmp(type, "new") || (!strcmp(type, "move") && *get_text(e, "old_address"));
}

void table_events_head(FILE *out, const struct table_style *s)
{
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_HEAD);
    line_right(&l, 13, "seconds");
    line_text(&l, "  ");
    line_left(&l, 7, "thread");
    line_left(&l, 10, "node");
    line_right(&l, 11, "bytes");
    line_text(&l, "  event");
    line_end(&l);
}

void table_event(FILE *out, const json_t *e, const struct table_style *s)
{
    const json_t *stack = get(e, "stack");
    struct shown shown = shown_frames(stack, NULL, 1);
    char *stamp = stamp_text(get_number(e, "ns")), *text = event_text(e, s->whole || s->width >= WIDE);
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_right(&l, 13, stamp);
    line_look(&l, LOOK_PLAIN);
    line_text(&l, "  ");
    line_left(&l, 7, *get_text(e, "thread") ? get_text(e, "thread") : get_text(e, "process"));
    line_left(&l, 10, *get_text(e, "node") ? get_text(e, "node") : "-");
    line_right(&l, 11, event_has_size(e) ? number_count(get_number(e, "size_bytes")).text : "");
    line_text(&l, "  ");
    line_text(&l, text);
    if (shown.count && (s->whole || line_room(&l) > 12)) {
        char *frame = frame_text(json_array_get(stack, shown.index[0]), line_room(&l) > 2 ? line_room(&l) - 2 : 0, s->whole);
        line_look(&l, LOOK_DIM);
        line_text(&l, "  ");
        line_text(&l, frame);
        free(frame);
    }
    line_end(&l);
    free(stamp);
    free(text);
}

/* ---- history ---- */

static void lock_head(FILE *out, const json_t *node, const struct table_style *s)
{
    const json_t *wait = get(node, "wait_ns"), *hold = get(node, "hold_ns");
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_HEAD);
    line_format(&l, "lock %s: %s %s", get_text(node, "id"), get_text(node, "lock_kind"), get_text(node, "where"));
    line_end(&l);
    char *text = xasprintf("acquired %s times, %s contended; waited for %s, held for %s", number_count(get_number(node, "acquisitions")).text,
                           number_count(get_number(node, "contended")).text, number_time(get_number(wait, "total")).text,
                           number_time(get_number(hold, "total")).text);
    line_wrapped(out, s, LOOK_PLAIN, 2, 2, text);
    free(text);
}

static void node_head(FILE *out, const json_t *node, const struct table_style *s)
{
    if (!strcmp(get_text(node, "kind"), "lock")) {
        lock_head(out, node, s);
        return;
    }
    bool dropped = json_is_integer(get(node, "dropped_ns"));
    uint64_t born_ns = get_number(node, "born_ns"), dropped_ns = get_number(node, "dropped_ns");
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_HEAD);
    line_format(&l, "block %s: %s byte%s at %s, made by %s in %s", get_text(node, "id"), number_count(get_number(node, "size_bytes")).text,
                get_number(node, "size_bytes") == 1 ? "" : "s", get_text(node, "address"), family_text(node, "family"), get_text(node, "thread"));
    line_end(&l);
    char *text;
    if (dropped)
        text = xasprintf("lived %s, from %s to %s", number_time(dropped_ns > born_ns ? dropped_ns - born_ns : 0).text,
                         number_time(born_ns).text, number_time(dropped_ns).text);
    else
        text = xasprintf("alive since %s, owned by %s (%s)", number_time(born_ns).text, get_text(node, "owner"), get_text(node, "owned_by"));
    line_wrapped(out, s, LOOK_PLAIN, 2, 2, text);
    free(text);
}

static void other_blocks(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "blocks");
    uint64_t all = get_number(doc, "blocks_total");
    if (all < 2)
        return;
    char *text = xasprintf("%s blocks held this address; this is the last:", number_count(all).text);
    for (size_t i = 0; i < json_array_size(list) && i < 12; i++) {
        char *more = xasprintf("%s %s", text, json_string_value(json_array_get(list, i)));
        free(text);
        text = more;
    }
    if (all > 12) {
        char *more = xasprintf("%s ..", text);
        free(text);
        text = more;
    }
    line_wrapped(out, s, LOOK_DIM, 2, 4, text);
    free(text);
}

void table_history(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *events = get(doc, "events");
    node_head(out, get(doc, "node"), s);
    other_blocks(out, doc, s);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i), *stack = get(e, "stack");
        char *stamp = stamp_text(get_number(e, "ns")), *text = event_text(e, true);
        struct line l;
        line_begin(&l, out, s);
        line_end(&l);
        line_look(&l, LOOK_DIM);
        line_right(&l, 13, stamp);
        line_look(&l, LOOK_NUMBER);
        line_text(&l, "  ");
        line_left(&l, 6, *get_text(e, "thread") ? get_text(e, "thread") : "-");
        line_look(&l, LOOK_HEAD);
        line_text(&l, text);
        line_look(&l, LOOK_PLAIN);
        if (event_has_size(e))
            line_format(&l, ", %s bytes", number_count(get_number(e, "size_bytes")).text);
        line_end(&l);
        free(stamp);
        free(text);
        struct shown shown = shown_frames(stack, NULL, 6);
        if (!json_array_size(stack))
            continue;
        line_to(&l, 21);
        line_stack(&l, stack, &shown);
    }
    uint64_t all = get_number(doc, "events_total");
    if (all > json_array_size(events)) {
        struct line l;
        line_begin(&l, out, s);
        line_format(&l, "and %s more", number_count(all - json_array_size(events)).text);
        line_end(&l);
    }
}
