/*
 * collector/serve/api_stream.h - an answer's body as an MHD response: a thread
 * writes into a pipe, the connection's thread reads from it.
 */
#ifndef OWNSCOPE_API_STREAM_H
#define OWNSCOPE_API_STREAM_H

#include <microhttpd.h>

#include "serve/api_answer.h"

/* Takes the answer's state over in any case. NULL when no pipe or thread is
 * to be had. A write that fails cuts the connection: the client sees a body
 * without its end, never a shorter document. Destroying the response (the
 * client left) ends the thread by EPIPE and waits for it. */
struct MHD_Response *api_stream(const struct api_answer *answer);

#endif
