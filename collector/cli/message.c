/*
 * collector/cli/message.c - lines on standard error, and the end of standard
 * output. Any thread; no lock, no stdio buffer.
 */
#include "cli/message.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char prefix[] = "ownscope: ";

static void message_write(const char *format, va_list args)
{
    int saved = errno;
    char line[4096];
    size_t n = sizeof prefix - 1;
    memcpy(line, prefix, n);
    int added = vsnprintf(line + n, sizeof line - n - 1, format, args);
    if (added > 0)
        n += (size_t)added < sizeof line - n - 1 ? (size_t)added : sizeof line - n - 2;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[n++] = '\n';
    ssize_t written;
    do
        written = write(STDERR_FILENO, line, n);
    while (written < 0 && errno == EINTR);
    errno = saved;
}

void message(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message_write(format, args);
    va_end(args);
}

void message_fail(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message_write(format, args);
    va_end(args);
    exit(status);
}

/* The conventional end of a writer whose reader left. */
static void die_of_sigpipe(void)
{
    sigset_t set;
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(SIGPIPE);
    _exit(128 + SIGPIPE);
}

int message_finish_output(FILE *out, const char *name, int status)
{
    int failed = ferror(out);
    errno = 0;
    if (fflush(out) != 0 || failed || (out != stdout && fclose(out) != 0)) {
        int error = errno ? errno : EIO;
        if (error == EPIPE)
            die_of_sigpipe();
        message("cannot write %s: %s; make room or write elsewhere with a redirection or -o", name, strerror(error));
        return EXIT_SOURCE;
    }
    return status;
}

bool message_colour(FILE *out, bool off)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return !off && !(no && *no) && !(term && strcmp(term, "dumb") == 0) && isatty(fileno(out));
}

void message_damaged(const char *path, const char *why)
{
    bool says = strncmp(why, "damaged", strlen("damaged")) == 0;
    message("%s is %s%s; the answer is what lies before", path, says ? "" : "damaged: ", why);
}
