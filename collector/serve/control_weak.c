/*
 * collector/serve/control_weak.c - what control.c needs of rooms that are being built: as if it
 * were not there.
 */
#include <errno.h>

#include "serve/collector_state.h"
#include "serve/control_state.h"

#define WEAK __attribute__((weak))

WEAK bool session_emergency(struct session *s) { return false; }
WEAK void session_emergency_end(struct session *s) { }
WEAK uint64_t session_wait_quiet(struct session *s, uint64_t most_ns) { return 0; }
WEAK int segment_emergency(const char *segment_path) { return -ENOTSUP; }
WEAK uint64_t session_calls(const struct session *s) { return 0; }

WEAK bool collector_live(void *collector, void (*fn)(void *to, uint64_t address), void *to, uint64_t *count) { return false; }
