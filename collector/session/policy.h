/*
 * collector/session/policy.h - a policy gets to the hooks: into the segment, by
 * a grace period, and out of it again. What it says is made in serve/policy.c.
 *
 * The scheme is RCU across the border: publish, make every processor pass a
 * barrier (membarrier), wait until no slot acts on what was before, take it back.
 * Ingest thread, but for the emergency stop and session_wait_quiet (any thread).
 *
 * Who may act on a policy, and until when:
 *   a hook    sets slot->acting, then looks at the gate, reads its policy, which is of that gate or it looks
 *             again; takes acting back behind the commit.
 *   publish   policy in the pool -> wire_policy_word of the gate to be -> gate. What was before is retired.
 *   quiet     barrier behind the publish -> what was retired is free where no slot acts on its gate -> no slot acts on an older gate.
 * If the collector dies between any two of these, hooks go on with the gate and the policy that are in force.
 */
#ifndef OWNSCOPE_SESSION_POLICY_H
#define OWNSCOPE_SESSION_POLICY_H

#include "session/session.h"
#include "wire/policy.h"

/* Copies the policy (NULL: the bits say all) to the pool and opens the gate with these bits (enum wire_gate, without
 * serial); policy->gate is set. *gate: the new one. 0; -ENOSPC: no room in the segment, what was before stays;
 * -EPERM: there is an emergency stop; -ESTALE. */
int session_policy_publish(struct session *s, const struct wire_policy *policy, uint32_t bits, uint32_t *gate);
/* No hook acts on an older gate than this one any more. Never waits; the first call after a publish starts the barrier,
 * in a thread of its own. Frees what was replaced: ask until it is true. */
bool session_quiet(struct session *s, uint32_t gate);
/* Who still acts on an older one, as far as that is seen by now: any one of them, by its own numbers. */
bool session_unquiet(const struct session *s, uint32_t gate, uint32_t *pid, uint32_t *tid);
uint32_t session_gate(const struct session *s);

/* At once, from any thread of any process of the owner: all hooks only forward from now on. Returns what was before. */
bool session_emergency(struct session *s);
/* Lets go of it; the gate stays shut until the next publish. Any thread. */
void session_emergency_end(struct session *s);
bool session_is_emergency(const struct session *s);
/* The same for a session whose collector does not answer: by its segment's path. 0; -EPERM: it is not this user's (root may
 * stop anybody's), or others may write to it; -EBADMSG: not a segment of this version; -errno. */
int segment_emergency(const char *segment_path);
/* Who acts on a gate that is the session's no longer: any one of them. Any thread. */
bool session_acts(const struct session *s, uint32_t *pid, uint32_t *tid);
/* Waits until no hook of any process acts on a gate that is the session's no longer, at most so long: how long it took, or
 * UINT64_MAX. After an emergency stop: when the last record was committed, which is proved by a barrier that may take
 * longer. Any thread. */
uint64_t session_wait_quiet(struct session *s, uint64_t most_ns);

/* Which rules are of this thread: for the current gate. */
void session_thread_rules(struct session *s, uint32_t slot, uint32_t rules);
/* Live slots: fn(context, slot, process (its id, as events have it), thread, tid). */
void session_each_thread(const struct session *s, void (*fn)(void *context, uint32_t slot, uint32_t process, uint32_t thread, uint32_t tid),
                         void *context);
/* A rule's tokens: set, add, and what is left (negative: overdrawn). Hits of a rule slot, of all threads that ever were; calls likewise. */
void session_tokens_set(struct session *s, unsigned rule, int64_t tokens);
void session_tokens_add(struct session *s, unsigned rule, int64_t tokens);
int64_t session_tokens(const struct session *s, unsigned rule);
uint64_t session_hits(const struct session *s, unsigned rule);
uint64_t session_calls(const struct session *s);
/* Modules as the session knows them now: fn for each, by serial and address; and a count that rises with every change.
 * `serial`: as hooks know their process by (struct wire_range): another at every fork and exec. */
uint64_t session_modules_version(const struct session *s);
void session_each_module(const struct session *s, void (*fn)(void *context, uint32_t serial, uint64_t begin, uint64_t end, uint64_t bias,
                                                             uint32_t module), void *context);

#endif
