/*
 * collector/session/rules_words.h - the words of rules, for who reads them (rules.c)
 * and who prints them (rules_text.c).
 */
#ifndef OWNSCOPE_RULES_WORDS_H
#define OWNSCOPE_RULES_WORDS_H

#include "event/event.h"
#include "session/rules.h"

/* The keys, in the order in which they are printed. */
enum rule_key {
    RULE_KEY_FUNCTION, RULE_KEY_STACK, RULE_KEY_MODULE, RULE_KEY_THREAD, RULE_KEY_PROCESS, RULE_KEY_SIZE,
    RULE_KEY_EVENTS, RULE_KEY_FAMILY, RULE_KEY_SAMPLE, RULE_KEY_RATE, RULE_KEY_LIMIT, RULE_KEYS
};
extern const char *const rule_keys[RULE_KEYS];

/* Of events=: those of several bits stand before their parts. */
enum { RULE_EVENT_WORDS = 5 };
extern const struct rule_event_word { const char *name; uint32_t bits; } rule_event_words[RULE_EVENT_WORDS];

/* It can stand in family=. */
static inline bool rule_family_makes(unsigned family) { return family >= WIRE_MALLOC && family <= WIRE_MREMAP; }

#endif
