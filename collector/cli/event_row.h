/*
 * collector/cli/event_row.h - one event as tables tell it, whether it comes
 * from a document (a collector's answer, a history) or straight from the fold
 * (a file, where a million a second pass).
 */
#ifndef OWNSCOPE_EVENT_ROW_H
#define OWNSCOPE_EVENT_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

/* "b12": kind 0 is nothing. */
struct row_id { char kind; uint64_t id; };

/* Texts are "" where there is none; they live as long as what the row was made of. */
struct event_row {
    uint64_t ns;
    struct row_id thread, process, node, from, to;
    const char *type, *by, *family, *copied_by, *lock_kind, *reason;
    const char *text; size_t text_bytes;
    uint64_t address, old_address, size, offset, wait_ns, number, blocks, lost;
    int error;
    bool has_address, shared, is_mutable;
};

void event_row_of_json(struct event_row *r, const json_t *event);
void event_row_of_fact(struct event_row *r, const struct fact *f);

enum { EVENT_ROW_TEXT = 66560 /* a mark may be 64 KiB long */, ROW_ID_TEXT = 24, ROW_STAMP_TEXT = 32 };
/* What happened, in the model's words: `new malloc`, `move t1 -> t2, taken`; its length. `addresses`: with the block's. */
size_t event_row_text(const struct event_row *r, bool addresses, char text[EVENT_ROW_TEXT]);
/* `new` and `delete` are events, too: as families they get their C++ names. */
const char *family_words(const char *family);
/* The size stands in a column of its own. */
bool event_row_has_size(const struct event_row *r);
/* Seconds with nine digits, so that neighbours can be told apart; "b12", or `none`. Their lengths. */
size_t row_stamp_text(uint64_t ns, char text[ROW_STAMP_TEXT]);
size_t row_id_text(struct row_id id, const char *none, char text[ROW_ID_TEXT]);

#endif
