/*
 * collector/export/doc_findings.c - the document `findings` (doc.h), and each
 * finding of it (findings.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/doc_leaks.h"
#include "export/finding_text.h"
#include "export/findings.h"
#include "export/fingerprint.h"
#include "export/suppressions.h"
#include "export/text.h"

enum { FINDINGS_DEFAULT = 1000 };

static json_t *hex(uint64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)n);
    return json_string(text);
}

static json_t *signed_number(int64_t n) { return json_integer(n); }

static const struct view_evidence *evidence_at(const struct view *v, const struct view_finding *f, uint32_t i)
{
    return i < f->n && (size_t)f->first + i < v->n_evidence ? &v->evidence[f->first + i] : NULL;
}

/* "held", or "held_2" where the word stands for several. */
static char *evidence_key(const struct view *v, const struct view_finding *f, uint32_t at)
{
    unsigned role = evidence_at(v, f, at)->role < EVIDENCES ? evidence_at(v, f, at)->role : EVIDENCE_USED;
    unsigned before = 0, all = 0;
    for (uint32_t i = 0; evidence_at(v, f, i); i++)
        if (evidence_at(v, f, i)->role == role) {
            before += i < at;
            all++;
        }
    bool cycle = f->rule == RULE_LOCK_ORDER || f->rule == RULE_DEADLOCK;
    return all > 1 || cycle ? xasprintf("%s_%u", evidence_names[role], before + 1) : xstrdup(evidence_names[role]);
}

static json_t *stack_of(const struct finding_maker *m, uint32_t stack)
{
    uint32_t own = frames_view_stack(m->frames, stack);
    return m->stack ? m->stack(m->context, own) : frames_json(m->frames, own);
}

static void evidence_set(json_t *j, const struct finding_maker *m, const struct view_finding *f)
{
    json_t *stacks = json_object(), *list = json_array();
    for (uint32_t i = 0; evidence_at(m->view, f, i); i++) {
        const struct view_evidence *e = evidence_at(m->view, f, i);
        char *key = evidence_key(m->view, f, i);
        json_object_set_new(stacks, key, stack_of(m, e->stack));
        json_t *item = json_pack("{s:s,s:o,s:o}", "stack", key, "thread", doc_id('t', e->thread), "ns", doc_number(e->ns));
        if (e->lock) {
            json_object_set_new(item, "lock", doc_id('l', e->lock));
            json_object_set_new(item, "where", text_json_string(lock_names_where(m->names, e->lock)));
        }
        json_array_append_new(list, item);
        free(key);
    }
    json_object_set_new(j, "stacks", stacks);
    json_object_set_new(j, "evidence", list);
}

static json_t *doubt_json(unsigned doubt)
{
    static const struct { unsigned bit; const char *word; } words[] = {
        { DOUBT_LOST, "lost-events" }, { DOUBT_BY_CLASS, "by-class" }, { DOUBT_UNSEEN, "unseen-sync" },
        { DOUBT_STACKS, "unknown-stacks" }, { DOUBT_DROPS, "unseen-drops" } };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (doubt & words[i].bit)
            json_array_append_new(list, json_string(words[i].word));
    return list;
}

/* What was done: the words that `family` is of. */
static const char *use_name(const struct view_finding *f)
{
    switch (f->use) {
    case USE_DROP: return finding_family_text(f->family);
    case USE_COPY: return copy_name(f->family);
    case USE_LOCK: return lock_name(f->family);
    case USE_THREAD: return "pthread_create";
    default: return NULL;
    }
}

static void block_set(json_t *j, const struct view_finding *f)
{
    json_object_set_new(j, "block", doc_id('b', f->block));
    json_object_set_new(j, "block_address", hex(f->block_address));
    json_object_set_new(j, "block_size_bytes", doc_number(f->block_size));
    if (f->made_family)
        json_object_set_new(j, "made_by", json_string(finding_family_text(f->made_family)));
    json_object_set_new(j, "offset_bytes", signed_number(f->offset));
}

/* Of all its blocks; `block` and what is said of it is the largest of them. */
static void leak_set(json_t *j, const struct view_finding *f)
{
    struct view_count direct = { f->count, f->leak.bytes }, below = { f->leak.indirect_blocks, f->leak.indirect_bytes };
    json_object_set_new(j, "class", json_string(leak_class_names[f->leak.class % LEAK_CLASSES]));
    json_object_set_new(j, "blocks", doc_number(direct.blocks));
    json_object_set_new(j, "bytes", doc_number(direct.bytes));
    json_object_set_new(j, "indirect", doc_count(&below));
}

