/*
 * collector/session/rules.h - what is to be recorded, in words and as data: the
 * language of `ownscope ctl trace`, of `run --rules FILE`, and of what `plan` writes.
 *
 *   RULE   = [include|exclude] KEY=VALUE ...        (all of a rule's keys must match; include is meant without a word)
 *     function=PATTERN[,...]   the calling function (shell pattern, demangled name without or with its arguments)
 *     stack=PATTERN[,...]      a function anywhere on the stack: costs a walk of the stack for each event that the rest matches
 *     module=PATTERN[,...]     the calling module: its path, or its last part
 *     thread=PATTERN[,...]     a thread's name, or t3, or its tid
 *     process=PATTERN[,...]    a program's name, or p1, or its pid
 *     size=MIN..MAX            as events --size
 *     events=WORD[,...]        memory (heap and map), heap, map, lock, copy
 *     family=WORD[,...]        malloc, calloc, new, new[], mmap, ... (family_name)
 *     sample=BYTES | 1/N       memory by bytes; locks and copies one in N. Both may stand: sample=512K,1/100
 *     rate=N/s                 at most so many events a second
 *     limit=N                  then the rule has done its work
 *
 *   A file has a line each, as `ctl` takes them: "trace RULE", "limits K=V ...", "promise K=V ..."; # begins a comment.
 *
 * Text from people and files: everything is checked here, in one place.
 */
#ifndef OWNSCOPE_RULES_H
#define OWNSCOPE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/policy.h"

struct rule_words { char **list; size_t n; };

struct rule {
    uint32_t number;        /* 1 and more, given when it is added, never reused; 0: none yet */
    bool exclude;
    struct rule_words functions, stacks, modules, threads, processes;   /* n 0: any */
    uint32_t events;        /* enum wire_rule_event */
    uint32_t families;      /* UINT32_MAX: any */
    uint64_t size_min, size_max;
    uint64_t sample_bytes;  /* 0: each */
    uint32_t every;         /* locks and copies; 0: each */
    double per_second;      /* 0: no bound */
    uint64_t limit;         /* events; 0: none */
};

/* Reads "function=foo size=4K.." into *r (rule_clear it). 0, or -EINVAL and *error, one malloc'ed line. */
int rule_parse(struct rule *r, const char *text, char **error);
/* The same text, in one order and with all that stands in it; malloc'ed. */
char *rule_text(const struct rule *r);
void rule_copy(struct rule *to, const struct rule *from);
void rule_clear(struct rule *r);

/* One line of a rules file: its verb ("trace", "limits", "promise") and the rest, both malloc'ed; *verb NULL: nothing stands there.
 * 0, or -EINVAL and *error. */
int rules_line(const char *line, char **verb, char **words, char **error);

#endif
