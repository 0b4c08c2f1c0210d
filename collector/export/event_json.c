/*
 * collector/export/event_json.c - see event_json.h. On the path of every
 * event of an export: keys are literals, nothing is formatted twice.
 *
 *   {"event":7,"ns":1200,"type":"move","process":"p1","thread":"t2","node":"b3",
 *    "by":"taken","from":"t1","to":"t2","address":"0x…","size_bytes":24,"family":"free",…}
 *
 * `node` is what the event happened to: a block or lock, else a thread or process.
 * It is null for a release of memory in which nothing known lived.
 */
#include "export/doc_control.h"
#include "export/event_json.h"

#include <string.h>

#include "event/event.h"

static void party(struct json_writer *w, uint32_t thread, uint32_t process)
{
    if (thread)
        jw_id(w, 't', thread);
    else
        jw_id(w, 'p', process);
}

static void memory(struct json_writer *w, const struct fact *f)
{
    JW_KEY(w, "address");
    jw_address(w, f->address);
    JW_KEY(w, "size_bytes");
    jw_u64(w, f->size);
    if (f->family) {
        JW_KEY(w, "family");
        jw_string(w, family_name(f->family));
    }
}

static bool is_copy(const struct fact *f)
{
    return f->type == FACT_BORROW && f->by && !strcmp(f->by, "copied");
}

/* A borrow for as long as a copy takes: which bytes, and by what. */
static void copied(struct json_writer *w, const struct fact *f)
{
    JW_KEY(w, "address");
    jw_address(w, f->address);
    JW_KEY(w, "offset_bytes");
    jw_u64(w, f->offset);
    JW_KEY(w, "size_bytes");
    jw_u64(w, f->size);
    JW_KEY(w, "copied_by");
    jw_string(w, copy_name(f->family));
    JW_KEY(w, "to");
    party(w, f->to_thread ? f->to_thread : f->thread, f->process);
    JW_KEY(w, "mutable");
    jw_bool(w, f->is_mutable);
}

static void lock(struct json_writer *w, const struct fact *f)
{
    JW_KEY(w, "address");
    jw_address(w, f->address);
    JW_KEY(w, "lock_kind");
    jw_string(w, lock_name(f->lock_family));
    if (f->type == FACT_ACQUIRE || f->type == FACT_RELEASE) {
        JW_KEY(w, "shared");
        jw_bool(w, f->shared);
    }
    if (f->type == FACT_ACQUIRE) {
        JW_KEY(w, "wait_ns");
        jw_u64(w, f->wait_ns);
    }
    if (f->type == FACT_WAIT_END) {
        JW_KEY(w, "errno");
        jw_u64(w, f->size);
    }
}

static void hands(struct json_writer *w, const struct fact *f)
{
    if (f->type == FACT_MOVE) {
        JW_KEY(w, "from");
        party(w, f->from_thread, f->process);
    }
    JW_KEY(w, "to");
    party(w, f->to_thread, f->process);
    if (f->type != FACT_MOVE) {
        JW_KEY(w, "mutable");
        jw_bool(w, true);
    }
    if (f->old_address) {
        JW_KEY(w, "old_address");
        jw_address(w, f->old_address);
        JW_KEY(w, "old_size_bytes");
        jw_u64(w, f->old_size);
    }
}

/* The number that an end or a fork carries. */
static void process_number(struct json_writer *w, const struct fact *f)
{
    const char *by = f->by ? f->by : "";
    if (!strcmp(by, "fork"))
        JW_KEY(w, "pid");
    else if (!strcmp(by, "exit"))
        JW_KEY(w, "code");
    else if (!strcmp(by, "exec-failed"))
        JW_KEY(w, "errno");
    else
        return;
    jw_u64(w, f->address);
}

/* A name or path; a process's start has its arguments behind it, each ended by a zero. */
static void words(struct json_writer *w, const struct fact *f)
{
    const char *text = f->text, *end = text + f->text_bytes;
    size_t n = strnlen(text, f->text_bytes);
    JW_KEY(w, "text");
    jw_text(w, text, n);
    text += n + 1;
    if (text >= end)
        return;
    JW_KEY(w, "args");
    jw_array(w);
    for (; text < end; text += n + 1) {
        n = strnlen(text, (size_t)(end - text));
        jw_text(w, text, n);
    }
    jw_end(w);
}

static void node(struct json_writer *w, const struct fact *f)
{
    JW_KEY(w, "node");
    if (f->block)
        jw_id(w, 'b', f->block);
    else if (f->lock)
        jw_id(w, 'l', f->lock);
    else if (f->type == FACT_THREAD)
        jw_id(w, 't', f->to_thread ? f->to_thread : f->thread);
    else if (f->type == FACT_PROCESS || f->type == FACT_SNAPSHOT)
        jw_id(w, 'p', f->process);
    else
        jw_null(w);
}

void event_json_members(struct json_writer *w, const struct fact *f)
{
    JW_KEY(w, "event");
    jw_u64(w, f->event);
    JW_KEY(w, "ns");
    jw_u64(w, f->ns);
    JW_KEY(w, "type");
    jw_string(w, fact_type_name(f->type));
    JW_KEY(w, "process");
    jw_id(w, 'p', f->process);
    JW_KEY(w, "thread");
    jw_id(w, 't', f->thread);
    node(w, f);
    JW_KEY(w, "by");
    jw_string(w, f->by);
    switch (f->type) {
    case FACT_NEW: case FACT_DROP:
        memory(w, f);
        break;
    case FACT_MOVE: case FACT_BORROW: case FACT_BORROW_END:
        if (is_copy(f)) {
            copied(w, f);
            break;
        }
        memory(w, f);
        hands(w, f);
        break;
    case FACT_ACQUIRE: case FACT_RELEASE: case FACT_WAIT: case FACT_WAIT_END: case FACT_LOCK:
        lock(w, f);
        break;
    case FACT_PROCESS:
        process_number(w, f);
        break;
    case FACT_LOST:
        JW_KEY(w, "reason");
        jw_string(w, lost_name((unsigned)(f->address < WIRE_LOST_REASONS ? f->address : WIRE_LOST_REASONS)));
        JW_KEY(w, "count");
        jw_u64(w, f->size);
        break;
    case FACT_SNAPSHOT:
        JW_KEY(w, "number");
        jw_u64(w, f->address);
        JW_KEY(w, "blocks");
        jw_u64(w, f->size);
        break;
    case FACT_RATE:
        JW_KEY(w, "rate");
        jw_u64(w, f->address);
        break;
    case FACT_CONTROL:
        JW_KEY(w, "state");
        jw_string(w, doc_recording_name(f->address < UINT8_MAX ? (unsigned)f->address : UINT8_MAX));
        JW_KEY(w, "was");
        jw_string(w, doc_recording_name(f->size < UINT8_MAX ? (unsigned)f->size : UINT8_MAX));
        break;
    default:
        break;
    }
    if (f->text && f->text_bytes)
        words(w, f);
}

bool event_json_has_stack(const struct fact *f)
{
    return f->type == FACT_NEW || f->type == FACT_DROP || f->type == FACT_MOVE ||
           f->type == FACT_BORROW || f->type == FACT_BORROW_END || f->lock || f->stack;
}
