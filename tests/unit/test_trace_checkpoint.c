/*
 * tests/unit/test_trace_checkpoint.c - checkpoints, cuts and places in a trace
 * file: what is written comes back, a reader that seeks sees what one sees that
 * reads from the start, and a damaged checkpoint costs nothing but itself.
 */
#include "suite.h"
#include "trace_states.h"

#include "graph/graph.h"
#include "graph/view.h"

static struct make k;

/* ---- files: cuts and checkpoints that come some events later -------------------- */

struct plan { size_t cut, late, numbers; };     /* a cut after so many events, its state so many events later */

static void check_list(struct trace *t, const struct plan *plans, size_t n)
{
    const struct trace_checkpoint *list;
    ck_assert_uint_eq(trace_checkpoints(t, &list), n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(list[i].event, plans[i].cut);
        ck_assert_uint_eq(list[i].ns, plans[i].cut * 3);
        ck_assert_uint_eq(list[i].version, ARCHIVE_VERSION);
        ck_assert_uint_ge(list[i].raw_bytes, plans[i].numbers);
        ck_assert_uint_gt(list[i].stored_bytes, 0);
    }
}

static void write_planned(const struct plan *plans, size_t n, size_t flush)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    size_t cut = 0, given = 0;
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    for (size_t i = 0; i <= k.count; i++) {
        if (cut < n && plans[cut].cut == i)
            ck_assert_uint_eq(trace_write_cut(w, k.code), plans[cut++].cut);
        if (given < n && plans[given].cut + plans[given].late == i) {
            struct archive a = state_make(given, plans[given].numbers);
            ck_assert_int_eq(trace_write_checkpoint(w, k.code, plans[given].cut, plans[given].cut * 3, &a), 0);
            given++;
        }
        if (i < k.count)
            ck_assert_int_eq(trace_write_event(w, k.code, &k.events[i]), 0);
        if (flush && i % flush == flush - 1)
            ck_assert_int_eq(trace_write_flush(w, k.code), 0);
    }
    ck_assert_uint_eq(given, n);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
}

/* The next `count` events are those from number event + 1 on. */
static void check_from(struct trace *t, uint64_t event, size_t count)
{
    struct event e;
    ck_assert_uint_eq(trace_event_number(t), event);
    for (size_t i = 0; i < count && event < k.count; i++) {
        if (trace_next(t, &e) != 1 || !make_equal(&e, &k.events[event]) || trace_event_number(t) != ++event)
            ck_abort_msg("event %zu differs", (size_t)event);
    }
    if (event == k.count)
        ck_assert_int_eq(trace_next(t, &e), 0);
    ck_assert_uint_eq(trace_event_number(t), event);
}

START_TEST(round_trip)
{
    static const struct plan plans[] = { { 1000, 0, SMALL }, { 1500, 700, LARGE }, { 9000, 11000, SMALL }, { 30000, 0, 0 } };
    make_init(&k, 1);
    make_heap_events(&k, 30000);
    while (k.count > 30000)
        free((char *)k.events[--k.count].text);
    write_planned(plans, 4, _i ? 777 : 0);
    check_whole(&k);
    struct trace *t;
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_uint_eq(trace_events_before(t), 0);
    check_list(t, plans, 4);
    for (size_t i = 4; i-- > 0;) {
        ck_assert_int_eq(state_read(t, i, i, plans[i].numbers), 0);
        ck_assert_int_eq(trace_seek(t, plans[i].cut), 0);
        check_from(t, plans[i].cut, 3000);
    }
    /* another state than was written, one that ends early, one that ends late */
    ck_assert_int_eq(state_read(t, 1, 2, LARGE), -EBADMSG);
    ck_assert_int_eq(state_read(t, 1, 1, LARGE + 1), -EBADMSG);
    ck_assert_int_eq(state_read(t, 1, 1, LARGE - 1), -EBADMSG);
    ck_assert_int_eq(state_read(t, 1, 1, SMALL), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(trace_error_text(t), "more in it"));
    ck_assert_int_eq(state_read(t, 1, 1, LARGE), 0);
    trace_close(t);
    make_free(&k);
}
END_TEST

