/*
 * collector/serve/client.c - a minimal HTTP/1.1 client for a Unix socket.
 * One request a connection; any thread.
 */
#include "serve/client.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "serve/address.h"

struct client {
    unsigned most_ms;              /* without a byte */
    const char *method;
    int fd;
    FILE *out;
    size_t max_bytes, got_bytes;   /* of the body; max_bytes 0: no bound */
    size_t at, end;                /* buffer[at, end) is unread */
    char buffer[64 * 1024];
};

static int client_send(int fd, const char *text, size_t bytes)
{
    while (bytes) {
        ssize_t n = send(fd, text, bytes, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        text += n;
        bytes -= (size_t)n;
    }
    return 0;
}

/* More into an empty buffer: bytes got, 0 at the end, -errno. */
static int client_fill(struct client *c)
{
    ssize_t n;
    do
        n = recv(c->fd, c->buffer, sizeof c->buffer, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? -ETIMEDOUT : errno == ECONNRESET ? -EPROTO : -errno;
    c->at = 0;
    c->end = (size_t)n;
    return (int)n;
}

/* A line without its end. 0, or -EPROTO when longer than max or cut. */
static int client_line(struct client *c, char *line, size_t max)
{
    for (size_t n = 0;;) {
        if (c->at == c->end) {
            int got = client_fill(c);
            if (got <= 0)
                return got ? got : -EPROTO;
        }
        char b = c->buffer[c->at++];
        if (b == '\n') {
            if (n && line[n - 1] == '\r')
                n--;
            line[n] = 0;
            return 0;
        }
        if (n + 1 >= max || b == 0)
            return -EPROTO;
        line[n++] = b;
    }
}

/* Hands `bytes` of the body on, or all to the end (UINT64_MAX). */
static int client_body(struct client *c, uint64_t bytes)
{
    bool to_end = bytes == UINT64_MAX;
    while (bytes) {
        if (c->at == c->end) {
            int got = client_fill(c);
            if (got == 0 && to_end)
                return 0;
            if (got <= 0)
                return got ? got : -EPROTO;
        }
        size_t n = c->end - c->at;
        if (n > bytes)
            n = (size_t)bytes;
        c->got_bytes += n;
        if (c->max_bytes && c->got_bytes > c->max_bytes)
            return -EMSGSIZE;
        errno = 0;
        if (fwrite(c->buffer + c->at, 1, n, c->out) != n)
            return errno ? -errno : -EIO;
        c->at += n;
        bytes -= to_end ? 0 : n;
    }
    return 0;
}

/* Digits of base 10 or 16 at the head of text; 0 or -EPROTO. */
static int number_read(const char *text, int base, uint64_t *n, const char **end)
{
    char *stop;
    if (!isxdigit((unsigned char)*text) || text[1] == 'x')
        return -EPROTO;
    errno = 0;
    *n = strtoull(text, &stop, base);
    *end = stop;
    return stop == text || errno || *n == UINT64_MAX ? -EPROTO : 0;
}

static int client_chunks(struct client *c)
{
    char line[256];
    const char *end;
    for (;;) {
        uint64_t bytes;
        int error = client_line(c, line, sizeof line);
        if (!error)
            error = number_read(line, 16, &bytes, &end);
        if (!error && *end && *end != ';' && *end != ' ')
            error = -EPROTO;
        if (error)
            return error;
        if (bytes == 0)
            break;
        error = client_body(c, bytes);
        if (!error)
            error = client_line(c, line, sizeof line);
        if (error || *line)
            return error ? error : -EPROTO;
    }
    for (size_t head = 0; head < CLIENT_HEAD_MAX; head += strlen(line) + 1) {
        int error = client_line(c, line, sizeof line);
        if (error || !*line)
            return error;
    }
    return -EPROTO;
}

/* The value of header `line` when its name is `name`, else NULL. */
static const char *header_value(const char *line, const char *name)
{
    size_t n = strlen(name);
    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    return line + n + 1 + strspn(line + n + 1, " \t");
}

static int client_head(struct client *c, int *status, uint64_t *bytes, bool *chunked)
{
    char line[4096];
    int error = client_line(c, line, sizeof line);
    if (error)
        return error;
    if (strncmp(line, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)line[7]) || line[8] != ' ' ||
        strspn(line + 9, "0123456789") != 3 || (line[12] && line[12] != ' '))
        return -EPROTO;
    *status = atoi(line + 9);
    *bytes = UINT64_MAX;
    *chunked = false;
    for (size_t head = 0; head < CLIENT_HEAD_MAX; head += strlen(line) + 1) {
        const char *value, *end;
        error = client_line(c, line, sizeof line);
        if (error || !*line)
            return error;
        if ((value = header_value(line, "Content-Length"))) {
            if (number_read(value, 10, bytes, &end) || end[strspn(end, " \t")])
                return -EPROTO;
        } else if ((value = header_value(line, "Transfer-Encoding"))) {
            if (strcasecmp(value, "chunked") != 0)
                return -EPROTO;
            *chunked = true;
        }
    }
    return -EPROTO;
}

static int client_ask(struct client *c, const char *target, int *status)
{
    uint64_t bytes;
    bool chunked;
    struct timeval limit = { .tv_sec = c->most_ms / 1000, .tv_usec = c->most_ms % 1000 * 1000 };
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    char *request = xasprintf("%s %s HTTP/1.1\r\nHost: ownscope\r\nAccept: application/json\r\n%sConnection: close\r\n\r\n",
                              c->method, target, strcmp(c->method, "GET") == 0 ? "" : "Content-Length: 0\r\n");
    int error = client_send(c->fd, request, strlen(request));
    free(request);
    if (error == -EPIPE || error == -ECONNRESET)
        error = 0;  /* it answered before it read all: the answer says why */
    if (!error)
        error = client_head(c, status, &bytes, &chunked);
    if (!error)
        error = chunked ? client_chunks(c) : client_body(c, bytes);
    return error;
}

static int client_run(const char *socket_path, const char *method, const char *target, unsigned most_ms, FILE *out, size_t max_bytes, int *status)
{
    char *why;
    int fd = address_check(socket_path, &why);
    free(why);
    if (!fd)
        fd = address_connect_within(socket_path, most_ms);
    if (fd < 0)
        return fd;
    struct client *c = xcalloc(1, sizeof *c);
    c->method = method;
    c->most_ms = most_ms;
    c->fd = fd;
    c->out = out;
    c->max_bytes = max_bytes;
    int error = client_ask(c, target, status);
    close(fd);
    free(c);
    return error;
}

int client_get(const char *socket_path, const char *target, FILE *out, int *status)
{
    return client_run(socket_path, "GET", target, CLIENT_TIMEOUT_S * 1000, out, 0, status);
}

static int client_text(const char *socket_path, const char *method, const char *target, unsigned most_ms, size_t max_bytes,
                       char **body, size_t *bytes, int *status)
{
    *body = NULL;
    *bytes = 0;
    FILE *out = open_memstream(body, bytes);
    if (!out)
        return -errno;
    int error = client_run(socket_path, method, target, most_ms, out, max_bytes, status);
    if (fclose(out) && !error)
        error = -errno;
    if (error) {
        free(*body);
        *body = NULL;
        *bytes = 0;
    }
    return error;
}

int client_get_text(const char *socket_path, const char *target, size_t max_bytes,
                    char **body, size_t *bytes, int *status)
{
    return client_text(socket_path, "GET", target, CLIENT_TIMEOUT_S * 1000, max_bytes, body, bytes, status);
}

int client_post_text(const char *socket_path, const char *target, size_t max_bytes,
                     char **body, size_t *bytes, int *status)
{
    return client_text(socket_path, "POST", target, CLIENT_TIMEOUT_S * 1000, max_bytes, body, bytes, status);
}

int client_post_within(const char *socket_path, const char *target, unsigned most_ms, size_t max_bytes,
                       char **body, size_t *bytes, int *status)
{
    return client_text(socket_path, "POST", target, most_ms, max_bytes, body, bytes, status);
}

char *client_escape(const char *text)
{
    char *out = xmalloc(strlen(text) * 3 + 1), *p = out;
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-_.~", *text))
            *p++ = *text;
        else
            p += sprintf(p, "%%%02X", (unsigned char)*text);
    }
    *p = 0;
    return out;
}
