/*
 * collector/export/doc_states.h - the document `states`: what each running thread
 * does now. Of a view with states; what the kernel and two looks tell is handed in.
 */
#ifndef OWNSCOPE_DOC_STATES_H
#define OWNSCOPE_DOC_STATES_H

#include "export/doc.h"
#include "session/proc_thread.h"

/* Of one thread, beside its row of v->states. */
struct doc_state {
    bool shown;                 /* it was asked for */
    bool seen;                  /* the kernel shows it: */
    struct proc_thread kernel;
    bool rated;                 /* there was an earlier look: a second, on average, over the time between them */
    double events, allocations, bytes, cpu /* parts of one processor */;
    uint32_t native;            /* stack of `code`; 0: none */
    const char *refused;        /* why there is none though it was asked for; NULL */
    uint64_t stood_ns;
};
struct doc_states_input {
    const struct doc_state *states;     /* v->n_states of them */
    uint64_t over_ns;           /* between the two looks; 0: there was one */
    double events, allocations, bytes;  /* of all threads, ended ones too */
    const struct code *code;    /* of native stacks; NULL: none were asked for */
};

/* The document but for what the collector says of itself. */
json_t *doc_states(const struct view *v, const struct doc_context *c, const struct doc_states_input *in);

#endif
