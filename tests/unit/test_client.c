/*
 * tests/unit/test_client.c - the HTTP client against a server that says what
 * the test wants: whole answers, answers cut anywhere, nonsense.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/address.h"
#include "serve/client.h"
#include "suite.h"

static char dir[64], path[128];

static void setup(void)
{
    strcpy(dir, "/tmp/ownscope-client-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/socket", dir);
}

static void teardown(void)
{
    unlink(path);
    rmdir(dir);
}

struct server { int fd; const char *answer; size_t bytes, step; char request[4096]; pthread_t thread; };

static void *server_run(void *context)
{
    struct server *s = context;
    size_t n = 0;
    int c = accept(s->fd, NULL, NULL);
    while (!strstr(s->request, "\r\n\r\n")) {
        ssize_t got = read(c, s->request + n, sizeof s->request - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        s->request[n] = 0;
    }
    for (size_t at = 0; at < s->bytes; at += s->step) {
        size_t part = s->bytes - at < s->step ? s->bytes - at : s->step;
        if (send(c, s->answer + at, part, MSG_NOSIGNAL) < 0)
            break;
    }
    close(c);
    return NULL;
}

/* One exchange; the answer goes out in pieces of `step` bytes. */
static int exchange(const char *answer, size_t bytes, size_t step, char **body, size_t *body_bytes, int *status, struct server *s)
{
    *s = (struct server){ .answer = answer, .bytes = bytes, .step = step };
    unlink(path);
    s->fd = address_listen(path, 1);
    ck_assert_int_ge(s->fd, 0);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, server_run, s), 0);
    int error = client_get_text(path, "/v1/x?y=z", 1 << 20, body, body_bytes, status);
    pthread_join(s->thread, NULL);
    close(s->fd);
    return error;
}

