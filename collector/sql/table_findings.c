/*
 * collector/sql/table_findings.c - `findings`: the rules that were broken up to
 * the moment, one row for each set of stacks; those that a snapshot tells (leaks) among them. Nothing is
 * suppressed, as in `export -f json`.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/findings.h"
#include "export/fingerprint.h"
#include "export/leaks.h"
#include "sql/sql_rows.h"

enum { RULE, COUNT, PROCESS, THREAD, NS, EVENT, NODE, BLOCK, LOCK, ADDRESS, OFFSET, LENGTH, MESSAGE, FINGERPRINT, DOUBT, CLASS, BYTES,
       STACK, MADE_STACK, DROPPED_STACK, OTHER_STACK };
static const struct sql_column columns[] = {
    { "rule", "TEXT", 0 }, { "count", "INTEGER", 0 }, { "process", "INTEGER", 0 }, { "thread", "INTEGER", 0 }, { "ns", "INTEGER", 0 },
    { "event", "INTEGER", 0 }, { "node", "TEXT", 0 }, { "block", "INTEGER", 0 }, { "lock", "INTEGER", 0 }, { "address", "INTEGER", 0 },
    { "offset_bytes", "INTEGER", 0 }, { "length_bytes", "INTEGER", 0 }, { "message", "TEXT", 0 }, { "fingerprint", "TEXT", 0 },
    { "doubt", "TEXT", 0 }, { "class", "TEXT", 0 }, { "bytes", "INTEGER", 0 }, { "stack", "INTEGER", 0 },
    { "made_stack", "INTEGER", 0 }, { "dropped_stack", "INTEGER", 0 }, { "other_stack", "INTEGER", 0 }, { NULL, NULL, 0 }
};

struct cursor {
    struct rows rows;
    struct view end, all;       /* without snapshots that tell of no end; with the leaks */
    struct snapshot **some;
    struct leaks *leaks;
    struct finding_maker maker;
    json_t *row;                /* the document of the present row, made when a column of it is asked for */
    size_t row_at;
};

static unsigned need(uint64_t wanted) { return SQL_STATE_HEAPS; }

static int findings_start(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    int rc = rows_begin(c, SQL_STATE_HEAPS);
    if (rc)
        return rc;
    const struct view *v = k->rows.view;
    k->some = xcalloc(v->n_snapshots + 1, sizeof *k->some);
    k->end = leaks_of_end(v, k->some);
    k->leaks = leaks_new(&k->end, 0);
    leaks_view(&k->all, k->leaks, LEAK_KINDS_ERRORS);
    k->maker = (struct finding_maker){ .view = &k->all, .frames = frames_new(c->sql->source.symbols, v, NULL),
                                       .names = lock_names_new(v, c->sql->source.symbols) };
    return rows_of(c, k->all.n_findings);
}

static void findings_end(struct sql_cursor *c)
{
    struct cursor *k = (struct cursor *)c;
    if (!k->leaks)
        return;
    json_decref(k->row);
    k->row = NULL;
    lock_names_free(k->maker.names);
    frames_free(k->maker.frames);
    leaks_view_free(&k->all);
    leaks_free(k->leaks);
    free(k->some);
    k->leaks = NULL;
}

static const json_t *document(struct cursor *k)
{
    if (!k->row || k->row_at != k->rows.at) {
        json_decref(k->row);
        k->row = finding_json(&k->maker, &k->all.findings[k->rows.at]);
        k->row_at = k->rows.at;
    }
    return k->row;
}

static void put_member(struct cursor *k, sqlite3_context *to, const char *key)
{
    const json_t *j = json_object_get(document(k), key);
    if (json_is_string(j))
        sqlite3_result_text(to, json_string_value(j), -1, SQLITE_TRANSIENT);
    else if (json_is_integer(j))
        sqlite3_result_int64(to, json_integer_value(j));
}

static void put_words(struct cursor *k, sqlite3_context *to, const char *key)
{
    const json_t *list = json_object_get(document(k), key), *word;
    char text[128] = "";
    size_t i;
    json_array_foreach(list, i, word) {
        if (*text)
            strncat(text, ",", sizeof text - strlen(text) - 1);
        strncat(text, json_string_value(word) ? json_string_value(word) : "", sizeof text - strlen(text) - 1);
    }
    if (*text)
        sqlite3_result_text(to, text, -1, SQLITE_TRANSIENT);
}

static void put_stack(const struct cursor *k, sqlite3_context *to, const struct view_finding *f, unsigned role)
{
    for (uint32_t i = 0; i < f->n && (size_t)f->first + i < k->all.n_evidence; i++) {
        const struct view_evidence *e = &k->all.evidence[f->first + i];
        if (e->role == role && e->stack) {
            put_id(to, sql_state_stack(k->rows.state, e->stack));
            return;
        }
    }
}

static void findings_column(struct sql_cursor *c, sqlite3_context *to, int column)
{
    struct cursor *k = (struct cursor *)c;
    const struct view_finding *f = &k->all.findings[k->rows.at];
    switch (column) {
    case RULE: put_static(to, f->rule < RULES ? rule_names[f->rule] : "?"); break;
    case COUNT: put_u64(to, f->count); break;
    case PROCESS: put_id(to, f->process); break;
    case THREAD: put_id(to, f->thread); break;
    case NS: put_u64(to, f->ns); break;
    case EVENT: put_id(to, f->event); break;
    case NODE: put_member(k, to, "node"); break;
    case BLOCK: put_id(to, f->block); break;
    case LOCK: put_id(to, f->lock); break;
    case ADDRESS: put_id(to, f->address); break;
    case OFFSET: put_member(k, to, "offset_bytes"); break;
    case LENGTH: put_id(to, f->length); break;
    case MESSAGE: put_member(k, to, "message"); break;
    case FINGERPRINT: put_member(k, to, "fingerprint"); break;
    case DOUBT: put_words(k, to, "doubt"); break;
    case CLASS: put_member(k, to, "class"); break;
    case BYTES: if (f->rule == RULE_LEAK) put_u64(to, f->leak.bytes); break;
    case STACK: put_stack(k, to, f, EVIDENCE_USED); break;
    case MADE_STACK: put_stack(k, to, f, EVIDENCE_MADE); break;
    case DROPPED_STACK: put_stack(k, to, f, EVIDENCE_DROPPED); break;
    case OTHER_STACK: put_stack(k, to, f, EVIDENCE_OTHER); break;
    }
}

const struct sql_table sql_findings = {
    .name = "findings", .about = "the rules that were broken up to the moment, each once for a set of stacks",
    .columns = columns, .rows = 1e3, .cursor_bytes = sizeof(struct cursor), .need = need,
    .start = findings_start, .next = rows_next, .column = findings_column, .end = findings_end
};
