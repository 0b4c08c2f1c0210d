/*
 * tests/unit/test_trace_next.c - traces in several files: each can be read alone,
 * joined they are what one file would have been, and whatever fails in between
 * loses nothing.
 */
#include "suite.h"
#include "trace_states.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "snapshot_make.h"

enum { FILES = 4, MOST = 3000 };

static struct make k;
static char paths[FILES + 1][80];       /* the last one: joined */
static const size_t ends[FILES] = { 700, 701, 1900, MOST };     /* events up to the end of each */

static void setup(void)
{
    make_init(&k, 21);
    for (size_t i = 0; i <= FILES; i++)
        snprintf(paths[i], sizeof paths[i], "%s.%zu", k.path, i);
}

static void teardown(void)
{
    for (size_t i = 0; i <= FILES; i++)
        unlink(paths[i]);
    make_free(&k);
}

static struct trace_writer *first_file(const struct trace_meta *meta)
{
    struct trace_writer *w;
    ck_assert_int_eq(trace_write_open(&w, paths[0], meta), 0);
    return w;
}

static void append(struct trace_writer *w, struct code *code, size_t from, size_t to)
{
    ck_assert_int_eq(trace_write_batch(w, code, k.events + from, to - from), 0);
}

static int next(struct trace_writer *w, size_t file, size_t numbers)
{
    struct archive a = state_make(file, numbers);
    int error = trace_write_next(w, paths[file], k.code, 1000 * file, &a);
    ck_assert_ptr_null(a.parts);
    return error;
}

/* All events in FILES files; in the third also a snapshot, and a state on its way when it ends. */
static void write_files(size_t numbers)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w = first_file(&meta);
    append(w, k.code, 0, ends[0]);
    uint64_t state_bytes, events_bytes, bytes = trace_write_bytes(w);
    ck_assert_uint_eq(trace_write_size_of_events(w, &state_bytes), bytes);
    ck_assert_uint_eq(state_bytes, 0);
    for (size_t i = 1; i < FILES; i++) {
        if (i == 2)
            make_stack(&k);     /* definitions that no event needs yet */
        ck_assert_int_eq(next(w, i, numbers), 0);
        ck_assert_uint_eq(trace_write_events(w), ends[i - 1]);
        events_bytes = trace_write_size_of_events(w, &state_bytes);
        ck_assert_uint_gt(state_bytes, 0);      /* at the head, and none but that */
        ck_assert_uint_eq(events_bytes + state_bytes, trace_write_size(w));
        if (i == 2) {
            struct snapshot *s = snapshot_random(&k, 50, 3, 80);
            ck_assert_int_eq(trace_write_snapshot(w, k.code, s), 0);
            snapshot_free(s);
        }
        append(w, k.code, ends[i - 1], ends[i] - 1);
        if (i == 2) {
            struct archive a = state_make(9, LARGE);
            ck_assert_int_eq(trace_write_checkpoint(w, k.code, trace_write_cut(w, k.code), 5, &a), 0);
        }
        append(w, k.code, ends[i] - 1, ends[i]);
    }
    ck_assert_uint_eq(trace_write_dropped(w), 0);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
}

/* The file holds events from number before + 1 to `last`, seen from the start and from the middle. */
static struct trace *check_file(const char *path, uint64_t before, uint64_t last)
{
    struct trace *t;
    struct event e;
    ck_assert_msg(!trace_open(&t, path), "%s: %s", path, trace_error_text(NULL));
    ck_assert_uint_eq(trace_events_before(t), before);
    ck_assert_uint_eq(trace_events(t), last);
    ck_assert_str_eq(trace_meta(t)->command, make_meta().command);
    ck_assert_uint_eq(trace_meta(t)->start_real_ns, UINT64_MAX);
    for (unsigned step = 0; step < 40; step++) {
        uint64_t at = step ? before + (last - before) * step / 40 : before;
        ck_assert_int_eq(trace_seek(t, at), 0);
        for (unsigned i = 0; at < last && (!step || i < 20); i++) {
            ck_assert_int_eq(trace_next(t, &e), 1);
            ck_assert_msg(make_equal(&e, &k.events[at++]), "event %zu differs", (size_t)at);
            ck_assert_uint_eq(trace_event_number(t), at);
        }
        if (!step)
            ck_assert_int_eq(trace_next(t, &e), 0);
    }
    ck_assert_int_eq(trace_seek(t, 0), 0);
    ck_assert_uint_eq(trace_event_number(t), before);
    ck_assert_int_eq(trace_seek(t, last), 0);
    trace_rewind(t);
    ck_assert_uint_eq(trace_event_number(t), before);
    return t;
}

