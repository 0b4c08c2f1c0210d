/*
 * collector/export/doc_control.c - see doc_control.h.
 */
#include "export/doc_control.h"

#include "event/event.h"
#include "export/doc_parts.h"
#include "export/text.h"

enum { LOG_MOST = 200, BUDGET_MOST = 200 };

const char *doc_recording_name(unsigned state)
{
    static const char *const names[] = { [EVENT_RECORDING] = "recording", [EVENT_PAUSED] = "paused", [EVENT_TRIPPED] = "tripped",
                                         [EVENT_HALF_OPEN] = "half-open", [EVENT_EMERGENCY] = "emergency" };
    return state < sizeof names / sizeof *names ? names[state] : "?";
}

/* "verb", "limit", "budget", "promise". */
static const char *doc_control_name(unsigned kind)
{
    static const char *const names[] = { "?", [EVENT_CONTROL_VERB] = "verb", [EVENT_CONTROL_LIMIT] = "limit",
                                         [EVENT_CONTROL_BUDGET] = "budget", [EVENT_CONTROL_PROMISE] = "promise" };
    return kind < sizeof names / sizeof *names ? names[kind] : "?";
}

static json_t *row_json(const struct view_control *c)
{
    return json_pack("{s:o,s:o,s:o}", "ns", doc_number(c->ns), "event", doc_number(c->event), "text", text_json_string(c->text));
}

static json_t *order_json(const struct view_control *c)
{
    json_t *j = row_json(c);
    json_object_set_new(j, "kind", json_string(doc_control_name(c->kind)));
    json_object_set_new(j, "state", json_string(doc_recording_name(c->state)));
    json_object_set_new(j, "was", json_string(doc_recording_name(c->was)));
    return j;
}

/* The newest `most` rows, of budgets or of all else; *all: how many there are. */
static json_t *log_json(const struct view_cover *c, bool budget, size_t most, size_t *all)
{
    json_t *list = json_array();
    size_t seen = 0;
    *all = 0;
    for (size_t i = 0; i < c->n_controls; i++)
        *all += (c->controls[i].kind == EVENT_CONTROL_BUDGET) == budget;
    for (size_t i = 0; i < c->n_controls; i++)
        if ((c->controls[i].kind == EVENT_CONTROL_BUDGET) == budget && seen++ + most >= *all)
            json_array_append_new(list, budget ? row_json(&c->controls[i]) : order_json(&c->controls[i]));
    return list;
}

static size_t trips(const struct view_cover *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_controls; i++)
        n += c->controls[i].kind == EVENT_CONTROL_LIMIT && c->controls[i].state != EVENT_RECORDING && c->controls[i].state != EVENT_HALF_OPEN;
    return n;
}

json_t *doc_control(const struct view *v)
{
    const struct view_cover *c = &v->cover;
    json_t *times = json_object(), *log, *budget;
    size_t all, changes;
    if (!c->told || !c->orders) {
        json_decref(times);
        return NULL;
    }
    for (unsigned i = 0; i <= EVENT_EMERGENCY; i++)
        if (c->ns_by_state[i])
            json_object_set_new(times, doc_recording_name(i), doc_number(c->ns_by_state[i]));
    log = log_json(c, false, LOG_MOST, &all);
    budget = log_json(c, true, BUDGET_MOST, &changes);
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:{s:o,s:o}}", "state", doc_recording_name(c->state), "time_ns", times,
                     "orders", doc_number(c->orders), "trips", doc_number(trips(c)), "log", log,
                     "budget", "changes", doc_number(changes), "log", budget);
}
