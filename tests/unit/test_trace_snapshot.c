/*
 * tests/unit/test_trace_snapshot.c - heap snapshots in trace files: read back as
 * they were written, beside events, in torn and damaged and hostile files.
 */
#include <errno.h>
#include <xxhash.h>

#include "snapshot_make.h"
#include "suite.h"
#include "trace/trace_format.h"
#include "trace/trace_number.h"
#include "trace/trace_snapshot_pack.h"
#include "trace_check.h"

static struct make k;

static void setup(void) { make_init(&k, 7); }
static void teardown(void) { make_free(&k); }

static void write_all(struct snapshot **s, size_t n, size_t events_between)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    size_t event = 0;
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t e = 0; e < events_between && event < k.count; e++)
            ck_assert_int_eq(trace_write_event(w, k.code, &k.events[event++]), 0);
        ck_assert(snapshot_sound(s[i]));
        ck_assert_int_eq(trace_write_snapshot(w, k.code, s[i]), 0);
    }
    while (event < k.count)
        ck_assert_int_eq(trace_write_event(w, k.code, &k.events[event++]), 0);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
}

static struct snapshot *read_one(struct trace *t, size_t i)
{
    struct snapshot *s;
    ck_assert_int_eq(trace_snapshot_read(t, i, &s), 0);
    ck_assert_ptr_nonnull(s);
    return s;
}

static void check_same(const struct snapshot *a, const struct snapshot *b)
{
    const char *differs = snapshot_differs(a, b);
    ck_assert_msg(!differs, "%s differ", differs);
}

