/*
 * collector/cli/emergency.c - see emergency.h.
 */
#include "cli/emergency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "serve/client.h"
#include "session/directory.h"
#include "session/policy.h"

enum { EMERGENCY_MS = 100 };    /* so long the collector has to answer an emergency stop */

/* What the next collector tells of who did it. */
static void leave_note(const char *session)
{
    char comm[32] = "", *text;
    FILE *in = fopen("/proc/self/comm", "re");
    if (in && fgets(comm, sizeof comm, in))
        comm[strcspn(comm, "\n")] = 0;
    if (in)
        fclose(in);
    text = xasprintf("%llu uid %u, pid %d %s\n", (unsigned long long)wire_clock_monotonic_ns(), (unsigned)geteuid(), (int)getpid(), comm);
    session_file_put(session, "emergency", text);
    free(text);
}

static json_t *stop_by_segment(const char *session, const char *segment_path, const char *was, uint64_t began_ns, const char *why, char **error)
{
    leave_note(session);
    int e = segment_emergency(segment_path);
    if (e) {
        free(session_file_take(session, "emergency"));
        *error = xasprintf("no emergency stop of session %s: %s: %s", session, segment_path, strerror(-e));
        return NULL;
    }
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:I}", "ownscope", 1, "verb", "emergency-stop", "state", "emergency", "was", was,
                     "by", "segment", "why", why, "took_ns", (json_int_t)(wire_clock_monotonic_ns() - began_ns));
}

/* NULL and *why: it did not take it. */
static json_t *stop_by_collector(const char *session, bool alive, const char **why)
{
    char path[SESSION_PATH_MAX], *body = NULL;
    size_t bytes;
    int status, e = session_path(path, sizeof path, session, "socket");
    *why = "the session has no collector";
    if (!alive)
        return NULL;
    *why = "the collector does not answer";
    if (e || client_post_within(path, "/v1/emergency-stop", EMERGENCY_MS, 1 << 20, &body, &bytes, &status))
        return NULL;
    json_t *doc = json_loadb(body, bytes, 0, NULL);
    free(body);
    if (status == 200 && json_is_object(doc))
        return doc;
    *why = "the collector refuses";
    json_decref(doc);
    return NULL;
}

json_t *emergency_stop(const char *session, const char *segment_path, bool collector_alive, const char *was, char **error)
{
    const char *why;
    uint64_t began_ns = wire_clock_monotonic_ns();
    *error = NULL;
    json_t *doc = stop_by_collector(session, collector_alive, &why);
    return doc ? doc : stop_by_segment(session, segment_path, was, began_ns, why, error);
}
