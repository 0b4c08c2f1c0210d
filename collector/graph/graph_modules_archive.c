/*
 * collector/graph/graph_modules_archive.c - tables of modules in a checkpoint.
 *
 * A table may have several holders: processes, and what forks froze. Each table
 * is written once, in the order in which its first holder comes; holders name it
 * by number. Run by the folding thread, after forks_archive.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_forks.h"
#include "graph/graph_modules.h"

struct walk {
    struct modules ***holders; size_t n_holders, holders_capacity;
    struct modules **tables;   size_t n_tables, tables_capacity;
    uint32_t *number;           /* of each holder: its table + 1, 0: none */
};

static void holder_add(struct walk *w, struct modules **holder)
{
    w->holders = xgrow(w->holders, &w->holders_capacity, w->n_holders + 1, sizeof *w->holders);
    w->holders[w->n_holders++] = holder;
}

static void holders_find(struct walk *w, struct graph *g)
{
    for (struct frozen *f = g->frozen_first; f; f = f->next)
        holder_add(w, &f->modules);
    for (size_t i = 1; i < g->n_processes; i++) {
        struct process *p = g->processes[i];
        holder_add(w, &p->modules);
        if (p->inherit && p->inherit->frozen->users == 1)   /* not in the list as well */
            holder_add(w, &p->inherit->frozen->modules);
    }
}

static void tables_number(struct walk *w)
{
    struct dict number_of = { 0 };
    for (size_t i = 0; i < w->n_holders; i++) {
        struct modules *m = *w->holders[i];
        uintptr_t key = (uintptr_t)m;
        w->number[i] = m ? dict_get(&number_of, key) : 0;
        if (w->number[i] || !m)
            continue;
        w->tables = xgrow(w->tables, &w->tables_capacity, w->n_tables + 1, sizeof *w->tables);
        w->tables[w->n_tables++] = m;
        w->number[i] = (uint32_t)w->n_tables;
        dict_set(&number_of, key, w->number[i]);
    }
    dict_clear(&number_of);
}

static void table_archive(struct archive *a, struct graph *g, struct modules *m)
{
    archive_rows(a, (void **)&m->at, &m->n, &m->capacity, sizeof *m->at, MODULES_MAX);
    ARCHIVE_FIELD(a, m->at, m->n, start);
    ARCHIVE_FIELD(a, m->at, m->n, end);
    ARCHIVE_FIELD(a, m->at, m->n, bias);
    ARCHIVE_FIELD(a, m->at, m->n, module);
    if (!a->reading)
        return;
    m->ranges = &g->module_ranges;
    g->module_ranges += m->n;
    archive_need(a, m->n && g->module_ranges <= MODULE_RANGES_MAX, "a process has too many modules, or none");
    for (size_t i = 0; i < m->n; i++)
        if (!archive_need(a, m->at[i].start < m->at[i].end && (!i || m->at[i - 1].end <= m->at[i].start),
                          "modules lie in each other"))
            return;
}

/* Loading: makes the tables, without users. */
static void tables_archive(struct archive *a, struct graph *g, struct walk *w)
{
    archive_rows(a, (void **)&w->tables, &w->n_tables, &w->tables_capacity, sizeof *w->tables, w->n_holders);
    for (size_t i = 0; i < w->n_tables; i++) {
        if (a->reading)
            w->tables[i] = archive_room(a, 1, sizeof **w->tables);
        if (!w->tables[i])
            return;
        table_archive(a, g, w->tables[i]);
    }
}

static void tables_give(struct archive *a, struct walk *w)
{
    for (size_t i = 0; i < w->n_holders && !archive_bad(a); i++)
        if (w->number[i])
            *w->holders[i] = modules_share(w->tables[w->number[i] - 1]);
    for (size_t i = 0; i < w->n_tables; i++) {
        struct modules *m = w->tables[i];
        if (!m || m->users)
            continue;
        archive_need(a, false, "nobody has a table of modules");
        m->users = 1;
        modules_leave(m);
    }
}

void modules_archive(struct archive *a, struct graph *g)
{
    struct walk w = { 0 };
    holders_find(&w, g);
    w.number = xcalloc(w.n_holders + 1, sizeof *w.number);
    if (!a->reading)
        tables_number(&w);
    tables_archive(a, g, &w);
    archive_column(a, w.number, sizeof *w.number, sizeof *w.number, w.n_holders);
    archive_column_below(a, w.number, sizeof *w.number, sizeof *w.number, w.n_holders, w.n_tables + 1);
    if (a->reading)
        tables_give(a, &w);
    free(w.holders);
    free(w.tables);
    free(w.number);
}