static void check_round(struct snapshot *s)
{
    struct trace *t;
    const struct trace_snapshot *list;
    write_all(&s, 1, 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_uint_eq(trace_snapshots(t, &list), 1);
    ck_assert_uint_eq(list[0].number, s->number);
    ck_assert_uint_eq(list[0].process, s->process);
    ck_assert_uint_eq(list[0].ns, s->ns);
    ck_assert_uint_eq(list[0].event, s->event);
    ck_assert_uint_eq(list[0].why, s->why);
    ck_assert_uint_eq(list[0].how, s->how);
    ck_assert_uint_eq(list[0].blocks, s->n_blocks);
    ck_assert_uint_eq(list[0].edges, s->n_edges);
    struct snapshot *again = read_one(t, 0);
    check_same(s, again);
    snapshot_free(again);
    trace_close(t);
    snapshot_free(s);
}

/* ---- numbers --------------------------------------------------------------------- */

START_TEST(numbers_of_all_sizes)
{
    enum { N = 20000 };
    uint64_t *v = xmalloc(N * sizeof *v);
    struct trace_column columns[2] = { { 0 } };
    struct number_bits bits = { 0 };
    column_reserve(&columns[0], N);
    column_reserve(&columns[1], N * 8 + 8);
    for (int i = 0; i < N; i++)
        number_put(columns, &bits, v[i] = i < 2000 ? (uint64_t)i : i < 2128 ? (1ull << (i - 2000) / 2) - (i & 1) : make_number(&k));
    number_flush(columns, &bits);
    struct trace_columns s = { .of = { [3] = { columns[0].data, columns[0].data + columns[0].bytes },
                                       [4] = { columns[1].data, columns[1].data + columns[1].bytes } } };
    uint64_t at = 0;
    for (int i = 0; i < N; i++)
        ck_assert_uint_eq(number_get(&s, 3, &at), v[i]);
    ck_assert(!s.bad);
    number_get(&s, 3, &at);
    ck_assert(s.bad);
    column_free(&columns[0]);
    column_free(&columns[1]);
    free(v);
}
END_TEST

/* ---- whole files ------------------------------------------------------------------- */

START_TEST(any_snapshot)
{
    make_free(&k);
    make_init(&k, (uint64_t)_i + 1);
    check_round(snapshot_random(&k, make_random(&k) % 300, make_random(&k) % 20, make_random(&k) % 1000));
}
END_TEST

/* Whose reading broke off: only its blocks stay. */
START_TEST(blocks_alone)
{
    struct snapshot *s = snapshot_random(&k, 30, 5, 100);
    snapshot_refuse(s, xstrdup("half of it was read"));
    ck_assert(snapshot_sound(s));
    ck_assert_uint_eq(s->n_blocks, 30);
    ck_assert_uint_eq(s->n_roots + s->n_edges + s->n_frames + s->n_types, 0);
    ck_assert_ptr_null(s->first);
    ck_assert_ptr_null(s->type);
    ck_assert_uint_eq(s->how, SNAPSHOT_UNREAD);
    check_round(s);
}
END_TEST

START_TEST(nothing_in_it)
{
    check_round(snapshot_random(&k, 0, 0, 0));
    check_round(snapshot_random(&k, 0, 3, 0));
    check_round(snapshot_random(&k, 1, 0, 1));
}
END_TEST

/* Many parts of every section that can have many. */
START_TEST(many_parts)
{
    struct snapshot *s = snapshot_random(&k, 3 * TRACE_PART_MAX, TRACE_PART_MAX + 1, 4 * TRACE_PART_MAX + 3);
    check_round(s);
}
END_TEST

START_TEST(long_names)
{
    struct snapshot *s = snapshot_random(&k, 3, 1, 3);
    for (size_t i = 0; i < s->n_types; i++)
        free(s->types[i].name);
    free(s->types);
    s->n_types = 200;
    s->types = xcalloc(s->n_types, sizeof *s->types);
    for (size_t i = 0; i < s->n_types; i++) {
        s->types[i].name = xmalloc(TRACE_TYPE_NAME_MAX + 1);
        memset(s->types[i].name, 'a' + (int)(i % 26), TRACE_TYPE_NAME_MAX);
        s->types[i].name[TRACE_TYPE_NAME_MAX] = '\0';
    }
    check_round(s);
}
END_TEST

START_TEST(memory_not_read)
{
    struct snapshot *s = snapshot_random(&k, 100, 0, 0);
    free(s->first);
    s->first = NULL;
    check_round(s);
}
END_TEST

/* Between events, of which there are several chunks; both read as if the others were not there. */
START_TEST(between_events)
{
    enum { N = 5 };
    struct snapshot *s[N];
    struct trace *t;
    const struct trace_snapshot *list;
    make_heap_events(&k, 100000);
    for (int i = 0; i < N; i++)
        s[i] = snapshot_random(&k, 200, 10, 500);
    write_all(s, N, 17000);
    check_whole(&k);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_uint_eq(trace_snapshots(t, &list), N);
    struct event e;
    for (size_t n = 0; n < k.count; n++) {
        if (n % 20000 == 7) {       /* in the middle of events, and of definitions */
            struct snapshot *again = read_one(t, (N - 1) - n / 20000);
            check_same(s[(N - 1) - n / 20000], again);
            snapshot_free(again);
        }
        ck_assert_int_eq(trace_next(t, &e), 1);
        ck_assert(make_equal(&e, &k.events[n]));
    }
    ck_assert_int_eq(trace_next(t, &e), 0);
    check_code(k.code, trace_code(t));
    trace_close(t);
    for (int i = 0; i < N; i++)
        snapshot_free(s[i]);
}
END_TEST

/* Packed beforehand, then given ids that came later. */
START_TEST(packed_before)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    struct trace *t;
    struct snapshot *s = snapshot_random(&k, 500, 30, 900);
    struct trace_packed *packed = trace_snapshot_pack(s);
    s->roots[0].module = code_module_id(k.code, "/lib/late.so", 12, NULL, 0);
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    ck_assert_int_eq(trace_write_packed(w, k.code, s, packed), 0);
    ck_assert_int_eq(trace_write_close(w, k.code, 1), 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    struct snapshot *again = read_one(t, 0);
    check_same(s, again);
    ck_assert_str_eq(code_module(trace_code(t), again->roots[0].module)->path, "/lib/late.so");
    snapshot_free(again);
    snapshot_free(s);
    trace_close(t);
}
END_TEST

START_TEST(ids_that_nobody_has)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    struct trace *t;
    const struct trace_snapshot *list;
    struct snapshot *s = snapshot_random(&k, 5, 3, 9);
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    s->roots[1].module = code_modules(k.code) + 1;
    ck_assert_int_eq(trace_write_snapshot(w, k.code, s), -EINVAL);
    s->roots[1].module = 0;
    s->stack[4] = code_stacks(k.code) + 1;
    ck_assert_int_eq(trace_write_packed(w, k.code, s, trace_snapshot_pack(s)), -EINVAL);
    ck_assert_int_eq(trace_write_close(w, k.code, 1), 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_uint_eq(trace_snapshots(t, &list), 0);
    trace_close(t);
    snapshot_free(s);
}
END_TEST

/* A collector that goes on keeps what is there, and adds. */
START_TEST(gone_on_with)
{
    struct trace_writer *w;
    struct trace *t;
    const struct trace_snapshot *list;
    uint64_t events;
    make_heap_events(&k, 3000);
    struct snapshot *s[2] = { snapshot_random(&k, 200, 10, 500), snapshot_random(&k, 100, 4, 50) };
    write_all(s, 1, 1000);
    struct code *code = code_new();
    ck_assert_int_eq(trace_write_reopen(&w, k.path, code, &events), 0);
    ck_assert_uint_eq(events, k.count);
    ck_assert_int_eq(trace_write_snapshot(w, code, s[1]), 0);
    ck_assert_int_eq(trace_write_close(w, code, 1), 0);
    code_free(code);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_uint_eq(trace_snapshots(t, &list), 2);
    for (size_t i = 0; i < 2; i++) {
        struct snapshot *again = read_one(t, i);
        check_same(s[i], again);
        snapshot_free(again);
        snapshot_free(s[i]);
    }
    trace_close(t);
}
END_TEST

/* ---- torn, damaged ------------------------------------------------------------------- */

/* Where the file's chunks begin, and what they are. */
struct chunk { size_t at, bytes; struct trace_frame frame; };
static size_t chunks_of(const uint8_t *file, size_t bytes, struct chunk *chunks, size_t max)
{
    size_t n = 0;
    for (size_t at = sizeof(struct trace_file_head); n < max && bytes - at >= sizeof(struct trace_frame);) {
        struct chunk *c = &chunks[n++];
        memcpy(&c->frame, file + at, sizeof c->frame);
        c->at = at;
        c->bytes = sizeof c->frame + c->frame.payload_bytes;
        at += c->bytes;
        if (c->frame.type == TRACE_CHUNK_INDEX)
            break;
    }
    return n;
}

/* A file of two snapshots among events. */
static uint8_t *two_snapshots(struct snapshot *s[2], size_t *bytes)
{
    make_heap_events(&k, 3000);
    s[0] = snapshot_random(&k, 400, 10, 500);
    s[1] = snapshot_random(&k, 100, 4, 50);
    write_all(s, 2, 1000);
    return make_slurp(k.path, bytes);
}

/* A file cut anywhere has the snapshots that are whole. */
START_TEST(torn)
{
    struct snapshot *s[2];
    size_t bytes, from = 0, step;
    uint8_t *file = two_snapshots(s, &bytes);
    struct chunk chunks[64];
    size_t n = chunks_of(file, bytes, chunks, 64), ends[2] = { 0 };
    for (size_t i = 0, which = 0; i < n; i++)
        if (chunks[i].frame.type == TRACE_CHUNK_SNAPSHOT) {
            const struct chunk *last = &chunks[i + chunks[i].frame.count];
            ends[which++] = last->at + last->bytes;
        }
    for (size_t cut = sizeof(struct trace_file_head) + chunks[0].bytes; cut < bytes; cut += step) {
        step = 1 + cut % 37;
        struct trace *t;
        const struct trace_snapshot *list;
        make_spill(k.path, file, cut);
        ck_assert_int_eq(trace_open(&t, k.path), 0);
        size_t whole = trace_snapshots(t, &list);
        ck_assert_uint_eq(whole, (size_t)(cut >= ends[0]) + (cut >= ends[1]));
        for (size_t i = 0; i < whole && whole > from; i++) {
            struct snapshot *again = read_one(t, i);
            check_same(s[i], again);
            snapshot_free(again);
        }
        from = whole;
        trace_close(t);
    }
    free(file);
    snapshot_free(s[0]);
    snapshot_free(s[1]);
}
END_TEST

/* The collector died inside a snapshot; the next one goes on behind its parts, with another. */
START_TEST(torn_and_gone_on_with)
{
    struct snapshot *s[2];
    size_t bytes, cut = 0;
    uint8_t *file = two_snapshots(s, &bytes);
    struct chunk chunks[64];
    size_t n = chunks_of(file, bytes, chunks, 64);
    for (size_t i = 0; i < n && !cut; i++)
        if (chunks[i].frame.type == TRACE_CHUNK_SNAPSHOT)
            cut = chunks[i + 4].at;
    make_spill(k.path, file, cut);
    free(file);
    struct code *code = code_new();
    struct trace_writer *w;
    struct trace *t;
    const struct trace_snapshot *list;
    uint64_t events;
    ck_assert_int_eq(trace_write_reopen(&w, k.path, code, &events), 0);
    struct snapshot *late = snapshot_new();
    late->number = 5;
    ck_assert_int_eq(trace_write_snapshot(w, code, late), 0);
    for (int i = 0; i < 4; i++)
        for (size_t e = events; e < k.count && e < events + 10; e++) {
            k.events[e].stack = 0;
            ck_assert_int_eq(trace_write_event(w, code, &k.events[e]), 0);
            trace_write_flush(w, code);
        }
    ck_assert_int_eq(trace_write_close(w, code, 1), 0);
    code_free(code);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_uint_eq(trace_snapshots(t, &list), 1);
    ck_assert_uint_eq(list[0].number, 5);
    trace_close(t);
    snapshot_free(late);
    snapshot_free(s[0]);
    snapshot_free(s[1]);
}
END_TEST

/* A byte of a snapshot's payload that is not as it was costs that snapshot, and nothing else. */
START_TEST(damaged)
{
    struct snapshot *s[2];
    size_t bytes;
    uint8_t *file = two_snapshots(s, &bytes);
    struct chunk chunks[64];
    size_t n = chunks_of(file, bytes, chunks, 64), hit = 0;
    for (size_t i = 0, which = 0; i < n; i++) {
        which += chunks[i].frame.type == TRACE_CHUNK_SNAPSHOT;
        if (chunks[i].frame.type != TRACE_CHUNK_PART || which != 1 || !chunks[i].frame.payload_bytes)
            continue;
        struct trace *t;
        const struct trace_snapshot *list;
        struct snapshot *again;
        int error;
        uint8_t *byte = file + chunks[i].at + sizeof(struct trace_frame) + chunks[i].frame.payload_bytes / 2;
        *byte ^= 0x10;
        make_spill(k.path, file, bytes);
        *byte ^= 0x10;
        ck_assert_int_eq(trace_open(&t, k.path), 0);
        ck_assert_uint_eq(trace_snapshots(t, &list), 2);
        ck_assert_int_eq(trace_snapshot_read(t, 0, &again), -EBADMSG);
        ck_assert_ptr_null(again);
        ck_assert_ptr_nonnull(strstr(trace_error_text(t), "damaged at byte"));
        again = read_one(t, 1);
        check_same(s[1], again);
        snapshot_free(again);
        ck_assert_uint_eq(read_prefix(&k, t, &error), k.count);
        ck_assert_int_eq(error, 0);
        trace_close(t);
        hit++;
    }
    ck_assert_uint_ge(hit, 6);
    free(file);
    snapshot_free(s[0]);
    snapshot_free(s[1]);
}
END_TEST

/* ---- hostile ---------------------------------------------------------------------------- */

/* Changes frames and payload under right checksums; whatever comes, it is sound or refused. */
START_TEST(hostile)
{
    struct snapshot *s[2];
    size_t bytes, refused = 0, sound = 0;
    uint8_t *file = two_snapshots(s, &bytes), *copy = xmalloc(bytes);
    struct chunk chunks[64];
    size_t n = chunks_of(file, bytes, chunks, 64);
    for (int round = 0; round < 3000; round++) {
        struct trace *t;
        const struct trace_snapshot *list;
        memcpy(copy, file, bytes);
        for (size_t i = 0; i < n; i++) {
            struct trace_frame *frame = &chunks[i].frame, changed = *frame;
            uint8_t *payload = copy + chunks[i].at + sizeof *frame;
            if (frame->type != TRACE_CHUNK_PART && frame->type != TRACE_CHUNK_SNAPSHOT)
                continue;
            if (make_random(&k) % 6 == 0)
                payload[make_random(&k) % frame->payload_bytes] = (uint8_t)make_random(&k);
            if (make_random(&k) % 40 == 0)
                changed.count = (uint32_t)make_number(&k);
            if (make_random(&k) % 60 == 0)
                changed.raw_bytes = (uint32_t)make_number(&k) & 0xffffff;
            if (make_random(&k) % 60 == 0)
                changed.flags = (uint8_t)(make_random(&k) % SECTIONS);
            changed.payload_hash = XXH3_64bits(payload, changed.payload_bytes);
            changed.frame_hash = XXH3_64bits(&changed, offsetof(struct trace_frame, frame_hash));
            memcpy(copy + chunks[i].at, &changed, sizeof changed);
        }
        make_spill(k.path, copy, chunks[n - 1].at);     /* without the index: the frames count */
        ck_assert_int_eq(trace_open(&t, k.path), 0);
        for (size_t i = 0, have = trace_snapshots(t, &list); i < have; i++) {
            struct snapshot *again;
            int error = trace_snapshot_read(t, i, &again);
            refused += error != 0;
            sound += !error;
            ck_assert(error == 0 || error == -EBADMSG);
            ck_assert(error || (snapshot_sound(again) && snapshot_named(again, trace_code(t))));
            snapshot_free(again);
        }
        trace_close(t);
    }
    ck_assert_uint_gt(refused, 500);
    ck_assert_uint_gt(sound, 100);
    free(copy);
    free(file);
    snapshot_free(s[0]);
    snapshot_free(s[1]);
}
END_TEST

/* What hardly takes room in the file may not take much in memory: each part pays for what it claims. */
START_TEST(not_more_than_its_file)
{
    enum { N = 1 << 20 };
    struct snapshot *s = snapshot_new();
    snapshot_room(s, N, 0, N - 1);
    for (size_t i = 0; i < N; i++) {
        s->address[i] = 4096 + i * 32, s->size[i] = 16, s->id[i] = i + 1, s->born_ns[i] = i * 4, s->family[i] = 1;
        s->first[i] = i ? i - 1 : 0;
    }
    s->first[N] = N - 1;
    for (size_t e = 0; e < N - 1; e++)
        s->to[e] = (uint32_t)e;
    write_all(&s, 1, 0);
    size_t bytes;
    uint8_t *file = make_slurp(k.path, &bytes);
    ck_assert_uint_lt(bytes, N);
    struct chunk chunks[256];
    size_t n = chunks_of(file, bytes, chunks, 256);
    for (size_t i = 0; i < n; i++)
        if (chunks[i].frame.type == TRACE_CHUNK_PART)
            ck_assert_uint_le(chunks[i].frame.raw_bytes, (uint64_t)chunks[i].frame.payload_bytes * TRACE_PART_RATIO);
    struct trace *t;
    struct snapshot *again;
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    again = read_one(t, 0);
    check_same(s, again);
    snapshot_free(again);
    trace_close(t);
    snapshot_free(s);
    free(file);
}
END_TEST

/* A file of the first writer of version 4, with what its snapshot is known to have. */
START_TEST(version_4_is_read)
{
    char path[4096];
    struct trace *t;
    struct event e;
    uint64_t events = 0, begun = 0;
    snprintf(path, sizeof path, "%.*s../golden/version-4-leak_virtual.own", (int)(strrchr(__FILE__, '/') - __FILE__ + 1), __FILE__);
    ck_assert_int_eq(trace_open(&t, path), 0);
    ck_assert_uint_eq(trace_version(t), 4);
    struct snapshot *s = read_one(t, 0);
    while (trace_next(t, &e) == 1) {
        events++;
        if (e.type == EVENT_SNAPSHOT) {
            ck_assert_uint_eq(e.address, s->number);
            ck_assert_uint_eq(events, s->event);
            begun++;
        }
    }
    ck_assert_uint_eq(begun, 1);
    ck_assert_uint_eq(events, 18);
    ck_assert_uint_eq(s->why, SNAPSHOT_EXIT);
    ck_assert_uint_eq(s->how, SNAPSHOT_COPIED);
    ck_assert_uint_eq(s->ns, 23263356);
    ck_assert_uint_eq(s->pause_ns, 160574);
    ck_assert_uint_eq(s->words, 14929);
    ck_assert_uint_eq(s->n_blocks, 6);
    ck_assert_uint_eq(s->n_roots, 15);
    ck_assert_uint_eq(s->n_edges, 11);
    static const uint64_t address[] = { 0x563957cff2a0, 0x563957d10eb0, 0x563957d10ed0, 0x563957d10f00, 0x563957d10f30, 0x563957d10f80 };
    static const uint64_t size[] = { 72704, 24, 40, 40, 40, 4096 }, id[] = { 1, 2, 3, 4, 5, 7 };
    static const uint32_t stack[] = { 4, 10, 12, 14, 16, 26 }, type[] = { 0, 1, 2, 2, 2, 0 }, edges[] = { 0, 1, 0, 1, 0, 0 };
    for (size_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(s->address[i], address[i]);
        ck_assert_uint_eq(s->size[i], size[i]);
        ck_assert_uint_eq(s->id[i], id[i]);
        ck_assert_uint_eq(s->stack[i], stack[i]);
        ck_assert_uint_eq(s->type[i], type[i]);
        ck_assert_uint_eq(s->first[i + 1] - s->first[i], edges[i]);
    }
    ck_assert_uint_eq(s->born_ns[4], 21163976);
    ck_assert_uint_eq(s->family[4], WIRE_NEW_SCALAR);
    ck_assert_uint_eq(s->to[1], 4);
    ck_assert_uint_eq(s->at[1], 1);
    ck_assert_str_eq(s->types[1].name, "6Square");
    ck_assert_uint_eq(s->types[1].offset, 0x3d28);
    ck_assert_str_eq(code_module(trace_code(t), s->types[1].module)->path, "/srv/own/leak_virtual");
    const struct snapshot_root *data = &s->roots[2];
    ck_assert_uint_eq(data->kind, ROOT_DATA);
    ck_assert_uint_eq(data->offset, 0x4000);
    ck_assert_uint_eq(s->first[6 + 3] - s->first[6 + 2], 1);
    ck_assert_uint_eq(s->to[s->first[6 + 2]], 1);
    ck_assert_uint_eq(s->at[s->first[6 + 2]], 7);
    snapshot_free(s);
    trace_close(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace_snapshot");
    TCase *c = tcase_create("trace_snapshot");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, numbers_of_all_sizes);
    tcase_add_loop_test(c, any_snapshot, 0, 60);
    tcase_add_test(c, blocks_alone);
    tcase_add_test(c, nothing_in_it);
    tcase_add_test(c, many_parts);
    tcase_add_test(c, long_names);
    tcase_add_test(c, memory_not_read);
    tcase_add_test(c, between_events);
    tcase_add_test(c, packed_before);
    tcase_add_test(c, ids_that_nobody_has);
    tcase_add_test(c, gone_on_with);
    tcase_add_test(c, torn);
    tcase_add_test(c, torn_and_gone_on_with);
    tcase_add_test(c, damaged);
    tcase_add_test(c, hostile);
    tcase_add_test(c, not_more_than_its_file);
    tcase_add_test(c, version_4_is_read);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