/* A checkpoint is read in the middle of events, which go on where they were. */
START_TEST(read_between)
{
    static const struct plan plans[] = { { 2000, 5, LARGE } };
    make_init(&k, 2);
    make_random_events(&k, 5000);
    write_planned(plans, 1, 0);
    struct trace *t;
    struct event e;
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    for (size_t i = 0; i < k.count; i++) {
        ck_assert_int_eq(trace_next(t, &e), 1);
        ck_assert_msg(make_equal(&e, &k.events[i]), "event %zu differs", i + 1);
        if (i % 1000 == 500)
            ck_assert_int_eq(state_read(t, 0, 0, LARGE), 0);
    }
    ck_assert_int_eq(trace_next(t, &e), 0);
    check_code(k.code, trace_code(t));
    trace_close(t);
    make_free(&k);
}
END_TEST

START_TEST(seek_everywhere)
{
    static const struct plan plans[] = { { 1, 0, 0 }, { 300, 100, SMALL }, { 301, 600, SMALL }, { 2500, 0, SMALL } };
    make_init(&k, 3 + (uint64_t)_i);
    if (_i % 2)
        make_random_events(&k, 3000);
    else
        make_lock_events(&k, 3000, 9);
    write_planned(plans, 4, _i < 2 ? 150 : 0);
    struct trace *t;
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    for (uint64_t event = 0; event <= k.count; event += 7) {    /* onward */
        ck_assert_int_eq(trace_seek(t, event), 0);
        check_from(t, event, 3);
    }
    for (uint64_t event = k.count + 1; event > 0;) {            /* backward, and past the end */
        event -= event % 9 && event > 5 ? 5 : 1;
        ck_assert_int_eq(trace_seek(t, event), 0);
        check_from(t, event, event % 50 ? 1 : 400);
    }
    ck_assert_int_eq(trace_seek(t, UINT64_MAX), 0);
    check_from(t, k.count, 1);
    trace_rewind(t);
    check_from(t, 0, k.count);
    check_code(k.code, trace_code(t));
    trace_close(t);
    for (size_t i = 0; i < 60; i++) {                          /* each in a new reader: tables are loaded as far as needed */
        uint64_t event = make_random(&k) % (k.count + 1);
        ck_assert_int_eq(trace_open(&t, k.path), 0);
        ck_assert_int_eq(trace_seek(t, event), 0);
        check_from(t, event, 100);
        trace_close(t);
    }
    make_free(&k);
}
END_TEST

/* ---- damage ----------------------------------------------------------------------- */

static const struct plan three[] = { { 700, 40, SMALL }, { 1400, 0, LARGE }, { 2100, 500, SMALL } };

/* How many of `three` can be read; the others are refused, or not listed. */
static size_t states_whole(struct trace *t)
{
    const struct trace_checkpoint *list;
    size_t whole = 0, n = trace_checkpoints(t, &list);
    for (size_t i = 0; i < n; i++) {
        size_t plan = list[i].event / 700 - 1;
        int error = state_read(t, i, plan, three[plan].numbers);
        ck_assert(error == 0 || error == -EBADMSG);
        whole += !error;
    }
    return whole;
}

