/*
 * collector/serve/client.h - asks a collector's API: one HTTP/1.1 request over
 * its Unix socket, for reading commands with -p PID and for ownscope ctl.
 *
 * What comes back is input: the head is bounded, lengths are checked, and a
 * body that ends early is an error, never a shorter document.
 */
#ifndef OWNSCOPE_CLIENT_H
#define OWNSCOPE_CLIENT_H

#include <stddef.h>
#include <stdio.h>

enum { CLIENT_TIMEOUT_S = 120, CLIENT_HEAD_MAX = 16 * 1024 };

/* GETs `target` ("/v1/report?top=3", already escaped). The body goes to `out`
 * as it comes. 0 and *status (200, 404…), or -errno: of connect; -ETIMEDOUT
 * (no byte for CLIENT_TIMEOUT_S); -EPROTO not HTTP, or cut short; of writing to
 * `out`. */
int client_get(const char *socket_path, const char *target, FILE *out, int *status);
/* The same into memory, ended by a NUL; *body is the caller's to free. -EMSGSIZE beyond max_bytes. */
int client_get_text(const char *socket_path, const char *target, size_t max_bytes,
                    char **body, size_t *bytes, int *status);

/* POSTs without a body; the answer as client_get_text gives it. */
int client_post_text(const char *socket_path, const char *target, size_t max_bytes,
                     char **body, size_t *bytes, int *status);

/* The same, but no longer than so many milliseconds without a word from there. */
int client_post_within(const char *socket_path, const char *target, unsigned most_ms, size_t max_bytes,
                       char **body, size_t *bytes, int *status);

/* `text` escaped for a query's value; malloc'ed. */
char *client_escape(const char *text);

#endif
