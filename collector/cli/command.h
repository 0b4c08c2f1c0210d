/*
 * collector/cli/command.h - the commands of ownscope(1) and what they take.
 *
 * One table a command (usage.c) feeds --help, getopt_long, the configuration
 * file, OWNSCOPE_OPTIONS and the check that man pages agree. A command is one
 * file cmd_X.c with one function `int cmd_X(int argc, char **argv)`, argv[0]
 * being the command's name; it returns the exit status.
 */
#ifndef OWNSCOPE_COMMAND_H
#define OWNSCOPE_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

struct option_spec {
    int key;                /* its letter, or OPTION_* */
    const char *name;       /* the long name */
    const char *argument;   /* as --help shows it; NULL: takes none; "[=…]": may be left out */
    const char *text;       /* NULL: understood only to be refused with a reason */
};

struct usage {
    const char *command;
    const char *synopsis;   /* what follows the options */
    const char *summary;
    const struct option_spec *options;  /* ended by a NULL name; --help is understood */
    int status;             /* exit status of wrong usage */
    bool stop_at_word;      /* options end at the first word that is none */
};

/* Options without a letter. */
enum {
    OPTION_JSON = 256, OPTION_AT, OPTION_SINCE, OPTION_NO_COLOUR, OPTION_EVENTS, OPTION_ALL,
    OPTION_STACKS, OPTION_LOCKS, OPTION_COPIES, OPTION_FOLLOW, OPTION_ON_FULL, OPTION_WAIT_MS, OPTION_STRICT_ORDER,
    OPTION_VERIFY_UNWIND, OPTION_ATTACH, OPTION_PROCESS, OPTION_THREAD, OPTION_TYPE, OPTION_SITE, OPTION_SIZE, OPTION_ADDRESS, OPTION_CLEAR,
    OPTION_SUPPRESSIONS, OPTION_DEFAULT_SUPPRESSIONS, OPTION_GEN_SUPPRESSIONS, OPTION_FAIL_ON, OPTION_ERROR_EXITCODE, OPTION_CLASS,
    OPTION_SNAPSHOT, OPTION_SNAPSHOT_AT_EXIT, OPTION_NO_SNAPSHOT_AT_EXIT, OPTION_SNAPSHOT_AT_MARK, OPTION_SNAPSHOT_ON_SIGNAL,
    OPTION_OF, OPTION_BY, OPTION_DEPTH, OPTION_STATS, OPTION_STEPS, OPTION_FAIL_IF_GROWN,
    OPTION_PAUSED, OPTION_RULES, OPTION_LIMITS, OPTION_SAMPLE,
    OPTION_ONCE, OPTION_BATCH, OPTION_DELAY, OPTION_SCREEN, OPTION_NATIVE,
    OPTION_TAKEOVER, OPTION_CPU, OPTION_SECONDS, OPTION_CHECKPOINT_EVERY, OPTION_ROTATE, OPTION_KEEP, OPTION_RING_ONLY, OPTION_TRIGGER
};

extern const struct usage usage_run, usage_report, usage_threads, usage_locks, usage_copies, usage_findings, usage_leaks, usage_graph, usage_diff, usage_events, usage_history,
                          usage_export, usage_sql, usage_bisect, usage_ps, usage_serve, usage_ctl, usage_doctor, usage_plan,
                          usage_states, usage_top;

int cmd_run(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_threads(int argc, char **argv);
int cmd_locks(int argc, char **argv);
int cmd_copies(int argc, char **argv);
int cmd_findings(int argc, char **argv);
int cmd_leaks(int argc, char **argv);
int cmd_graph(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_history(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_sql(int argc, char **argv);
int cmd_bisect(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_ctl(int argc, char **argv);
int cmd_states(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_plan(int argc, char **argv);

struct command {
    const struct usage *usage;
    int (*run)(int argc, char **argv);
};

/* All usages, ended by NULL: the order of `ownscope --help`. */
extern const struct usage *const usages[];
const struct usage *usage_find(const char *command);
/* The option of a long name ("stacks"), of a letter; NULL: not this command's. */
const struct option_spec *usage_option(const struct usage *u, const char *name, size_t name_bytes);
const struct option_spec *usage_letter(const struct usage *u, int letter);
/* What `ownscope COMMAND --help` prints. */
void usage_print(FILE *out, const struct usage *u);

#endif
