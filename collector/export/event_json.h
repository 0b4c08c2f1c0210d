/*
 * collector/export/event_json.h - one fact of the graph as a JSON object: the
 * same in `events`, `history` and whole-document exports.
 */
#ifndef OWNSCOPE_EVENT_JSON_H
#define OWNSCOPE_EVENT_JSON_H

#include "export/json_writer.h"
#include "graph/graph.h"

/* Writes every member of the event's object but its stack; the caller opens and
 * closes the object. */
void event_json_members(struct json_writer *w, const struct fact *f);
/* True for facts that carry a stack when one was taken. */
bool event_json_has_stack(const struct fact *f);

#endif