START_TEST(alone)
{
    const struct trace_checkpoint *list;
    const struct trace_snapshot *snapshots;
    make_random_events(&k, MOST);
    write_files(_i ? LARGE : SMALL);
    for (size_t i = 0; i < FILES; i++) {
        struct trace *t = check_file(paths[i], i ? ends[i - 1] : 0, ends[i]);
        size_t n = trace_checkpoints(t, &list);
        ck_assert_uint_eq(n, i == 0 ? 0 : i == 2 ? 2 : 1);
        if (n) {
            ck_assert_uint_eq(list[0].event, ends[i - 1]);
            ck_assert_uint_eq(list[0].ns, 1000 * i);
            ck_assert_int_eq(state_read(t, 0, i, _i ? LARGE : SMALL), 0);
        }
        if (n > 1) {
            ck_assert_uint_eq(list[1].event, ends[2] - 1);
            ck_assert_int_eq(state_read(t, 1, 9, LARGE), 0);
        }
        ck_assert(trace_end(t)->present);
        ck_assert_uint_eq(trace_end(t)->events, ends[i]);
        ck_assert_uint_eq(trace_end(t)->end_ns, i + 1 < FILES ? 1000 * (i + 1) : 12345);
        ck_assert_uint_eq(trace_torn_bytes(t), 0);
        ck_assert_uint_eq(trace_snapshots(t, &snapshots), i == 2);
        if (i == FILES - 1)
            check_code(k.code, trace_code(t));
        trace_close(t);
    }
}
END_TEST

static int join(size_t from, size_t n)
{
    const char *parts[FILES];
    for (size_t i = 0; i < n; i++)
        parts[i] = paths[from + i];
    return trace_join(paths[FILES], parts, n);
}

START_TEST(joined)
{
    const struct trace_checkpoint *list;
    const struct trace_snapshot *snapshots;
    make_random_events(&k, MOST);
    write_files(SMALL);
    for (size_t from = 0; from < FILES; from++)
        for (size_t n = 1; from + n <= FILES; n++) {
            ck_assert_msg(!join(from, n), "%s", trace_error_text(NULL));
            struct trace *t = check_file(paths[FILES], from ? ends[from - 1] : 0, ends[from + n - 1]);
            /* Only the first state stays: the others are near. */
            ck_assert_uint_eq(trace_checkpoints(t, &list), from || n > 2 || (n == 2 && from == 1) ? 1 : n == 2 ? 1 : 0);
            if (from) {
                ck_assert_uint_eq(list[0].event, ends[from - 1]);
                ck_assert_int_eq(state_read(t, 0, from, SMALL), 0);
            }
            bool third = from <= 2 && from + n > 2;
            ck_assert_uint_eq(trace_snapshots(t, &snapshots), third);
            if (third) {
                struct snapshot *s;
                ck_assert_int_eq(trace_snapshot_read(t, 0, &s), 0);
                snapshot_free(s);
            }
            ck_assert(trace_end(t)->present);
            ck_assert_uint_eq(trace_end(t)->events, ends[from + n - 1]);
            ck_assert_uint_eq(trace_torn_bytes(t), 0);
            trace_close(t);
        }
    ck_assert_int_eq(join(0, FILES), 0);
    rename(paths[FILES], k.path);
    check_whole(&k);
}
END_TEST

static size_t files_beside(void)
{
    char name[80];
    snprintf(name, sizeof name, "%s", strrchr(k.path, '/') + 1);
    *strrchr(k.path, '/') = 0;
    DIR *d = opendir(k.path);
    k.path[strlen(k.path)] = '/';
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));)
        n += !strncmp(e->d_name, name, strlen(name));
    closedir(d);
    return n;
}

static void check_refused(const char *const *parts, size_t n, int error, const char *why)
{
    size_t bytes, files = files_beside();
    ck_assert_int_eq(trace_join(paths[FILES], parts, n), error);
    ck_assert_msg(strstr(trace_error_text(NULL), why), "%s", trace_error_text(NULL));
    ck_assert_uint_eq(files_beside(), files);
    uint8_t *data = make_slurp(paths[FILES], &bytes);
    ck_assert_uint_eq(bytes, 4);
    ck_assert_mem_eq(data, "mine", 4);
    free(data);
}

