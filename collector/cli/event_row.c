/*
 * collector/cli/event_row.c - see event_row.h. On the path of every event that
 * is printed: text is put together piece by piece, nothing is formatted twice.
 */
#include "cli/event_row.h"

#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "export/doc_control.h"

/* ---- from a document ---- */

static struct row_id id_of_json(const json_t *event, const char *key)
{
    const char *text = get_text(event, key);
    return (struct row_id){ .kind = *text, .id = *text ? strtoull(text + 1, NULL, 10) : 0 };
}

static uint64_t address_of_json(const json_t *event, const char *key)
{
    return strtoull(get_text(event, key), NULL, 16);
}

void event_row_of_json(struct event_row *r, const json_t *e)
{
    const char *text = get_text(e, "text");
    *r = (struct event_row){
        .ns = get_number(e, "ns"), .thread = id_of_json(e, "thread"), .process = id_of_json(e, "process"),
        .node = id_of_json(e, "node"), .from = id_of_json(e, "from"), .to = id_of_json(e, "to"),
        .type = get_text(e, "type"), .by = get_text(e, "by"), .family = get_text(e, "family"),
        .copied_by = get_text(e, "copied_by"), .lock_kind = get_text(e, "lock_kind"), .reason = get_text(e, "reason"),
        .text = text, .text_bytes = strlen(text), .address = address_of_json(e, "address"),
        .old_address = address_of_json(e, "old_address"), .size = get_number(e, "size_bytes"),
        .offset = get_number(e, "offset_bytes"), .wait_ns = get_number(e, "wait_ns"), .number = get_number(e, "number"),
        .blocks = get_number(e, "blocks"), .lost = get_number(e, "count"), .error = (int)get_number(e, "errno"),
        .has_address = *get_text(e, "address"), .shared = json_is_true(get(e, "shared")),
        .is_mutable = json_is_true(get(e, "mutable")) };
}

/* ---- from the fold: the same members as event_json.c's ---- */

static struct row_id id_of(char kind, uint64_t id) { return (struct row_id){ id ? kind : 0, id }; }

static struct row_id party(const struct fact *f, uint32_t thread)
{
    return thread ? id_of('t', thread) : id_of('p', f->process);
}

static struct row_id node_of(const struct fact *f)
{
    if (f->block)
        return id_of('b', f->block);
    if (f->lock)
        return id_of('l', f->lock);
    if (f->type == FACT_THREAD)
        return id_of('t', f->to_thread ? f->to_thread : f->thread);
    return id_of('p', f->type == FACT_PROCESS || f->type == FACT_SNAPSHOT ? f->process : 0);
}

void event_row_of_fact(struct event_row *r, const struct fact *f)
{
    *r = (struct event_row){
        .ns = f->ns, .thread = id_of('t', f->thread), .process = id_of('p', f->process), .node = node_of(f),
        .type = fact_type_name(f->type), .by = f->by ? f->by : "", .family = "", .copied_by = "", .lock_kind = "", .reason = "",
        .text = f->text && f->text_bytes ? f->text : "", .shared = f->shared, .is_mutable = f->is_mutable };
    r->text_bytes = *r->text ? strnlen(f->text, f->text_bytes) : 0;
    switch (f->type) {
    case FACT_MOVE: case FACT_BORROW: case FACT_BORROW_END:
        if (f->type == FACT_BORROW && !strcmp(r->by, "copied")) {
            r->copied_by = copy_name(f->family);
            r->offset = f->offset;
            r->size = f->size;
            break;
        }
        r->from = party(f, f->from_thread);
        r->to = party(f, f->to_thread);
        r->old_address = f->old_address;
        /* fall through */
    case FACT_NEW: case FACT_DROP:
        r->address = f->address;
        r->has_address = true;
        r->size = f->size;
        r->family = f->family ? family_name(f->family) : "";
        break;
    case FACT_ACQUIRE: case FACT_RELEASE: case FACT_WAIT: case FACT_WAIT_END: case FACT_LOCK:
        r->lock_kind = lock_name(f->lock_family);
        r->wait_ns = f->type == FACT_ACQUIRE ? f->wait_ns : 0;
        r->shared = f->shared && (f->type == FACT_ACQUIRE || f->type == FACT_RELEASE);
        r->error = f->type == FACT_WAIT_END ? (int)f->size : 0;
        break;
    case FACT_LOST:
        r->reason = lost_name((unsigned)(f->address < WIRE_LOST_REASONS ? f->address : WIRE_LOST_REASONS));
        r->lost = f->size;
        break;
    case FACT_SNAPSHOT:
        r->number = f->address;
        r->blocks = f->size;
        break;
    case FACT_RATE:
        r->number = f->address;
        break;
    case FACT_CONTROL:
        r->reason = doc_recording_name(f->address < UINT8_MAX ? (unsigned)f->address : UINT8_MAX);
        break;
    default:
        break;
    }
}

/* ---- as text ---- */

struct put { char *at, *end; };

static void put_bytes(struct put *p, const char *text, size_t n)
{
    if (n > (size_t)(p->end - p->at))
        n = (size_t)(p->end - p->at);
    memcpy(p->at, text, n);
    p->at += n;
}

static void put_text(struct put *p, const char *text) { put_bytes(p, text, strlen(text)); }

static void put_digits(struct put *p, uint64_t value, unsigned base, unsigned least)
{
    char digits[24], *at = digits + sizeof digits;
    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value || (size_t)(digits + sizeof digits - at) < least);
    put_bytes(p, at, (size_t)(digits + sizeof digits - at));
}