static bool is_of_lock(unsigned rule)
{
    return rule == RULE_DESTROYED_WHILE_HELD || rule == RULE_EXITED_HOLDING || rule == RULE_RELEASED_BY_STRANGER ||
           rule == RULE_RELOCK || rule == RULE_LOCK_ORDER || rule == RULE_DEADLOCK;
}

static json_t *node_json(const struct view_finding *f)
{
    if (f->lock && (is_of_lock(f->rule) || !f->block))
        return doc_id('l', f->lock);
    return doc_id('b', f->block);
}

json_t *finding_json(const struct finding_maker *m, const struct view_finding *f)
{
    char *message = finding_text(m->view, f, m->names), print[20];
    json_t *j = json_object();
    snprintf(print, sizeof print, "%016llx", (unsigned long long)fingerprint_finding(m->view, m->frames, f));
    json_object_set_new(j, "rule", json_string(f->rule < RULES ? rule_names[f->rule] : "?"));
    json_object_set_new(j, "count", doc_number(f->count));
    json_object_set_new(j, "process", doc_id('p', f->process));
    json_object_set_new(j, "thread", doc_id('t', f->thread));
    json_object_set_new(j, "ns", doc_number(f->ns));
    json_object_set_new(j, "event", doc_number(f->event));
    json_object_set_new(j, "node", node_json(f));
    json_object_set_new(j, "message", text_json_string(message));
    evidence_set(j, m, f);
    json_object_set_new(j, "fingerprint", json_string(print));
    json_object_set_new(j, "doubt", doubt_json(f->doubt));
    json_object_set_new(j, "use", text_json_string(use_name(f)));
    if (f->address)
        json_object_set_new(j, "address", hex(f->address));
    if (f->length)
        json_object_set_new(j, "length_bytes", doc_number(f->length));
    if (f->use == USE_COPY)
        json_object_set_new(j, "writes", json_boolean(f->writes));
    if (f->block)
        block_set(j, f);
    if (f->rule == RULE_LEAK)
        leak_set(j, f);
    if (f->lock) {
        json_object_set_new(j, "lock", doc_id('l', f->lock));
        json_object_set_new(j, "where", text_json_string(lock_names_where(m->names, f->lock)));
    }
    free(message);
    return j;
}

json_t *findings_counts(const struct view *v)
{
    uint64_t count[RULES] = { 0 };
    json_t *j = json_object();
    for (size_t i = 0; i < v->n_findings; i++)
        if (v->findings[i].rule < RULES)
            count[v->findings[i].rule]++;
    for (unsigned i = 0; i < RULES; i++)
        if (count[i])
            json_object_set_new(j, rule_names[i], doc_number(count[i]));
    return j;
}

/* How often each rule was broken, repeats too. */
static json_t *times_json(const struct view *v)
{
    json_t *j = json_object();
    for (unsigned i = 0; i < RULES; i++)
        if (v->findings_by_rule[i])
            json_object_set_new(j, rule_names[i], doc_number(v->findings_by_rule[i]));
    return j;
}

/* With the suppression that would silence it, where that is asked for. */
static json_t *finding_whole(const struct finding_maker *m, const struct view_finding *f, bool block)
{
    json_t *j = finding_json(m, f);
    char *text = block ? suppression_block(m->view, m->frames, f) : NULL;
    if (block)
        json_object_set_new(j, "suppression", text_json_string(text));
    free(text);
    return j;
}

json_t *doc_findings(const struct view *v, const struct doc_context *c, const struct doc_options *o)
{
    size_t most = o && o->sites ? o->sites : FINDINGS_DEFAULT;
    struct leak_book book;
    struct finding_maker m = { .frames = frames_new(c->symbols, v, NULL), .names = lock_names_new(v, c->symbols) };
    json_t *list = json_array(), *j = json_object();
    v = m.view = leak_book_open_end(&book, v, m.frames, LEAK_KINDS_ERRORS, o ? o->suppressions : NULL);
    for (size_t i = 0; i < v->n_findings && i < most; i++)
        json_array_append_new(list, finding_whole(&m, &v->findings[i], o && o->blocks));
    json_t *coverage = doc_coverage(v, c, m.frames);
    json_object_set_new(j, "metadata", doc_metadata(v, c, coverage));
    doc_since(j, v);
    json_object_set_new(j, "findings", list);
    json_object_set_new(j, "findings_total", doc_number(v->n_findings));
    json_object_set_new(j, "rules", findings_counts(v));
    json_object_set_new(j, "times", times_json(v));
    json_object_set_new(j, "suppressed", doc_number(book.kept.n));
    json_object_set_new(j, "suppressions", suppressed_used(&book.kept));
    json_decref(coverage);
    leak_book_close(&book);
    lock_names_free(m.names);
    frames_free(m.frames);
    return j;
}