/* What does not belong together is not joined, and what was at the path stays. */
START_TEST(not_joined)
{
    size_t bytes;
    make_random_events(&k, MOST);
    write_files(SMALL);
    make_spill(paths[FILES], "mine", 4);
    check_refused((const char *[]){ paths[0], paths[2] }, 2, -EBADMSG, "does not go on where");
    check_refused((const char *[]){ paths[1], paths[0] }, 2, -EBADMSG, "does not go on where");
    check_refused((const char *[]){ paths[0], paths[0] }, 2, -EBADMSG, "does not go on where");
    check_refused((const char *[]){ paths[0], "/nonexistent/x" }, 2, -ENOENT, "/nonexistent/x: cannot be opened");
    check_refused((const char *[]){ paths[0], "/proc/self/exe" }, 2, -EBADMSG, "not a trace");
    ck_assert_int_eq(trace_join(paths[FILES], NULL, 0), -EINVAL);
    ck_assert_int_eq(trace_join("/nonexistent/x", (const char *[]){ paths[0] }, 1), -ENOENT);
    ck_assert_int_eq(trace_join("/proc/self/x", (const char *[]){ paths[0] }, 1), -ENOENT);
    uint8_t *data = make_slurp(paths[0], &bytes);
    data[bytes / 2] ^= 1;       /* in a chunk: the index knows nothing of it */
    make_spill(paths[0], data, bytes);
    check_refused((const char *[]){ paths[0], paths[1] }, 2, -EBADMSG, "checksum");
    data[bytes / 2] ^= 1;
    size_t at[64], n = chunks_of(data, bytes, at, 64);
    ck_assert_uint_eq(chunk_type(data, at[2]), TRACE_CHUNK_EVENTS);
    data[at[2] + 60] ^= 1;      /* its frame; without the index the walk ends there, and chunks follow */
    make_spill(paths[0], data, at[n - 1]);
    check_refused((const char *[]){ paths[0] }, 1, -EBADMSG, "is damaged");
    data[at[2] + 60] ^= 1;
    data[8] = 4;
    make_spill(paths[0], data, bytes);
    check_refused((const char *[]){ paths[0], paths[1] }, 2, -EBADMSG, "version");
    free(data);

    struct trace_meta other = make_meta();
    other.start_real_ns--;
    struct trace_writer *w = first_file(&other);
    append(w, k.code, 0, ends[0]);
    ck_assert_int_eq(trace_write_close(w, k.code, 1), 0);
    check_refused((const char *[]){ paths[0], paths[1] }, 2, -EBADMSG, "of another session");
    struct trace_meta meta = make_meta();
    struct make stranger;
    make_init(&stranger, 99);
    make_random_events(&stranger, ends[0]);
    ck_assert_int_eq(trace_write_open(&w, paths[0], &meta), 0);
    ck_assert_int_eq(trace_write_batch(w, stranger.code, stranger.events, ends[0]), 0);
    ck_assert_int_eq(trace_write_close(w, stranger.code, 1), 0);
    check_refused((const char *[]){ paths[0], paths[1] }, 2, -EBADMSG, "other definitions");
    for (size_t i = 0; i < stranger.count; i++)
        free((char *)stranger.events[i].text);
    free(stranger.events);
    code_free(stranger.code);
}
END_TEST

/* Files torn at each chunk: joined when no event is missing between them. */
START_TEST(joined_torn)
{
    size_t bytes, at[64], good = 0;
    make_random_events(&k, MOST);
    write_files(SMALL);
    for (size_t file = 1; file < 3; file++) {
        uint8_t *data = make_slurp(paths[file], &bytes);
        size_t n = chunks_of(data, bytes, at, 64);
        for (size_t i = 1; i <= n; i++) {
            make_spill(paths[file], data, at[i] - (i % 2));
            struct trace *t;
            if (trace_open(&t, paths[file]))
                continue;
            bool all = trace_events(t) == ends[file];
            uint64_t last = trace_events(t);
            trace_close(t);
            ck_assert_int_eq(join(0, FILES), all ? 0 : -EBADMSG);
            good += all;
            if (all)
                trace_close(check_file(paths[FILES], 0, MOST));
            ck_assert_msg(!join(0, file + 1), "%s", trace_error_text(NULL));
            t = check_file(paths[FILES], 0, last);
            ck_assert_uint_eq(trace_torn_bytes(t), 0);
            trace_close(t);
        }
        make_spill(paths[file], data, bytes);
        free(data);
    }
    ck_assert_uint_ge(good, 3);
}
END_TEST