/* A byte of each chunk of a checkpoint is another, in a file with an index. */
START_TEST(damaged)
{
    size_t bytes, at[64], n, hurt = 0;
    make_init(&k, 7);
    make_random_events(&k, 3000);
    write_planned(three, 3, 0);
    uint8_t *data = make_slurp(k.path, &bytes);
    n = chunks_of(data, bytes, at, 64);
    for (size_t i = 0; i < n; i++) {
        if (chunk_type(data, at[i]) != TRACE_CHUNK_CHECKPOINT && chunk_type(data, at[i]) != TRACE_CHUNK_STATE)
            continue;
        for (size_t from = at[i]; from < at[i + 1]; from += 1 + (at[i + 1] - at[i]) / 4) {
            struct trace *t;
            int error;
            data[from] ^= 0x40;
            make_spill(k.path, data, bytes);
            ck_assert_int_eq(trace_open(&t, k.path), 0);
            ck_assert_uint_eq(states_whole(t), 2);
            ck_assert_uint_eq(read_prefix(&k, t, &error), k.count);
            ck_assert_int_eq(error, 0);
            ck_assert_uint_eq(states_whole(t), 2);
            ck_assert_int_eq(trace_seek(t, 1500), 0);
            check_from(t, 1500, 10);
            trace_close(t);
            data[from] ^= 0x40;
            hurt++;
        }
    }
    ck_assert_uint_gt(hurt, 25);
    free(data);
    make_free(&k);
}
END_TEST

/* Damage before a cut is none for who begins behind it. */
START_TEST(damaged_before)
{
    size_t bytes, at[64], first = 0;
    struct trace *t;
    struct event e;
    make_init(&k, 12);
    make_random_events(&k, 3000);
    write_planned(three, 3, 300);
    uint8_t *data = make_slurp(k.path, &bytes);
    chunks_of(data, bytes, at, 64);
    while (chunk_type(data, at[first]) != TRACE_CHUNK_EVENTS)
        first++;
    data[at[first] + 100] ^= 1;
    make_spill(k.path, data, bytes);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_int_eq(trace_next(t, &e), -EBADMSG);
    ck_assert_int_eq(trace_seek(t, 699), -EBADMSG);
    ck_assert_int_eq(trace_next(t, &e), -EBADMSG);
    ck_assert_int_eq(trace_seek(t, 700), 0);
    check_from(t, 700, 2300);
    trace_close(t);
    free(data);
    make_free(&k);
}
END_TEST

/* Where definitions are lost, a checkpoint behind them is, and the events before them are not. */
START_TEST(definitions_lost)
{
    size_t bytes, at[64], last = 0;
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    struct trace *t;
    make_init(&k, 13);
    make_random_events(&k, 1000);
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    ck_assert_int_eq(trace_write_batch(w, k.code, k.events, k.count), 0);
    ck_assert_int_eq(trace_write_flush(w, k.code), 0);
    for (unsigned i = 0; i < 40; i++)
        make_stack(&k);
    struct archive a = state_make(0, SMALL);
    ck_assert_int_eq(trace_write_checkpoint(w, k.code, trace_write_cut(w, k.code), 1, &a), 0);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
    uint8_t *data = make_slurp(k.path, &bytes);
    size_t n = chunks_of(data, bytes, at, 64);
    for (size_t i = 0; i < n; i++)
        last = chunk_type(data, at[i]) == TRACE_CHUNK_CODE ? i : last;
    data[at[last] + 70] ^= 1;
    make_spill(k.path, data, bytes);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_int_eq(trace_seek(t, 200), 0);
    ck_assert_int_eq(state_read(t, 0, 0, SMALL), -EBADMSG);
    for (uint64_t i = 200; i < 1000; i++) {
        struct event e;
        ck_assert_int_eq(trace_next(t, &e), 1);
        ck_assert(make_equal(&e, &k.events[i]));
    }
    trace_close(t);
    free(data);
    make_free(&k);
}
END_TEST

