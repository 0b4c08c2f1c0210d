/*
 * collector/serve/api_stream.c - body writer thread and its pipe.
 *
 * Two threads share a stream: the writer (stream_write, all signals blocked as
 * in the thread that made it) and the connection's (the three callbacks). The
 * pipe orders them; `error` is stored before the writer's end closes and read
 * after that close was seen.
 */
#include "serve/api_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "serve/measure.h"
#include "wire/atomic.h"

struct stream {
    struct api_answer answer;
    int read_fd;
    FILE *out;
    pthread_t writer;
    atomic_u32 failed;
};

static void stream_free(struct stream *s)
{
    if (s->answer.free)
        s->answer.free(s->answer.state);
    free(s);
}

static void *stream_write(void *context)
{
    struct stream *s = context;
    measure_question_begin();
    int error = s->answer.write(s->answer.state, s->out);
    measure_question_end();
    if (fflush(s->out))
        error = -EPIPE;
    store_release(&s->failed, error != 0);
    fclose(s->out);
    return NULL;
}

static ssize_t stream_read(void *context, uint64_t position, char *buffer, size_t max)
{
    struct stream *s = context;
    ssize_t n;
    do
        n = read(s->read_fd, buffer, max);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        return n;
    return n < 0 || load_acquire(&s->failed) ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
}

static void stream_end(void *context)
{
    struct stream *s = context;
    close(s->read_fd);
    pthread_join(s->writer, NULL);
    stream_free(s);
}

/* As large as main's: demangling and the readers of debug data recurse. */
static int writer_start(struct stream *s)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 8 * 1024 * 1024);
    int error = pthread_create(&s->writer, &attr, stream_write, s);
    pthread_attr_destroy(&attr);
    return error;
}

struct MHD_Response *api_stream(const struct api_answer *answer)
{
    struct stream *s = xcalloc(1, sizeof *s);
    int fds[2];
    s->answer = *answer;
    if (pipe2(fds, O_CLOEXEC)) {
        stream_free(s);
        return NULL;
    }
    s->read_fd = fds[0];
    s->out = fdopen(fds[1], "w");
    if (!s->out || writer_start(s)) {
        close(fds[0]);
        if (s->out)
            fclose(s->out);
        else
            close(fds[1]);
        stream_free(s);
        return NULL;
    }
    struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 64 * 1024, stream_read, s, stream_end);
    if (!r)
        stream_end(s);
    return r;
}