/* The models are fresh where a file begins, also when its writer did not say so. */
START_TEST(joined_unsaid)
{
    size_t bytes, at[64], i = 0;
    make_heap_events(&k, MOST);
    write_files(SMALL);
    uint8_t *data = make_slurp(paths[1], &bytes);
    size_t n = chunks_of(data, bytes, at, 64);
    while (chunk_type(data, at[i]) != TRACE_CHUNK_EVENTS)
        i++;
    struct trace_column chunk = { .data = data + at[i] };
    struct trace_frame frame;
    memcpy(&frame, chunk.data, sizeof frame);
    ck_assert_uint_eq(frame.flags, TRACE_CHUNK_RESET);
    frame.flags = 0;
    chunk_reframe(&chunk, &frame);
    make_spill(paths[1], data, at[n - 1]);      /* without its index, which says it too */
    free(data);
    trace_close(check_file(paths[1], ends[0], ends[1]));
    ck_assert_int_eq(join(0, FILES), 0);
    trace_close(check_file(paths[FILES], 0, MOST));
}
END_TEST

static bool never(const void *context) { return !context; }

/* A new file that cannot be: the old one goes on, and a later one can be begun. */
START_TEST(no_next)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w = first_file(&meta);
    struct archive a;
    struct rlimit before, small;
    make_random_events(&k, MOST);
    append(w, k.code, 0, 500);
    a = state_make(0, SMALL);
    ck_assert_int_eq(trace_write_next(w, "/nonexistent/x", k.code, 1, &a), -ENOENT);
    a = state_make(0, SMALL);
    ck_assert_int_eq(trace_write_next(w, "/dev/full", k.code, 1, &a), -ENOSPC);
    a = state_make(0, SMALL);
    ck_assert_int_eq(trace_write_next(w, paths[0], k.code, 1, &a), -EEXIST);
    a = state_make(0, SMALL);
    a.flaw = "bad";
    ck_assert_int_eq(trace_write_next(w, paths[1], k.code, 1, &a), -EINVAL);
    ck_assert(access(paths[1], F_OK));
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){ 1 << 20, before.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    ck_assert_int_eq(next(w, 1, LARGE), -EFBIG);
    setrlimit(RLIMIT_FSIZE, &before);
    ck_assert(access(paths[1], F_OK));
    make_spill(paths[1], "mine", 4);
    trace_write_while(w, never, w);
    ck_assert_int_eq(next(w, 1, SMALL), -ESTALE);
    ck_assert_uint_eq(file_bytes(paths[1]), 4);
    trace_write_while(w, NULL, NULL);
    append(w, k.code, 500, ends[0]);
    ck_assert_int_eq(next(w, 1, SMALL), 0);
    append(w, k.code, ends[0], MOST);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
    trace_close(check_file(paths[0], 0, ends[0]));
    trace_close(check_file(paths[1], ends[0], MOST));
    ck_assert_int_eq(join(0, 2), 0);
    rename(paths[FILES], k.path);
    check_whole(&k);
}
END_TEST