static void put_address(struct put *p, uint64_t address)
{
    put_text(p, "0x");
    put_digits(p, address, 16, 1);
}

static void put_id(struct put *p, struct row_id id)
{
    put_bytes(p, &id.kind, 1);
    put_digits(p, id.id, 10, 1);
}

/* `separator` and the text, if there is any. */
static void put_more(struct put *p, const char *separator, const char *text)
{
    if (!*text)
        return;
    put_text(p, separator);
    put_text(p, text);
}

size_t row_stamp_text(uint64_t ns, char text[ROW_STAMP_TEXT])
{
    struct put p = { text, text + ROW_STAMP_TEXT - 1 };
    put_digits(&p, ns / 1000000000u, 10, 1);
    put_bytes(&p, ".", 1);
    put_digits(&p, ns % 1000000000u, 10, 9);
    *p.at = 0;
    return (size_t)(p.at - text);
}

size_t row_id_text(struct row_id id, const char *none, char text[ROW_ID_TEXT])
{
    struct put p = { text, text + ROW_ID_TEXT - 1 };
    if (id.kind)
        put_id(&p, id);
    else
        put_text(&p, none);
    *p.at = 0;
    return (size_t)(p.at - text);
}

const char *family_words(const char *family)
{
    static const char *const names[][2] = {
        { "new", "operator new" }, { "new[]", "operator new[]" }, { "delete", "operator delete" }, { "delete[]", "operator delete[]" } };
    if (*family != 'n' && *family != 'd')
        return family;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(family, names[i][0]))
            return names[i][1];
    return family;
}

/* `acquire mutex after 1.2 ms`, `release rwlock, shared`, `lock mutex init`. */
static void lock_text(struct put *p, const struct event_row *r)
{
    put_text(p, r->type);
    put_more(p, " ", r->lock_kind);
    if (!strcmp(r->type, "lock")) {
        put_more(p, " ", r->by);
        return;
    }
    if (!strcmp(r->type, "wait-end")) {
        put_more(p, ", ", strerrorname_np(r->error) ? strerrorname_np(r->error) : "failed");
        return;
    }
    if (r->wait_ns)
        put_more(p, " after ", number_time(r->wait_ns).text);
    put_more(p, ", ", r->shared ? "shared" : "");
    put_more(p, ", ", r->by);
}

/* `borrow memcpy writes 24 bytes at 8` */
static void copy_text(struct put *p, const struct event_row *r)
{
    put_more(p, "borrow ", r->copied_by);
    put_text(p, r->is_mutable ? " writes " : " reads ");
    put_text(p, number_bytes(r->size).text);
    put_text(p, " at ");
    put_digits(p, r->offset, 10, 1);
}

static void memory_text(struct put *p, const struct event_row *r, bool addresses)
{
    bool drop = *r->type == 'd';
    const char *family = family_words(r->family);
    put_text(p, r->type);
    put_more(p, " ", drop && !*family ? r->by : family);
    if (r->has_address && (addresses || !r->node.kind)) {
        put_bytes(p, " ", 1);
        put_address(p, r->address);
    }
    if (drop && *family)
        put_more(p, ", ", r->by);
}

static void move_text(struct put *p, const struct event_row *r)
{
    put_text(p, "move ");
    if (r->old_address) {
        put_address(p, r->old_address);
        put_text(p, " -> ");
        put_address(p, r->address);
        return;
    }
    put_id(p, r->from);
    put_text(p, " -> ");
    put_id(p, r->to);
    put_more(p, ", ", r->by);
}

static void other_text(struct put *p, const struct event_row *r)
{
    put_text(p, r->type);
    if (!strncmp(r->type, "borrow", 6)) {
        put_bytes(p, " ", 1);
        put_id(p, r->to);
        put_more(p, ", ", r->by);
    } else if (!strcmp(r->type, "lost")) {
        put_bytes(p, " ", 1);
        put_digits(p, r->lost, 10, 1);
        put_more(p, ", ", r->reason);
    } else if (!strcmp(r->type, "snapshot")) {
        put_bytes(p, " ", 1);
        put_digits(p, r->number, 10, 1);
        put_more(p, ", ", r->by);
        put_text(p, ", of ");
        put_text(p, number_count(r->blocks).text);
        put_text(p, " blocks");
    } else if (!strcmp(r->type, "rate")) {
        bool memory = !strcmp(r->by, "memory");
        put_more(p, " of ", r->by);
        put_more(p, ": ", !r->number ? "all" : memory ? "one in " : "1 in ");
        if (r->number)
            put_text(p, memory ? number_bytes(r->number).text : number_count(r->number).text);
    } else {
        put_more(p, " ", r->by);
        put_more(p, ": ", r->reason);
        put_text(p, r->text_bytes ? " " : "");
        put_bytes(p, r->text, r->text_bytes);
    }
}

size_t event_row_text(const struct event_row *r, bool addresses, char text[EVENT_ROW_TEXT])
{
    struct put p = { text, text + EVENT_ROW_TEXT - 1 };
    if (*r->lock_kind)
        lock_text(&p, r);
    else if (*r->copied_by)
        copy_text(&p, r);
    else if (!strcmp(r->type, "new") || !strcmp(r->type, "drop"))
        memory_text(&p, r, addresses);
    else if (!strcmp(r->type, "move"))
        move_text(&p, r);
    else
        other_text(&p, r);
    *p.at = 0;
    return (size_t)(p.at - text);
}

bool event_row_has_size(const struct event_row *r)
{
    return !strcmp(r->type, "new") || (!strcmp(r->type, "move") && r->old_address);
}
