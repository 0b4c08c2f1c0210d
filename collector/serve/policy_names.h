/*
 * collector/serve/policy_names.h - where the functions of a pattern are in a module, as far
 * as that is known by now. Ingest thread; see policy_names.c.
 */
#ifndef OWNSCOPE_POLICY_NAMES_H
#define OWNSCOPE_POLICY_NAMES_H

#include "event/code.h"
#include "session/session.h"

struct names_span { uint64_t begin, end; };  /* link-time */
struct names_answer {
    char *pattern;
    struct names_span *at; size_t n, capacity;  /* in no order, they may overlap */
    uint8_t state;
    bool whole;             /* that is all, for good */
    uint64_t turn;          /* when it was asked for last */
};

struct policy_names;
struct policy_names *names_find_new(struct session *s, const struct code *code);
void names_find_free(struct policy_names *n);
/* All that is wanted is asked for between these two; the rest is forgotten. */
void names_begin(struct policy_names *n);
/* Valid until the next question. */
const struct names_answer *names_ask(struct policy_names *n, uint32_t module, const char *pattern);
void names_end(struct policy_names *n);
/* Lets the look-up go on. What is known since: that there is no more in a module, or where more is. */
enum names_news { NAMES_NO_NEWS, NAMES_NO_MORE, NAMES_FOUND };
enum names_news names_round(struct policy_names *n);
/* Something that was asked for is not known yet. */
bool names_pending(const struct policy_names *n);

#endif
