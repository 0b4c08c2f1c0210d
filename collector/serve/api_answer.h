/*
 * collector/serve/api_answer.h - between the API's HTTP side (api.c) and the
 * documents it answers with (api_answer.c).
 *
 * A route's function decides the status at once, with what may fail early
 * (an unknown id, a trace that cannot be opened); the body is then written by
 * `write` in a thread of its own into a pipe, so that an answer of any length
 * needs no memory of its length.
 */
#ifndef OWNSCOPE_API_ANSWER_H
#define OWNSCOPE_API_ANSWER_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "serve/collector.h"
#include "serve/query.h"

struct api_answer {
    struct control_asker who;               /* asks: set before */
    unsigned status;                        /* HTTP; 0 means 200 */
    char *error;                            /* malloc'ed text, unless 200 */
    int (*write)(void *state, FILE *out);   /* 0 or -errno: the connection is cut */
    void (*free)(void *state);
    void *state;
    const char *type;                       /* NULL: application/json */
};

/* Parameters of a route; the text names them in a request. */
enum api_parameter {
    API_ID = 1 << 0, API_AT = 1 << 1, API_SINCE = 1 << 2, API_FORMAT = 1 << 3, API_TYPE = 1 << 4,
    API_THREAD = 1 << 5, API_PROCESS = 1 << 6, API_TOP = 1 << 7, API_EVENTS = 1 << 8, API_ALL = 1 << 9,
    API_FRAMES = 1 << 10, API_SUPPRESSIONS = 1 << 11, API_BLOCKS = 1 << 12, API_CLASS = 1 << 13, API_PID = 1 << 14,
    API_NAME = 1 << 15, API_OF = 1 << 16, API_BY = 1 << 17, API_DEPTH = 1 << 18,
    API_DEFAULT_SUPPRESSIONS = 1 << 19, API_SITE = 1 << 20, API_SIZE = 1 << 21, API_ADDRESS = 1 << 22, API_STACKS = 1 << 23,
    API_WORDS = 1 << 24,
    API_LIGHT = 1 << 30     /* none: it makes no document of the graph, and never waits for those that do */
};

struct api_route {
    const char *path;
    unsigned parameters;    /* those it takes */
    void (*answer)(struct collector *c, const struct query *q, struct api_answer *a);
};
extern const struct api_route api_routes[];  /* of GET; ended by a NULL path */
extern const struct api_route api_actions[]; /* of POST (api_action.c); the same */

/* Answers with a finished tree (its reference is taken). */
void api_answer_tree(struct api_answer *a, json_t *doc);

/* Takes a snapshot of the process that q->pid or q->process names, or of the one that runs: its
 * serial; 0: turned down. */
uint32_t api_snapshot(struct collector *c, const struct query *q, struct api_answer *a);

/* Turns the answer down. */
void api_refuse(struct api_answer *a, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