/* The file ends at, or shortly before, the end of each chunk. */
START_TEST(torn)
{
    size_t bytes, at[64], n, most = 0;
    make_init(&k, 8);
    make_heap_events(&k, 3000);
    write_planned(three, 3, 0);
    uint8_t *data = make_slurp(k.path, &bytes);
    n = chunks_of(data, bytes, at, 64);
    for (size_t i = 1; i <= n; i++)
        for (unsigned less = 0; less < 3; less++) {
            struct trace *t;
            size_t whole = 0, state = 0, end = at[i] - (less == 2 ? 70 : less);
            int error;
            for (size_t j = 0; at[j + 1] <= end && j < n; j++)     /* states whose last STATE is in the file */
                if (chunk_type(data, at[j]) == TRACE_CHUNK_STATE &&
                    (j + 1 == n || chunk_type(data, at[j + 1]) != TRACE_CHUNK_STATE))
                    whole = ++state;
            make_spill(k.path, data, end);
            if (trace_open(&t, k.path))
                continue;           /* not even META is whole */
            ck_assert_uint_eq(states_whole(t), whole);
            ck_assert_uint_eq(read_prefix(&k, t, &error), trace_events(t));
            ck_assert_int_eq(error, 0);
            most = whole > most ? whole : most;
            trace_close(t);
        }
    ck_assert_uint_eq(most, 3);
    free(data);
    make_free(&k);
}
END_TEST

/* A state of a later version is listed, but not read; what was refused by the writer is not there. */
START_TEST(other_version)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    struct trace *t;
    make_init(&k, 9);
    make_heap_events(&k, 500);
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    ck_assert_int_eq(trace_write_batch(w, k.code, k.events, k.count), 0);
    struct archive a = state_make(0, SMALL), early = state_make(3, SMALL);
    ck_assert_uint_eq(trace_write_cut(w, k.code), k.count);
    ck_assert_uint_eq(trace_write_cut(w, k.code), k.count);
    ck_assert_int_eq(trace_write_checkpoint(w, k.code, k.count + 1, 1, &early), -EINVAL);
    ck_assert_ptr_null(early.parts);
    ck_assert_int_eq(trace_write_checkpoint(w, k.code, k.count, 1, &a), 0);
    ck_assert_ptr_null(a.parts);
    a = state_make(1, SMALL);
    a.version = ARCHIVE_VERSION + 1;
    ck_assert_int_eq(trace_write_checkpoint(w, k.code, k.count, 2, &a), 0);
    a = state_make(2, SMALL);
    a.version = 0;
    ck_assert_int_eq(trace_write_checkpoint(w, k.code, k.count, 3, &a), 0);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    const struct trace_checkpoint *list;
    ck_assert_uint_eq(trace_checkpoints(t, &list), 3);
    ck_assert_uint_eq(list[1].version, ARCHIVE_VERSION + 1);
    ck_assert_int_eq(trace_checkpoint_begin(t, 1, &a), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(trace_error_text(t), "a checkpoint of version 3"));
    ck_assert_int_eq(trace_checkpoint_begin(t, 2, &a), -EBADMSG);
    ck_assert_int_eq(state_read(t, 0, 0, SMALL), 0);
    trace_close(t);
    check_whole(&k);
    make_free(&k);
}
END_TEST

/* What a state names is in the file before it, however much was on its way. */
START_TEST(definitions_first)
{
    size_t bytes, at[64], code = 0, checkpoint = 0;
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    make_init(&k, 11);
    make_heap_events(&k, 2 * TRACE_COUNT_MAX);
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    ck_assert_int_eq(trace_write_batch(w, k.code, k.events, k.count), 0);
    trace_write_cut(w, k.code);
    for (unsigned i = 0; i < 40; i++)
        make_stack(&k);
    struct archive a = state_make(0, 0);
    ck_assert_int_eq(trace_write_checkpoint(w, k.code, k.count, 1, &a), 0);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
    uint8_t *data = make_slurp(k.path, &bytes);
    for (size_t i = chunks_of(data, bytes, at, 64); i-- > 0;) {
        code = !code && chunk_type(data, at[i]) == TRACE_CHUNK_CODE ? i : code;
        checkpoint = chunk_type(data, at[i]) == TRACE_CHUNK_CHECKPOINT ? i : checkpoint;
    }
    ck_assert_uint_lt(code, checkpoint);
    check_whole(&k);
    free(data);
    make_free(&k);
}
END_TEST