/* A collector goes on in a file that goes on for another, and from there to the next. */
START_TEST(reopened)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w = first_file(&meta);
    struct code *code = code_new();
    uint64_t events;
    size_t bytes;
    make_random_events(&k, MOST);
    append(w, k.code, 0, ends[0]);
    ck_assert_int_eq(next(w, 1, SMALL), 0);
    append(w, k.code, ends[0], 1000);
    ck_assert_int_eq(trace_write_flush(w, k.code), 0);
    uint8_t *data = make_slurp(paths[1], &bytes);
    ck_assert_int_eq(trace_write_close(w, k.code, 1), 0);
    make_spill(paths[1], data, bytes);      /* as if it had died */
    ck_assert_msg(!trace_write_reopen(&w, paths[1], code, &events), "%s", trace_error_text(NULL));
    ck_assert_uint_eq(events, 1000);
    check_code(code, k.code);
    code_free(code);
    append(w, k.code, 1000, ends[2]);
    ck_assert_uint_eq(trace_write_events(w), ends[2]);
    ck_assert_int_eq(next(w, 2, SMALL), 0);
    append(w, k.code, ends[2], MOST);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
    trace_close(check_file(paths[1], ends[0], ends[2]));
    trace_close(check_file(paths[2], ends[2], MOST));
    ck_assert_int_eq(join(0, 3), 0);
    rename(paths[FILES], k.path);
    check_whole(&k);

    /* Its first state is lost: nothing could be folded that follows. */
    size_t at[64], n = chunks_of(data, bytes, at, 64), state = 0;
    for (size_t i = 0; i < n; i++)
        state = chunk_type(data, at[i]) == TRACE_CHUNK_STATE ? i : state;
    make_spill(paths[1], data, at[state]);
    code = code_new();
    ck_assert_int_eq(trace_write_reopen(&w, paths[1], code, &events), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(trace_error_text(NULL), "begins behind event 700"));
    ck_assert_uint_eq(file_bytes(paths[1]), at[state]);
    struct trace *t;
    const struct trace_checkpoint *list;
    ck_assert_int_eq(trace_open(&t, paths[1]), 0);
    ck_assert_uint_eq(trace_events_before(t), 700);
    ck_assert_uint_eq(trace_checkpoints(t, &list), 0);
    trace_close(t);
    code_free(code);

    /* Its first state says that it is of a moment before the file. */
    for (state = 0; chunk_type(data, at[state]) != TRACE_CHUNK_CHECKPOINT; state++)
        ;
    struct trace_column chunk = { .data = data + at[state], .bytes = at[state + 1] - at[state] };
    struct trace_frame frame;
    memcpy(&frame, chunk.data, sizeof frame);
    uint8_t *event = memmem(chunk.data + sizeof frame, chunk.bytes - sizeof frame, "\xbc\x05", 2);     /* 700 */
    ck_assert_ptr_nonnull(event);
    *event = 0xbb;
    frame.payload_hash = chunk_hash(&chunk, &frame);
    chunk_reframe(&chunk, &frame);
    make_spill(paths[1], data, bytes);
    ck_assert_int_eq(trace_open(&t, paths[1]), 0);
    ck_assert_uint_eq(trace_checkpoints(t, &list), 0);
    trace_close(t);
    free(data);
}
END_TEST

/* The groups of a file are told apart, and by their summaries: `thread` has events in those that may have them. */
static void check_groups(struct trace *t, uint64_t before, uint32_t threads)
{
    const struct trace_group *groups;
    size_t n = trace_groups(t, &groups), told = 0;
    uint64_t next_event = before + 1;
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(groups[i].first_event, next_event);
        next_event += groups[i].events;
        for (uint32_t thread = 1; thread <= threads; thread++) {
            uint64_t file = (groups[i].first_event - 1) / (40 << 16);
            bool may = trace_group_may(t, i, &(struct trace_filter){ .thread = thread });
            ck_assert(may || file + 1 != thread);
            told += !may;
        }
    }
    ck_assert_uint_eq(next_event, trace_events(t) + 1);
    ck_assert_uint_eq(told, n * (threads - 1));
}

/* States that are far apart stay in the joined file; summaries do in any case. */
START_TEST(far_apart)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w = first_file(&meta);
    struct trace *t;
    const struct trace_checkpoint *list;
    static struct event many[1 << 16];
    for (size_t i = 0; i < 1 << 16; i++)
        many[i] = (struct event){ .type = EVENT_MARK, .thread = 1, .process = 1, .ns = i * 4 };
    for (size_t file = 1; file < FILES; file++) {
        for (size_t i = 0; i < 1 << 16; i++)
            many[i].thread = (uint32_t)file;
        for (size_t i = 0; i < 40; i++)     /* 2.6 M events a file */
            ck_assert_int_eq(trace_write_batch(w, k.code, many, 1 << 16), 0);
        ck_assert_int_eq(next(w, file, SMALL), 0);
    }
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
    ck_assert_int_eq(join(0, FILES), 0);
    ck_assert_int_eq(trace_open(&t, paths[FILES]), 0);
    ck_assert_uint_eq(trace_events(t), 3u * 40 << 16);
    ck_assert_uint_eq(trace_checkpoints(t, &list), 2);
    ck_assert_uint_eq(list[0].event, 40u << 16);
    ck_assert_uint_eq(list[1].event, 3u * 40 << 16);
    ck_assert_int_eq(state_read(t, 1, 3, SMALL), 0);
    check_groups(t, 0, FILES - 1);
    trace_close(t);
    ck_assert_int_eq(trace_open(&t, paths[1]), 0);
    check_groups(t, 40 << 16, FILES - 1);
    trace_close(t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trace_next");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, alone, 0, 2);
    tcase_add_test(c, joined);
    tcase_add_test(c, not_joined);
    tcase_add_test(c, joined_torn);
    tcase_add_test(c, joined_unsaid);
    tcase_add_test(c, no_next);
    tcase_add_test(c, reopened);
    tcase_add_test(c, far_apart);
    suite_add_tcase(s, c);
    return suite_run(s);
}
