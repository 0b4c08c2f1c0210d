/*
 * collector/cli/cmd_export.c - `ownscope export`: the whole graph as one
 * document, or the heap in a format of another tool, streamed. With -o the file appears whole or not at all: it is
 * written beside its place and then renamed, unless its place is no plain file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "event/xalloc.h"

struct target { const char *path; char *part; FILE *file; };

static void target_open(struct target *t, const char *path)
{
    struct stat st;
    memset(t, 0, sizeof *t);
    t->file = stdout;
    if (!path || strcmp(path, "-") == 0)
        return;
    t->path = path;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        t->file = fopen(path, "we");
    } else {
        t->part = xasprintf("%s.XXXXXX", path);
        int fd = mkstemp(t->part);
        mode_t mask = umask(0);
        umask(mask);
        t->file = fd >= 0 && fchmod(fd, 0666 & ~mask) == 0 ? fdopen(fd, "w") : NULL;
    }
    if (!t->file)
        message_fail(EXIT_SOURCE, "cannot write %s: %s; name another place with -o", path, strerror(errno));
}

static struct target open_target;

/* At every end of the program but the good one. */
static void target_abandon(void)
{
    if (open_target.part)
        unlink(open_target.part);
}

static int target_close(struct target *t, int status)
{
    status = message_finish_output(t->file, t->path ? t->path : "standard output", status);
    if (t->part && status == EXIT_FOUND && rename(t->part, t->path)) {
        message("cannot write %s: %s; name another place with -o", t->path, strerror(errno));
        status = EXIT_SOURCE;
    }
    if (t->part && status != EXIT_FOUND)
        unlink(t->part);
    free(t->part);
    t->part = NULL;
    return status;
}

int cmd_export(int argc, char **argv)
{
    struct reading r;
    struct source s;
    reading_start(&r, &usage_export, argc, argv);
    reading_one_source(&r);
    r.query.pid = r.query.format && strcmp(r.query.format, "json") ? r.pid : 0;   /* a snapshot is taken of it */
    if (r.origin.path) {
        reading_open(&r, &s, QUERY_BLOCKS);
        struct query_export e = query_export_of(&s, &r.query);
        char *absent = query_export_absent(&s, &e);
        if (absent)
            message_fail(EXIT_NOTHING, "%s has no heap to export: %s", r.origin.path, absent);
    }
    atexit(target_abandon);
    target_open(&open_target, r.output);
    if (r.origin.socket_path) {
        reading_ask_stream(&r, "export", open_target.file);
    } else {
        struct query_export e = query_export_of(&s, &r.query);
        int error = query_export(&s, &e, doc_sink_file, open_target.file);
        if (error == -ENOENT && r.query.of)
            message_fail(EXIT_NOTHING, "there is no snapshot that has %s; see ownscope graph", r.query.of);
        if (!ferror(open_target.file))
            reading_check(&r, &s, error);
        source_close(&s);
    }
    putc('\n', open_target.file);
    return target_close(&open_target, EXIT_FOUND);
}
