/*
 * collector/cli/record.h - what `run` and `serve` share: the recording options,
 * starting a collector with clear refusals, the summary at the end.
 */
#ifndef OWNSCOPE_RECORD_H
#define OWNSCOPE_RECORD_H

#include "cli/bounds.h"
#include "cli/options.h"
#include "cli/verdict.h"
#include "serve/collector.h"

struct record_options {
    struct session_options session;
    const char *output;       /* -o; NULL: a name is made */
    const char *json;         /* --json FILE */
    bool quiet;
    bool snapshot_fork;       /* --snapshot fork */
    struct checkpoints_options checkpoints;
    struct bounds bounds;
    struct verdict verdict;
    struct control_options control;
    const char *rules_file;
    char preload_path[1024];
};

/* Copies of at least so many bytes are recorded: what real programs can afford (bench/RESULTS.md). */
enum { RECORD_COPIES_MIN_BYTES = 256 };

/* Defaults. */
void record_options_init(struct record_options *r);
/* Takes an option of OPTIONS_RECORD, -o, -q; false: not one of these. */
bool record_option(struct record_options *r, struct options *o, int key);
/* All options were taken: together they make sense, or the program ends. */
void record_ready(struct record_options *r, const struct options *o);
/* libownscope.so beside this program or in ../lib/ownscope, or where it was installed. Ends the
 * program with a message when it is nowhere. */
void record_find_shim(struct record_options *r);

/* collector_open, and a message and the end of the program when it fails. */
struct collector *record_open(const struct collector_options *o);

/* Another collector has the session now. */
void record_say_yielded(struct collector *c);

/* What --fail-on has to say, in words, malloc'ed; NULL: nothing. */
struct record_verdict {
    char *broken;               /* what it forbids and was found */
    char *unanswered;           /* what it asks for and nobody knows … */
    bool fails;                 /* … which is a failure */
};
/* The summary on standard error and the --json file, from the last view. */
struct record_verdict record_summary(struct collector *c, const struct record_options *r);

#endif