/* ---- lies -------------------------------------------------------------------------- */

struct lie { uint64_t event, raw_bytes; uint32_t states, told; unsigned listed; };

static void forge_chunk(struct trace_column *file, struct chunk_builder *b, struct trace_frame frame, const void *data, size_t bytes)
{
    frame.payload_bytes = 0;
    chunk_begin(b);
    chunk_column(b, 1, data, bytes, CHUNK_PATTERNS);
    chunk_finish(b, &frame);
    column_reserve(file, b->out.bytes);
    column_bytes(file, b->out.data, b->out.bytes);
}

/* What a checkpoint says of itself is held against the file before it is listed. */
START_TEST(lies)
{
    static const struct lie all[] = {
        { 500, 10, 2, 2, 1 }, { 0, 10, 1, 1, 1 }, { 501, 10, 2, 2, 0 }, { UINT64_MAX, 10, 1, 1, 0 },
        { 500, ARCHIVE_PART_BYTES, 1, 1, 1 }, { 500, ARCHIVE_PART_BYTES + 1, 1, 1, 0 }, { 500, UINT64_MAX, 2, 2, 0 },
        { 500, 10, 1, 2, 0 }, { 500, 10, 3, UINT32_MAX, 0 }, { 500, 0, 0, 0, 1 }, { 500, 1, 0, 0, 0 } };
    static const uint8_t state[10] = { 1, 2, 3 };
    size_t bytes, at[64], n, i = (size_t)_i;
    make_init(&k, 10);
    make_random_events(&k, 500);
    ck_assert_int_eq(make_file(&k, 0), 0);
    uint8_t *data = make_slurp(k.path, &bytes);
    n = chunks_of(data, bytes, at, 64) - 2;
    ck_assert_uint_eq(chunk_type(data, at[n]), TRACE_CHUNK_END);
    const uint64_t numbers[] = { all[i].event, 7, ARCHIVE_VERSION, all[i].raw_bytes };
    struct trace_column head = { 0 }, file = { 0 };
    struct chunk_builder b = { 0 };
    column_reserve(&head, 40);
    for (unsigned j = 0; j < 4; j++)
        column_varint(&head, numbers[j]);
    column_reserve(&file, at[n]);
    column_bytes(&file, data, at[n]);
    struct trace_frame frame = { .type = TRACE_CHUNK_CHECKPOINT, .count = all[i].told, .number = (uint32_t)n, .first_event = 500 };
    forge_chunk(&file, &b, frame, head.data, head.bytes);
    for (uint32_t j = 0; j < all[i].states; j++) {
        frame = (struct trace_frame){ .type = TRACE_CHUNK_STATE, .count = 1, .number = (uint32_t)(n + 1 + j), .first_event = 500 };
        forge_chunk(&file, &b, frame, state, j ? 0 : sizeof state);
    }
    make_spill(k.path, file.data, file.bytes);
    struct trace *t;
    const struct trace_checkpoint *list;
    int error;
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_uint_eq(trace_checkpoints(t, &list), all[i].listed);
    if (all[i].listed) {
        struct archive a;
        uint8_t read[10] = { 0 };
        ck_assert_int_eq(trace_checkpoint_begin(t, 0, &a), 0);
        archive_bytes(&a, read, all[i].states ? sizeof read : 0);
        ck_assert_mem_eq(read, all[i].states ? state : read, sizeof read);
        ck_assert_int_eq(trace_checkpoint_end(t, &a), all[i].raw_bytes == 10 * (all[i].states > 0) && all[i].states < 2 ? 0 : -EBADMSG);
    }
    ck_assert_uint_eq(read_prefix(&k, t, &error), 500);
    ck_assert_int_eq(error, 0);
    trace_close(t);
    column_free(&head);
    column_free(&file);
    chunk_builder_free(&b);
    free(data);
    make_free(&k);
}
END_TEST

