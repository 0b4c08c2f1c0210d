/*
 * collector/serve/policy_weak.c - what policy.c needs of rooms that are being built: as if it
 * were not there.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "serve/policy_state.h"

#define WEAK __attribute__((weak))

WEAK int session_policy_publish(struct session *s, const struct wire_policy *policy, uint32_t bits, uint32_t *gate) { *gate = bits; return 0; }
WEAK bool session_quiet(struct session *s, uint32_t gate) { return true; }
WEAK uint32_t session_gate(const struct session *s) { return WIRE_GATE_ALL; }
WEAK bool session_is_emergency(const struct session *s) { return false; }
WEAK void session_thread_rules(struct session *s, uint32_t slot, uint32_t rules) { }
WEAK void session_each_thread(const struct session *s, void (*fn)(void *context, uint32_t slot, uint32_t process, uint32_t thread, uint32_t tid), void *context) { }
WEAK void session_tokens_set(struct session *s, unsigned rule, int64_t tokens) { }
WEAK void session_tokens_add(struct session *s, unsigned rule, int64_t tokens) { }
WEAK int64_t session_tokens(const struct session *s, unsigned rule) { return 0; }
WEAK uint64_t session_hits(const struct session *s, unsigned rule) { return 0; }
WEAK uint64_t session_modules_version(const struct session *s) { return 0; }
WEAK void session_each_module(const struct session *s, void (*fn)(void *context, uint32_t process, uint64_t begin, uint64_t end, uint64_t bias, uint32_t module), void *context) { }

