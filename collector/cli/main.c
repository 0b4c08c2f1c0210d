/*
 * collector/cli/main.c - the program `ownscope`: finds the command and runs it.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"
#include "event/xalloc.h"

static const struct command commands[] = {
    { &usage_run, cmd_run }, { &usage_report, cmd_report }, { &usage_threads, cmd_threads },
    { &usage_locks, cmd_locks }, { &usage_copies, cmd_copies }, { &usage_findings, cmd_findings },
    { &usage_leaks, cmd_leaks }, { &usage_graph, cmd_graph }, { &usage_diff, cmd_diff },
    { &usage_events, cmd_events }, { &usage_history, cmd_history }, { &usage_export, cmd_export },
    { &usage_sql, cmd_sql }, { &usage_bisect, cmd_bisect },
    { &usage_top, cmd_top }, { &usage_states, cmd_states },
    { &usage_ps, cmd_ps }, { &usage_serve, cmd_serve }, { &usage_ctl, cmd_ctl }, { &usage_plan, cmd_plan }, { &usage_doctor, cmd_doctor }
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static int help(FILE *out)
{
    fprintf(out, "usage: ownscope COMMAND [OPTIONS] ...\n\n"
                 "Who owns the memory and the locks of a program that nobody rebuilt.\n\ncommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", commands[i].usage->command, commands[i].usage->summary);
    fprintf(out, "\n"
                 "  ownscope COMMAND --help   its options\n"
                 "  ownscope help COMMAND     its manual page\n"
                 "  ownscope --version        the version\n\n"
                 "A SOURCE is a trace file, or -p PID for a live process, or nothing: the newest\n"
                 "trace (*.own) in the current directory.\n");
    return message_finish_output(out, "the help", 0);
}

/* The page beside a program that is not installed: build/ownscope, man/ownscope-run.1. */
static char *page_beside(const char *page)
{
    char self[PATH_MAX], *path;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(self, '/');
        if (!slash)
            return NULL;
        *slash = 0;
    }
    path = xasprintf("%s/man/%s.1", self, page);
    if (!access(path, R_OK))
        return path;
    free(path);
    return NULL;
}

/* The manual page, or the short help where there is no man. */
static int help_command(const char *name)
{
    const struct usage *u = usage_find(name);
    if (!u)
        message_fail(EXIT_USAGE, "no command '%s'; see ownscope --help", name);
    if (isatty(STDOUT_FILENO)) {
        char *page = xasprintf("ownscope-%s", name), *beside = page_beside(page);
        if (beside)
            execlp("man", "man", beside, (char *)NULL);
        if (system("man -w ownscope >/dev/null 2>&1") == 0)
            execlp("man", "man", page, (char *)NULL);
    }
    usage_print(stdout, u);
    return message_finish_output(stdout, "the help", 0);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word)
        message_fail(EXIT_USAGE, "no command; try ownscope run -- PROGRAM, or see ownscope --help");
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (strcmp(word, "help") == 0 && argc == 2))
        return help(stdout);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("ownscope %s\n", OWNSCOPE_VERSION);
        return message_finish_output(stdout, "the version", 0);
    }
    if (strcmp(word, "help") == 0)
        return help_command(argv[2]);
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].usage->command) == 0)
            return commands[i].run(argc - 1, argv + 1);
    message_fail(EXIT_USAGE, "unknown %s '%s'; see ownscope --help", *word == '-' ? "option" : "command", word);
}
