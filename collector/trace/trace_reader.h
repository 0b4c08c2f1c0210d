/*
 * collector/trace/trace_reader.h - the inside of an open trace, for the files
 * of this room (trace_open.c, trace_reader.c, trace_writer.c at a reopen).
 */
#ifndef OWNSCOPE_TRACE_READER_H
#define OWNSCOPE_TRACE_READER_H

#include "trace/trace.h"
#include "trace/trace_decode.h"
#include "trace/trace_map.h"

/* The checkpoint between trace_checkpoint_begin and _end. */
struct checkpoint_reader {
    struct chunk_opener opener; /* its own: the chunk of events stays */
    size_t next, end;           /* entries of its STATEs still to be read */
    const char *flaw;           /* what was wrong with one */
};

/* What trace_select asked for. */
struct trace_selection {
    bool on;
    struct decode_want want;
    size_t group;               /* the next one to look at */
    size_t end;                 /* entry behind the last chunk that is wanted of the one being read */
};

/* Where the entries of a group's chunks lie. */
struct trace_group_span { size_t first, end; };

struct trace {
    int fd;
    int error;                  /* sticky; 0 or negative */
    uint32_t version;           /* of the file */
    struct trace_meta meta;
    struct trace_end end;
    struct trace_map map;
    struct code *code;
    size_t tables_loaded;       /* entries of the map whose definitions are in `code` */
    size_t at;                  /* entry being read is at - 1 */
    struct trace_snapshot *snapshots; size_t n_snapshots;
    size_t *snapshot_entries;   /* of the map: of each its SNAPSHOT chunk */
    struct trace_checkpoint *checkpoints; size_t n_checkpoints;     /* by event */
    size_t *checkpoint_entries; /* of the map: of each its CHECKPOINT chunk */
    struct checkpoint_reader reading;
    struct trace_summaries *summaries;
    struct trace_selection selection;
    struct chunk_opener opener; /* of the chunk of events being read */
    struct chunk_opener table_opener;
    struct trace_decoder decoder;
    uint64_t behind;            /* number of the event that trace_next gave last, when decoder.left is added */
    char text[256];
};

/* As trace_open, of an open file; the trace closes `fd`, also on failure. */
int trace_open_fd(struct trace **t, int fd);
/* Notes what is wrong with entry `e`, makes `error` sticky, returns it. */
int trace_fail(struct trace *t, int error, uint64_t offset, const char *flaw);
/* Adds the definitions of all CODE chunks up to entry `until` to `code`. */
int trace_load_tables(struct trace *t, struct code *code, size_t until);
/* The same into the trace's own tables, of what is not there yet. */
int trace_read_tables(struct trace *t, size_t until);
/* Fills in t->snapshots. */
void trace_find_snapshots(struct trace *t);
/* Fills in t->checkpoints. */
void trace_find_checkpoints(struct trace *t);
void trace_checkpoints_free(struct trace *t);
/* Fills in t->summaries. */
void trace_find_groups(struct trace *t);
void trace_groups_free(struct trace *t);
struct trace_group_span trace_group_span(const struct trace *t, size_t group);
/* Whether chunk or group, from event `first` on, can pass by its numbers and stamps. */
bool trace_span_may(const struct trace_filter *f, uint64_t first, uint64_t events, uint64_t low_ns, uint64_t high_ns);
/* Takes up the chunk of events in entry `e`. 0 or an error. */
int trace_load_events(struct trace *t, const struct map_entry *e);
/* trace_next of a selection. */
int trace_select_next(struct trace *t, struct event *e);
/* `entry` is followed by as many chunks of `type` as its count says. */
bool trace_parts_follow(const struct trace_map *m, size_t entry, unsigned type);
/* For failures that leave no trace behind: what trace_error_text(NULL) says. */
void trace_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
