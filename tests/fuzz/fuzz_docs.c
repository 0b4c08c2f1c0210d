/*
 * tests/fuzz/fuzz_docs.c - documents and tables of views in which any number
 * may be anything: locks, copies, findings, threads, what they refer to.
 *
 * The first bytes say how many rows each table of the view has, the rest fills
 * the rows as it comes. Only texts are given, and the tree of stacks keeps the
 * promise of view.h that parents come before children.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/deadlock_watch.h"
#include "cli/table.h"
#include "event/xalloc.h"
#include "export/doc.h"

struct input { const uint8_t *at; size_t left; };

/* Rows of any content; zeros where the input ends. */
static void *rows(struct input *in, size_t *n, size_t row_bytes)
{
    size_t bytes;
    *n = in->left ? *in->at++ % 6 : 0;
    in->left -= in->left > 0;
    bytes = *n * row_bytes < in->left ? *n * row_bytes : in->left;
    void *at = xcalloc(*n + 1, row_bytes);
    memcpy(at, in->at, bytes);
    in->at += bytes;
    in->left -= bytes;
    return at;
}

/* A bool holds 0 or 1 in any program that a compiler made. */
#define TRUTH(field) do { uint8_t byte; memcpy(&byte, &(field), 1); byte &= 1; memcpy(&(field), &byte, 1); } while (0)

static void truths(struct view *v)
{
    for (size_t i = 0; i < v->n_threads; i++) {
        TRUTH(v->threads[i].ended);
        TRUTH(v->threads[i].detached);
    }
    for (size_t i = 0; i < v->n_holds; i++)
        TRUTH(v->holds[i].shared);
    for (size_t i = 0; i < v->n_waits; i++)
        TRUTH(v->waits[i].timed);
    for (size_t i = 0; i < v->n_cycles; i++)
        TRUTH(v->cycles[i].by_class);
    for (size_t i = 0; i < v->n_deadlocks; i++)
        TRUTH(v->deadlocks[i].by_class);
    for (size_t i = 0; i < v->n_findings; i++)
        TRUTH(v->findings[i].writes);
}

static void fill(struct view *v, struct input *in)
{
    static struct code_module modules[] = { { .path = (char *)"/gone/app" }, { .path = (char *)"" } };
    static struct code_frame frames[] = { { 1, 0, 0x10 }, { 2, 1, 0x20 }, { 9, 0, 0x30 }, { 0, CODE_FRAME_TRUNCATED, 0 } };
    static struct code_stack stacks[] = { { 0, 1, 1 }, { 1, 2, 2 }, { 2, 3, 3 }, { 0, 4, 1 }, { 3, 77, 4 } };
    v->modules = modules, v->n_modules = 2;
    v->frames = frames, v->n_frames = 4;
    v->stacks = stacks, v->n_stacks = 5;
    v->threads = rows(in, &v->n_threads, sizeof *v->threads);
    v->locks = rows(in, &v->n_locks, sizeof *v->locks);
    v->lock_classes = rows(in, &v->n_lock_classes, sizeof *v->lock_classes);
    v->lock_sites = rows(in, &v->n_lock_sites, sizeof *v->lock_sites);
    v->holds = rows(in, &v->n_holds, sizeof *v->holds);
    v->waits = rows(in, &v->n_waits, sizeof *v->waits);
    v->guards = rows(in, &v->n_guards, sizeof *v->guards);
    v->order_edges = rows(in, &v->n_order_edges, sizeof *v->order_edges);
    v->cycles = rows(in, &v->n_cycles, sizeof *v->cycles);
    v->deadlock_edges = rows(in, &v->n_deadlock_edges, sizeof *v->deadlock_edges);
    v->deadlocks = rows(in, &v->n_deadlocks, sizeof *v->deadlocks);
    v->copy_sites = rows(in, &v->n_copy_sites, sizeof *v->copy_sites);
    v->flows = rows(in, &v->n_flows, sizeof *v->flows);
    v->block_flows = rows(in, &v->n_block_flows, sizeof *v->block_flows);
    v->findings = rows(in, &v->n_findings, sizeof *v->findings);
    v->evidence = rows(in, &v->n_evidence, sizeof *v->evidence);
    truths(v);
}

static void empty(struct view *v)
{
    void *tables[] = { v->threads, v->locks, v->lock_classes, v->lock_sites, v->holds, v->waits, v->guards, v->order_edges, v->cycles,
                       v->deadlock_edges, v->deadlocks, v->copy_sites, v->flows, v->block_flows, v->findings, v->evidence };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        free(tables[i]);
}

static int nowhere(void *context, const char *bytes, size_t n)
{
    *(size_t *)context += n;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        json_t *(*make)(const struct view *, const struct doc_context *, const struct doc_options *);
        void (*table)(FILE *, const json_t *, const struct table_style *);
    } documents[] = { { doc_locks, table_locks }, { doc_copies, table_copies }, { doc_findings, table_findings },
                      { doc_threads, table_threads }, { doc_report, table_report } };
    struct table_style style = { .width = 80 };
    struct doc_context context = { .complete = true };
    struct doc_export_options export = { .all = true };
    struct input in = { data, size };
    struct view v = { 0 };
    size_t bytes = 0;
    FILE *out = fopen("/dev/null", "w");
    if (!out)
        abort();
    fill(&v, &in);
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        json_t *doc = documents[i].make(&v, &context, NULL);
        char *text = json_dumps(doc, 0);    /* fails for what is no JSON */
        if (!text)
            abort();
        free(text);
        documents[i].table(out, doc, &style);
        const json_t *deadlocks = json_object_get(doc, "deadlocks");
        for (size_t k = 0; k < json_array_size(deadlocks); k++)
            free(deadlock_text(json_array_get(deadlocks, k)));
        json_decref(doc);
    }
    if (doc_export_json(&v, NULL, &context, &export, nowhere, &bytes) || !bytes)
        abort();
    fclose(out);
    empty(&v);
    return 0;
}