/* ---- files of the first writer of version 5 ------------------------------------------ */

static struct trace *golden_open(const char *name)
{
    char path[4096];
    struct trace *t;
    snprintf(path, sizeof path, "%.*s../golden/%s", (int)(strrchr(__FILE__, '/') - __FILE__ + 1), __FILE__, name);
    ck_assert_msg(!trace_open(&t, path), "%s: %s", path, trace_error_text(NULL));
    ck_assert_uint_eq(trace_version(t), 5);
    ck_assert(trace_end(t)->present);
    ck_assert_uint_eq(trace_end(t)->events, trace_events(t));
    return t;
}

/* Folds on to the end; returns what lives then. */
static uint64_t blocks_at_end(struct trace *t, struct graph *g)
{
    struct event e;
    int more;
    while ((more = trace_next(t, &e)) == 1)
        graph_fold(g, &e);
    ck_assert_int_eq(more, 0);
    ck_assert_uint_eq(graph_events(g), trace_events(t));
    struct view *v = graph_view_make(g, trace_code(t), VIEW_BLOCKS);
    uint64_t blocks = v->n_blocks;
    view_free(v);
    graph_free(g);
    return blocks;
}

static uint64_t blocks_from(struct trace *t, size_t i, uint64_t event, uint64_t ns)
{
    const struct trace_checkpoint *list;
    struct archive a;
    ck_assert_uint_lt(i, trace_checkpoints(t, &list));
    ck_assert_uint_eq(list[i].event, event);
    ck_assert_uint_eq(list[i].ns, ns);
    ck_assert_int_eq(trace_checkpoint_begin(t, i, &a), 0);
    struct graph *g = graph_load(trace_code(t), &a);
    ck_assert_msg(!trace_checkpoint_end(t, &a), "%s", trace_error_text(t));
    ck_assert_ptr_nonnull(g);
    ck_assert_uint_eq(graph_events(g), event);
    ck_assert_int_eq(trace_seek(t, event), 0);
    return blocks_at_end(t, g);
}

START_TEST(version_5_is_read)
{
    struct trace *t = golden_open("version-5-handoff.own");
    ck_assert_uint_eq(trace_events_before(t), 0);
    ck_assert_uint_eq(trace_events(t), 2119);
    ck_assert_uint_eq(blocks_at_end(t, graph_new(trace_code(t))), 3);
    ck_assert_uint_eq(blocks_from(t, 0, 853, 43958276), 3);
    ck_assert_uint_eq(blocks_from(t, 1, 1589, 84807588), 3);
    ck_assert_uint_eq(blocks_from(t, 2, 2119, 109439108), 3);
    trace_close(t);

    t = golden_open("version-5-handoff.2.own");
    ck_assert_uint_eq(trace_events_before(t), 1479);
    ck_assert_uint_eq(trace_events(t), 2117);
    ck_assert_str_eq(trace_meta(t)->command, "./handoff");
    ck_assert_uint_eq(blocks_from(t, 0, 1479, 58157500), 3);
    ck_assert_uint_eq(blocks_from(t, 1, 2010, 65949056), 3);
    trace_close(t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trace_checkpoint");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, round_trip, 0, 2);
    tcase_add_test(c, read_between);
    tcase_add_loop_test(c, seek_everywhere, 0, 3);
    tcase_add_test(c, damaged);
    tcase_add_test(c, damaged_before);
    tcase_add_test(c, definitions_lost);
    tcase_add_test(c, torn);
    tcase_add_test(c, definitions_first);
    tcase_add_test(c, other_version);
    tcase_add_loop_test(c, lies, 0, 11);
    tcase_add_test(c, version_5_is_read);
    suite_add_tcase(s, c);
    return suite_run(s);
}
