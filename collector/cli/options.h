/*
 * collector/cli/options.h - options of a command from three places, later wins:
 * the file ($XDG_CONFIG_HOME or ~/.config)/ownscope/config, the variable
 * OWNSCOPE_OPTIONS, the command line.
 *
 *     struct options o;
 *     options_start(&o, &usage_report, argc, argv);
 *     for (int key; (key = options_next(&o)) >= 0;)
 *         switch (key) { case 'n': top = options_count(&o, 0, UINT32_MAX); break; … }
 *     options_words(&o, &words, &n);
 *
 * Wrong usage ends the program with one line and usage.status; --help prints
 * and ends it with 0.
 *
 * The file has git's shape: `name = value` lines, under `[COMMAND]` for that
 * command or before any section for every command that has such an option;
 * names are long options without the dashes, flags take true or false; `#` and
 * `;` begin comments. Names that nobody knows are left alone.
 * OWNSCOPE_OPTIONS holds words as a shell splits them: options only. One that
 * another command has is skipped, one that no command has is wrong usage.
 */
#ifndef OWNSCOPE_OPTIONS_H
#define OWNSCOPE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "cli/command.h"
#include "event/units.h"

struct options {
    const struct usage *usage;
    int argc;               /* merged: argv[0], file, variable, command line */
    char **argv;            /* ended by NULL; lives to the end of the program */
    const char *argument;   /* of the option that options_next returned */
    const char *name;       /* its long name */
    char *error;            /* of options_merge */
};

/* Merges. 0, or -EINVAL with o->error, one line. Prints nothing. */
int options_merge(struct options *o, const struct usage *u, int argc, char **argv);

/* options_merge, and the end of the program when that failed. */
void options_start(struct options *o, const struct usage *u, int argc, char **argv);
/* The key of the next option, -1 at their end. */
int options_next(struct options *o);
/* What stands behind the options. */
void options_words(const struct options *o, char ***words, int *n);

/* The current option's argument as a number in [low, high], as one of `choices`
 * (ended by NULL; its index). Anything else is wrong usage. */
uint64_t options_count(const struct options *o, uint64_t low, uint64_t high);
int options_choice(const struct options *o, const char *const *choices);
/* Wrong usage of this command: one line, and the end. */
void options_fail(const struct options *o, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* Splits as a shell does: blanks, '…', "…", \. 0 and words ended by NULL, or
 * -EINVAL for an open quote. */
int words_split(const char *text, char ***words, size_t *n);

#endif
