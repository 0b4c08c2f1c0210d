/* Declared in trace.h, to be written. */
#include <errno.h>
#include "trace/trace.h"
#define W __attribute__((weak))
W uint64_t trace_write_cut(struct trace_writer *w, const struct code *code) { trace_write_flush(w, code); return trace_write_events(w); }
W int trace_write_checkpoint(struct trace_writer *w, const struct code *code, uint64_t event, uint64_t ns, struct archive *state) { archive_free(state); return 0; }
W int trace_write_next(struct trace_writer *w, const char *path, const struct code *code, uint64_t ns, struct archive *state) { archive_free(state); return -ENOSYS; }
W int trace_join(const char *path, const char *const *parts, size_t n) { return -ENOSYS; }
W uint64_t trace_events_before(const struct trace *t) { return 0; }
W uint64_t trace_event_number(const struct trace *t) { return 0; }
W int trace_seek(struct trace *t, uint64_t event) { return -ENOSYS; }
W size_t trace_checkpoints(const struct trace *t, const struct trace_checkpoint **list) { *list = NULL; return 0; }
W int trace_checkpoint_begin(struct trace *t, size_t i, struct archive *a) { return -ENOSYS; }
W int trace_checkpoint_end(struct trace *t, struct archive *a) { return -ENOSYS; }
W size_t trace_groups(const struct trace *t, const struct trace_group **list) { *list = NULL; return 0; }
W bool trace_group_may(const struct trace *t, size_t group, const struct trace_filter *f) { return true; }
W int trace_select(struct trace *t, const struct trace_filter *f, unsigned columns) { return -ENOSYS; }