#define HEAD "HTTP/1.1 200 OK\r\n"
static const struct { const char *answer; int error, status; const char *body; } answers[] = {
    { HEAD "Content-Length: 5\r\n\r\nhello", 0, 200, "hello" },
    { HEAD "content-length:5 \r\n\r\nhello and more", 0, 200, "hello" },
    { "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", 0, 404, "{}" },
    { "HTTP/1.0 200\r\n\r\nto the end", 0, 200, "to the end" },
    { HEAD "Content-Length: 0\r\n\r\n", 0, 200, "" },
    { HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nTrailer: t\r\n\r\n", 0, 200, "hello!" },
    { HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 200, "" },
    { HEAD "Content-Length: 6\r\n\r\nhello", -EPROTO, 0, NULL },
    { HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", -EPROTO, 0, NULL },
    { HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", -EPROTO, 0, NULL },
    { HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n", -EPROTO, 0, NULL },
    { HEAD "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", -EPROTO, 0, NULL },
    { HEAD "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello", -EPROTO, 0, NULL },
    { HEAD "Transfer-Encoding: gzip\r\n\r\nx", -EPROTO, 0, NULL },
    { HEAD "Content-Length: 5x\r\n\r\nhello", -EPROTO, 0, NULL },
    { HEAD "Content-Length: -1\r\n\r\nhello", -EPROTO, 0, NULL },
    { HEAD "Content-Length: 99999999999999999999999\r\n\r\nhello", -EPROTO, 0, NULL },
    { "HTTP/2 200 OK\r\n\r\n", -EPROTO, 0, NULL },
    { "HTTP/1.1 20 OK\r\n\r\n", -EPROTO, 0, NULL },
    { "HTTP/1.1 2000\r\n\r\n", -EPROTO, 0, NULL },
    { "SSH-2.0-OpenSSH\r\n", -EPROTO, 0, NULL },
    { "", -EPROTO, 0, NULL },
    { HEAD "Content-Length: 5", -EPROTO, 0, NULL },
};

START_TEST(answers_whole_and_in_pieces)
{
    static const size_t steps[] = { 100000, 1, 3 };
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        char *body;
        size_t bytes;
        int status = 0;
        struct server s;
        int error = exchange(answers[_i].answer, strlen(answers[_i].answer), steps[k], &body, &bytes, &status, &s);
        ck_assert_msg(error == answers[_i].error, "%d for %s", error, answers[_i].answer);
        if (!error) {
            ck_assert_int_eq(status, answers[_i].status);
            ck_assert_str_eq(body, answers[_i].body);
            ck_assert_uint_eq(bytes, strlen(answers[_i].body));
        } else {
            ck_assert_ptr_null(body);
        }
        ck_assert_ptr_nonnull(strstr(s.request, "GET /v1/x?y=z HTTP/1.1\r\n"));
        free(body);
    }
}
END_TEST

START_TEST(a_head_has_bounds)
{
    size_t bytes = 1 << 20;
    char *answer = malloc(bytes), *body;
    int status;
    struct server s;
    memset(answer, 'a', bytes);
    memcpy(answer, HEAD, strlen(HEAD));
    ck_assert_int_eq(exchange(answer, bytes, bytes, &body, &bytes, &status, &s), -EPROTO);
    bytes = 1 << 20;
    for (size_t i = strlen(HEAD); i + 4 < bytes; i += 4)
        memcpy(answer + i, "a:b\n", 4);
    ck_assert_int_eq(exchange(answer, bytes, bytes, &body, &bytes, &status, &s), -EPROTO);
    free(answer);
}
END_TEST

START_TEST(a_body_has_bounds)
{
    size_t bytes = 2 << 20;
    char *answer = malloc(bytes), *body;
    int status;
    struct server s;
    memset(answer, ' ', bytes);
    memcpy(answer, HEAD "\r\n", strlen(HEAD) + 2);
    ck_assert_int_eq(exchange(answer, bytes, bytes, &body, &bytes, &status, &s), -EMSGSIZE);
    free(answer);
}
END_TEST

START_TEST(any_bytes)
{
    unsigned seed = 99;
    static const char alphabet[] = "HTTP/1.1 20\r\n:chunkedContent-Length: 5Transfer-Encoding\0\xff";
    for (int round = 0; round < 300; round++) {
        char answer[600] = HEAD, *body;
        size_t bytes, from = round % 3 ? strlen(HEAD) : 0;
        int status;
        struct server s;
        for (size_t i = from; i < sizeof answer; i++)
            answer[i] = alphabet[(seed = seed * 1103515245u + 12345) / 65536 % (sizeof alphabet - 1)];
        if (round % 3 == 2)
            memcpy(answer + 200, "\r\n\r\n", 4);
        if (exchange(answer, sizeof answer, sizeof answer, &body, &bytes, &status, &s) == 0)
            free(body);
    }
}
END_TEST

START_TEST(no_server)
{
    char *body;
    size_t bytes;
    int status, fd;
    ck_assert_int_eq(client_get_text(path, "/", 10, &body, &bytes, &status), -ENOENT);
    fd = address_listen(path, 1);
    close(fd);
    ck_assert_int_eq(client_get_text(path, "/", 10, &body, &bytes, &status), -ECONNREFUSED);
}
END_TEST

START_TEST(sockets_are_private_and_replaced_only_when_dead)
{
    struct stat st;
    int fd = address_listen(path, 1);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(address_listen(path, 1), -EADDRINUSE);
    close(fd);
    fd = address_listen(path, 1);
    ck_assert_int_ge(fd, 0);
    close(fd);
    unlink(path);
    fd = creat(path, 0600);
    close(fd);
    ck_assert_int_eq(address_listen(path, 1), -EADDRINUSE);
    ck_assert_int_eq(stat(path, &st), 0);
}
END_TEST

/* A collector that took a session over listens where the stopped one did, and the stopped one takes nothing away. */
START_TEST(sockets_are_taken_over)
{
    struct address_file old, new;
    int fd = address_listen(path, 1), fresh, peer, got;
    address_file_of(path, &old);
    fresh = address_replace(path, 1);
    ck_assert_int_ge(fresh, 0);
    address_file_of(path, &new);
    address_remove(path, &old);
    peer = address_connect(path);
    ck_assert_int_ge(peer, 0);
    got = accept(fresh, NULL, NULL);
    ck_assert_int_ge(got, 0);
    close(got);
    close(peer);
    close(fd);
    address_remove(path, &new);
    ck_assert_int_eq(access(path, F_OK), -1);
    close(fresh);
}
END_TEST

START_TEST(long_paths)
{
    char longer[512], folder[400];
    snprintf(folder, sizeof folder, "%s/%0200d", dir, 7);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    snprintf(longer, sizeof longer, "%s/socket", folder);
    int fd = address_listen(longer, 1), peer;
    ck_assert_int_ge(fd, 0);
    peer = address_connect(longer);
    ck_assert_int_ge(peer, 0);
    close(peer);
    close(fd);
    unlink(longer);
    rmdir(folder);
}
END_TEST

START_TEST(escapes)
{
    char *t = client_escape("mark:a b&c=d/\xc3\xa4%");
    ck_assert_str_eq(t, "mark%3Aa%20b%26c%3Dd%2F%C3%A4%25");
    free(t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("client");
    TCase *c = tcase_create("client");
    suite_add_tcase(s, c);
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, answers_whole_and_in_pieces, 0, (int)(sizeof answers / sizeof *answers));
    tcase_add_test(c, a_head_has_bounds);
    tcase_add_test(c, a_body_has_bounds);
    tcase_add_test(c, any_bytes);
    tcase_add_test(c, no_server);
    tcase_add_test(c, sockets_are_private_and_replaced_only_when_dead);
    tcase_add_test(c, sockets_are_taken_over);
    tcase_add_test(c, long_paths);
    tcase_add_test(c, escapes);
    return suite_run(s);
}
