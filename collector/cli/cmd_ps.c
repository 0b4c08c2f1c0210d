/*
 * collector/cli/cmd_ps.c - `ownscope ps`: live traced processes and their
 * collectors, from the sessions' folders.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/origin.h"
#include "cli/options.h"
#include "event/xalloc.h"
#include "session/session.h"

/* A NUL-separated or plain file of /proc/PID, blanks for NULs; "" when gone. */
static void proc_text(unsigned pid, const char *file, char *out, size_t size)
{
    char *path = xasprintf("/proc/%u/%s", pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, size - 1) : 0;
    if (fd >= 0)
        close(fd);
    free(path);
    if (n < 0)
        n = 0;
    while (n && (!out[n - 1] || out[n - 1] == '\n'))
        n--;
    for (ssize_t i = 0; i < n; i++)
        if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
            out[i] = out[i] ? '?' : ' ';
    out[n] = 0;
}

static json_t *text_json(const char *text)
{
    json_t *t = json_string(text);
    if (t)
        return t;
    char *copy = xstrdup(text);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    t = json_string(copy);
    free(copy);
    return t;
}

static const char *session_state(const struct session_listing *l)
{
    return l->segment_gone ? "broken" : l->collector_alive ? "collected" : "orphaned";
}

static int session_take(void *context, const struct session_listing *l)
{
    json_t *s = json_object(), *processes = json_array();
    json_object_set_new(s, "session", text_json(l->name));
    json_object_set_new(s, "state", json_string(session_state(l)));
    json_object_set_new(s, "recording", l->segment_gone ? json_null() : json_string(l->recording));
    json_object_set_new(s, "collector", l->collector_alive && l->collector_pid ? json_integer(l->collector_pid) : json_null());
    json_object_set_new(s, "idle_ns", l->idle_ns > INT64_MAX ? json_null() : json_integer((json_int_t)l->idle_ns));
    json_object_set_new(s, "command", text_json(l->command));
    json_object_set_new(s, "trace", text_json(l->trace_path));
    for (size_t i = 0; i < l->process_count; i++) {
        char command[512];
        json_t *p = json_object();
        proc_text(l->processes[i].pid, "cmdline", command, sizeof command);
        json_object_set_new(p, "pid", json_integer(l->processes[i].pid));
        json_object_set_new(p, "threads", json_integer(l->processes[i].threads));
        json_object_set_new(p, "command", text_json(command));
        json_array_append_new(processes, p);
    }
    json_object_set_new(s, "processes", processes);
    json_array_append_new(context, s);
    return 0;
}

/* A text that came from elsewhere, without what could steer a terminal. */
static void text_print(const json_t *o, const char *key, int width)
{
    const char *t = json_string_value(json_object_get(o, key));
    if (!t || !*t)
        t = "-";
    for (; *t; t++, width--)
        putchar((unsigned char)*t < ' ' || *t == 0x7f ? '?' : *t);
    for (; width > 0; width--)
        putchar(' ');
}

/* One line: a process (NULL: a session that has none left) and its session. */
static void row_print(const json_t *s, const json_t *p)
{
    const json_t *collector = json_object_get(s, "collector");
    if (p)
        printf("%8lld %7lld  ", (long long)json_integer_value(json_object_get(p, "pid")),
               (long long)json_integer_value(json_object_get(p, "threads")));
    else
        printf("%8s %7s  ", "-", "-");
    text_print(s, strcmp(json_string_value(json_object_get(s, "state")), "collected") ? "state" : "recording", 9);
    if (json_is_integer(collector))
        printf(" %9lld  ", (long long)json_integer_value(collector));
    else
        printf(" %9s  ", "none");
    text_print(s, "session", 20);
    printf("  ");
    text_print(p ? p : s, "command", 0);
    putchar('\n');
}

static void session_print(const json_t *s)
{
    const json_t *processes = json_object_get(s, "processes"), *p;
    size_t i;
    if (json_array_size(processes) == 0)
        row_print(s, NULL);
    json_array_foreach(processes, i, p)
        row_print(s, p);
}

int cmd_ps(int argc, char **argv)
{
    struct options o;
    json_t *sessions = json_array(), *s;
    bool as_json = false, clear = false;
    char **words;
    int n;
    size_t i;
    options_start(&o, &usage_ps, argc, argv);
    for (int key; (key = options_next(&o)) >= 0;) {
        as_json |= key == OPTION_JSON;
        clear |= key == OPTION_CLEAR;
    }
    options_words(&o, &words, &n);
    if (n)
        options_fail(&o, "takes no '%s'", words[0]);
    session_sweep(clear ? 0 : SESSION_KEPT_NS);
    int error = session_list(session_take, sessions);
    if (error)
        origin_list_fail(error);
    size_t count = json_array_size(sessions);
    if (as_json) {
        json_t *doc = json_pack("{s:i, s:O}", "ownscope", 1, "sessions", sessions);
        json_dumpf(doc, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(doc);
    } else if (count) {
        printf("%8s %7s  %-9s %9s  %-20s  %s\n", "PID", "THREADS", "STATE", "COLLECTOR", "SESSION", "COMMAND");
        json_array_foreach(sessions, i, s)
            session_print(s);
    }
    json_decref(sessions);
    return message_finish_output(stdout, "standard output", count ? EXIT_FOUND : EXIT_NOTHING);
}
