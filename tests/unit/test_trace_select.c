/*
 * tests/unit/test_trace_select.c - reading only what a filter asks for: the
 * same events as when all are read and looked at one by one, and no summary
 * that says no to what is there.
 */
#include <errno.h>

#include "suite.h"
#include "trace/trace_chunk.h"
#include "trace/trace_sketch.h"
#include "trace_check.h"

/* Writes the events with cuts of `most` at most between them. */
static void write_cuts(struct make *k, size_t most)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    ck_assert_int_eq(trace_write_open(&w, k->path, &meta), 0);
    size_t next = most;
    for (size_t i = 0; i < k->count; i++) {
        if (trace_write_event(w, k->code, &k->events[i]))
            ck_abort_msg("event %zu is not taken", i + 1);
        if (i + 1 == next) {
            ck_assert_uint_eq(trace_write_cut(w, k->code), i + 1);
            next += 1 + make_random(k) % most;
        }
    }
    ck_assert_int_eq(trace_write_close(w, k->code, 12345), 0);
}

/* ---- by hand ---- */

static bool meets(uint64_t address, uint64_t bytes, const struct trace_filter *f)
{
    if (!address)
        return false;
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t last = bytes ? address + (bytes - 1) : address;
        if (last < address)
            last = UINT64_MAX;
        if (f->low_address < f->high_address && last >= f->low_address && address <= f->high_address - 1)
            return true;
    }
    return false;
}

static bool names(const struct event *e, const struct trace_filter *f)
{
    const uint64_t *x = e->extra;
    if (!f->high_address)
        return true;
    switch (e->type) {
    case EVENT_NEW: case EVENT_USABLE: case EVENT_MODULE: return meets(e->address, e->size, f);
    case EVENT_DROP: return meets(e->address, x[0], f);
    case EVENT_REALLOC_BEGIN: return meets(e->address, 1, f);
    case EVENT_REALLOC_END: return meets(e->address, e->size, f) || meets(x[0], x[1], f);
    case EVENT_COPY: return meets(e->address, e->size, f) || meets(x[0], x[1] ? x[1] : e->size, f);
    case EVENT_COND_WAIT: case EVENT_COND_WOKEN: case EVENT_THREAD_JOIN: return meets(e->address, 1, f) || meets(x[0], 1, f);
    case EVENT_THREAD_START: case EVENT_THREAD_CREATE: case EVENT_THREAD_CREATED: case EVENT_THREAD_EXIT:
    case EVENT_THREAD_DETACH: case EVENT_THREAD_NAME: case EVENT_WAIT: case EVENT_ACQUIRE: case EVENT_RELEASE:
    case EVENT_WAIT_END: case EVENT_SIGNAL: case EVENT_LOCK_INIT: case EVENT_LOCK_DESTROY: case EVENT_LOCK_CONSISTENT:
    case EVENT_FUTEX: return meets(e->address, 1, f);
    default: return false;
    }
}

static bool passes(const struct event *e, uint64_t number, const struct trace_filter *f)
{
    if ((f->types && !(f->types >> e->type & 1)) || (f->thread && f->thread != e->thread) ||
        (f->process && f->process != e->process) || (f->stack && f->stack != e->stack))
        return false;
    if (number < f->first_event || (f->last_event && number > f->last_event))
        return false;
    if (e->ns < f->low_ns || (f->high_ns && e->ns > f->high_ns))
        return false;
    if (e->size < f->least_bytes || (f->most_bytes && e->size > f->most_bytes))
        return false;
    return names(e, f);
}

/* A filter of what some event is, in some of its fields. */
static struct trace_filter make_filter(struct make *k)
{
    struct trace_filter f = { 0 };
    const struct event *e = &k->events[make_random(k) % k->count], *other = &k->events[make_random(k) % k->count];
    uint64_t fields = make_random(k) & make_random(k) >> 20;
    if (fields & 1)
        f.types = 1ull << e->type | (make_random(k) % 2 ? 1ull << other->type : 0);
    if (fields & 2)
        f.thread = e->thread;
    if (fields & 4)
        f.process = e->process;
    if (fields & 8)
        f.stack = e->stack;
    if (fields & 16)
        f.first_event = make_random(k) % k->count;
    if (fields & 32)
        f.last_event = make_random(k) % k->count;
    if (fields & 64)
        f.low_ns = other->ns;
    if (fields & 128)
        f.high_ns = other->ns + make_random(k) % 100000;
    if (fields & 256) {
        f.low_address = make_random(k) % 2 ? e->address : e->extra[0];
        f.low_address += make_random(k) % 3 ? 0 : make_random(k) % (e->size + 1);
        f.high_address = f.low_address + 1 + (make_random(k) % 2 ? 0 : make_number(k) >> 20);
    }
    if (fields & 512)
        f.least_bytes = e->size / (1 + make_random(k) % 2);
    if (fields & 1024)
        f.most_bytes = e->size + make_random(k) % 9;
    return f;
}

/* What `columns` and the filter ask for is there. */
static bool is_event(const struct event *got, const struct event *e, unsigned columns, const struct trace_filter *f)
{
    if (got->type != e->type || got->family != e->family || got->thread != e->thread || got->process != e->process ||
        got->stack != e->stack)
        return false;
    if ((columns & TRACE_TIMES || f->low_ns || f->high_ns) && got->ns != e->ns)
        return false;
    if ((columns & TRACE_SIZES || f->least_bytes || f->most_bytes) && got->size != e->size)
        return false;
    if ((columns & TRACE_ADDRESSES || f->high_address) && got->address != e->address)
        return false;
    if (columns & TRACE_REST && (got->extra[0] != e->extra[0] || got->extra[1] != e->extra[1] || got->text_bytes != e->text_bytes))
        return false;
    return columns != TRACE_ALL || make_equal(got, e);
}

/* Returns how many passed. */
static size_t check_selection(struct make *k, struct trace *t, const struct trace_filter *f, unsigned columns)
{
    struct event e;
    size_t n = 0;
    ck_assert_int_eq(trace_select(t, f, columns), 0);
    for (size_t i = 0; i < k->count; i++) {
        if (!passes(&k->events[i], i + 1, f))
            continue;
        if (trace_next(t, &e) != 1 || trace_event_number(t) != i + 1 || !is_event(&e, &k->events[i], columns, f))
            ck_abort_msg("event %zu does not come, or not as it was", i + 1);
        n++;
    }
    ck_assert_int_eq(trace_next(t, &e), 0);
    ck_assert_int_eq(trace_next(t, &e), 0);
    return n;
}

static void make_events(struct make *k, int which, size_t count)
{
    make_init(k, (uint64_t)which + 7);
    if (which == 0)
        make_random_events(k, count);
    else if (which == 1)
        make_heap_events(k, count);
    else if (which == 2)
        make_lock_events(k, count, 0);
    else if (which == 3)
        make_lock_events(k, count, 40);
    else    /* locks in a row, each of which the one before tells */
        for (size_t i = 0; i < count; i++)
            make_add(k, (struct event){ .type = EVENT_ACQUIRE, .family = WIRE_LOCK_MUTEX, .thread = 1, .process = 1, .ns = i,
                                        .address = 0x7f0000000000 + i % 500 * 4096 });
    for (size_t i = 0; which == 1 && i < count; i += 2000)
        k->events[i].size = 1 << 20;
}

START_TEST(the_same_as_by_hand)
{
    struct make k;
    struct trace *t;
    size_t passed = 0;
    make_events(&k, _i, 40000);
    write_cuts(&k, 20000);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    for (unsigned i = 0; i < 30; i++) {
        struct trace_filter f = make_filter(&k);
        passed += check_selection(&k, t, &f, (unsigned)make_random(&k) & TRACE_ALL);
    }
    for (unsigned columns = 0; columns <= TRACE_ALL; columns++)
        check_selection(&k, t, &(struct trace_filter){ 0 }, columns);
    ck_assert_uint_gt(passed, k.count / 4);
    int error;
    ck_assert_int_eq(trace_select(t, NULL, 0), 0);
    ck_assert_uint_eq(read_prefix(&k, t, &error), k.count);
    trace_close(t);
    make_free(&k);
}
END_TEST

/* Whatever an event is or names, the summary of its group does not say no to it. */
START_TEST(never_no_to_what_is_there)
{
    struct make k;
    struct trace *t;
    const struct trace_group *groups;
    make_events(&k, _i, 50000);
    write_cuts(&k, 25000);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    size_t n = trace_groups(t, &groups);
    uint64_t next = 1;
    for (size_t g = 0; g < n; g++) {
        ck_assert_uint_eq(groups[g].first_event, next);
        next += groups[g].events;
        for (uint64_t i = groups[g].first_event; i < next; i += 1 + make_random(&k) % 16) {
            const struct event *e = &k.events[i - 1];
            struct trace_filter f = { .types = 1ull << e->type, .thread = e->thread, .process = e->process,
                                      .stack = e->stack, .first_event = i, .last_event = i, .low_ns = e->ns,
                                      .high_ns = e->ns, .least_bytes = e->size, .most_bytes = e->size };
            if (!trace_group_may(t, g, &f))
                ck_abort_msg("no to event %llu", (unsigned long long)i);
            uint64_t at[4] = { e->address, e->extra[0], e->address + e->size - 1, e->extra[0] + e->extra[1] - 1 };
            for (unsigned j = 0; j < 4; j++) {
                struct trace_filter a = { .low_address = at[j], .high_address = at[j] + 1 };
                if (a.high_address && names(e, &a) && !trace_group_may(t, g, &a))
                    ck_abort_msg("no to event %llu, address %u", (unsigned long long)i, j);
            }
        }
    }
    ck_assert_uint_eq(next, k.count + 1);
    trace_close(t);
    make_free(&k);
}
END_TEST

/* Groups that have nothing in common are told apart. */
START_TEST(groups_are_passed_over)
{
    enum { GROUPS = 4, EVENTS = 20000 };
    struct make k;
    struct trace *t;
    struct trace_writer *w;
    struct trace_meta meta = make_meta();
    const struct trace_group *groups;
    make_init(&k, 3);
    for (unsigned g = 0; g < GROUPS; g++)
        for (unsigned i = 0; i < EVENTS; i++) {
            struct event e = { .type = (uint8_t)(g ? EVENT_NEW + g : EVENT_COPY), .family = 1, .thread = 1 + g, .process = 9 - g,
                               .stack = 0, .ns = i, .address = 0x10000 + g * 0x100000 + i % 256 * 64, .size = 16 * g + 8 };
            make_add(&k, e);
        }
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    for (size_t i = 0; i < k.count; i++) {
        trace_write_event(w, k.code, &k.events[i]);
        if (i % EVENTS == EVENTS - 1)
            trace_write_cut(w, k.code);
    }
    ck_assert_int_eq(trace_write_close(w, k.code, 1), 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_uint_eq(trace_groups(t, &groups), GROUPS);
    for (unsigned g = 0; g < GROUPS; g++) {
        const struct event *e = &k.events[g * EVENTS + 100];
        const struct trace_filter only[] = {
            { .types = 1ull << e->type }, { .thread = e->thread }, { .process = e->process },
            { .least_bytes = e->size, .most_bytes = e->size }, { .low_address = e->address, .high_address = e->address + 1 },
            { .first_event = g * EVENTS + 1, .last_event = (g + 1) * EVENTS },
        };
        for (unsigned i = 0; i < sizeof only / sizeof *only; i++)
            for (unsigned other = 0; other < GROUPS; other++)
                ck_assert_msg(trace_group_may(t, other, &only[i]) == (other == g), "group %u, filter %u, of %u", other, i, g);
        ck_assert(!trace_group_may(t, g, &(struct trace_filter){ .low_address = e->address + 40, .high_address = e->address + 41 }) || e->size > 40);
        ck_assert(!trace_group_may(t, g, &(struct trace_filter){ .stack = 77 }));
    }
    trace_close(t);
    make_free(&k);
}
END_TEST

/* What was read counts where nothing was written. */
START_TEST(a_copy_of_nothing_names_what_it_read)
{
    struct trace_filter read = { .low_address = 0x900800, .high_address = 0x900801 };
    struct make k;
    struct trace *t;
    struct event e;
    make_init(&k, 5);
    for (uint64_t i = 0; i < 20000; i++)
        make_add(&k, (struct event){ .type = EVENT_COPY, .family = WIRE_COPY_MEMCPY, .ns = i, .thread = 1, .process = 1, .address = 0x5000,
                                     .size = i == 777 ? 0 : 16, .extra = { 0x900000, i == 777 ? 0x1000 : 0 } });
    ck_assert_int_eq(make_file(&k, 0), 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_int_eq(trace_select(t, &read, TRACE_ALL), 0);
    ck_assert_int_eq(trace_next(t, &e), 1);
    ck_assert_uint_eq(trace_event_number(t), 778);
    ck_assert_int_eq(trace_next(t, &e), 0);
    trace_close(t);
    make_free(&k);
}
END_TEST

/* ---- the sketch ---- */

struct put { uint64_t first, last; };

/* All that was put in is in some run, and runs rise. Returns how often it says yes to what is likely not in it. */
static double check_sketch(struct sketch *k, const struct put *puts, size_t n, struct make *m)
{
    struct sketch_walk w;
    struct sketch_range *runs = NULL, run;
    size_t count = 0, room = 0, yes = 0;
    sketch_walk_begin(&w, k);
    while (sketch_walk_next(&w, &run)) {
        ck_assert(run.first <= run.last && (!count || run.first >= runs[count - 1].first));
        runs = xgrow(runs, &room, count + 1, sizeof *runs);
        runs[count++] = run;
    }
    sketch_walk_end(&w);
    for (size_t i = 0; i < n; i += 1 + n / 1000) {
        uint64_t at = (puts[i].first + (puts[i].last - puts[i].first ? make_random(m) % (puts[i].last - puts[i].first) : 0)) >> 4;
        bool in = false;
        for (size_t j = 0; j < count && !in; j++)
            in = runs[j].first <= at && at <= runs[j].last;
        if (!in)
            ck_abort_msg("%llx is not in it", (unsigned long long)at);
        at = 0x7f0000000000ull + make_random(m) % (1ull << 36);
        for (size_t j = 0; j < count; j++)
            yes += runs[j].first <= at && at <= runs[j].last;
    }
    free(runs);
    return (double)yes / 1000;
}

/* Points and small extents, in a heap or all over the memory; large extents, more than are kept apart. */
START_TEST(what_was_put_in_a_sketch_is_in_it)
{
    static const struct { uint64_t span, most_bytes; size_t n; double yes; } ways[] = {
        { 1ull << 24, 200, 3000, 0.01 }, { 1ull << 46, 1, 3000, 1 }, { 1ull << 33, 64, 3000, 0.1 },
        { 1ull << 40, 1 << 22, 12000, 1 }, { 1ull << 22, 100000, 2000, 0.01 }, { UINT64_MAX, UINT64_MAX, 3000, 1 },
    };
    struct make m = { .seed = 77 + (uint64_t)_i };
    struct sketch k;
    struct put *puts = xcalloc(ways[_i].n, sizeof *puts);
    sketch_init(&k, 4);
    for (unsigned turn = 0; turn < 2; turn++) {     /* the second time after a reset */
        for (size_t i = 0; i < ways[_i].n; i++) {
            puts[i].first = make_random(&m) % ways[_i].span;
            puts[i].last = puts[i].first + make_random(&m) % ways[_i].most_bytes;
            if (puts[i].last < puts[i].first)
                puts[i].last = UINT64_MAX;
            sketch_add(&k, puts[i].first, puts[i].last);
        }
        ck_assert_uint_le(k.regions, SKETCH_REGIONS);
        ck_assert_uint_le(k.n_ranges, SKETCH_RANGES);
        ck_assert(check_sketch(&k, puts, ways[_i].n, &m) <= ways[_i].yes);
        sketch_reset(&k);
        ck_assert(!k.regions && !k.n_ranges);
    }
    sketch_free(&k);
    free(puts);
}
END_TEST

/* ---- damage ---- */

/* Walks over the chunks: the next one's frame, false behind the last. */
static bool walk(const uint8_t *file, size_t bytes, size_t *at, struct trace_frame *frame)
{
    if (bytes - *at < sizeof *frame)
        return false;
    memcpy(frame, file + *at, sizeof *frame);
    *at += sizeof *frame + frame->payload_bytes;
    return frame->magic == TRACE_FRAME_MAGIC;
}

START_TEST(a_damaged_summary_says_nothing)
{
    struct make k;
    struct trace *t;
    size_t bytes, at = sizeof(struct trace_file_head), summaries = 0;
    const struct trace_group *groups;
    make_events(&k, 1, 60000);
    write_cuts(&k, 30000);
    uint8_t *file = make_slurp(k.path, &bytes);
    for (struct trace_frame frame; walk(file, bytes, &at, &frame);)
        if (frame.type == TRACE_CHUNK_SUMMARY) {
            file[at - 1 - make_random(&k) % frame.payload_bytes] ^= 0x40;
            summaries++;
        }
    ck_assert_uint_gt(summaries, 1);
    make_spill(k.path, file, bytes);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    size_t n = trace_groups(t, &groups);
    for (size_t g = 0; g < n; g++)
        ck_assert(trace_group_may(t, g, &(struct trace_filter){ .types = 1ull << EVENT_FUTEX }));
    for (unsigned i = 0; i < 10; i++) {
        struct trace_filter f = make_filter(&k);
        check_selection(&k, t, &f, TRACE_ALL);
    }
    trace_close(t);
    free(file);
    make_free(&k);
}
END_TEST

/* A chunk like `frame` with columns of anything. */
static void forge(struct make *k, struct chunk_builder *b, struct trace_frame frame)
{
    chunk_begin(b);
    for (unsigned id = SUMMARY_TYPES; id <= SUMMARY_LENGTHS; id++) {
        uint8_t column[64];
        size_t bytes = make_random(k) % sizeof column;
        for (size_t i = 0; i < bytes; i++)
            column[i] = make_random(k) % 3 ? (uint8_t)(make_random(k) % 3) : (uint8_t)make_random(k);
        if (id == SUMMARY_TYPES && make_random(k) % 2) {    /* the right sum */
            column[0] = (uint8_t)(frame.count | 0x80), column[1] = (uint8_t)(frame.count >> 7 | 0x80);
            column[2] = (uint8_t)(frame.count >> 14), bytes = 3;
        }
        chunk_column(b, id, column, bytes, CHUNK_PATTERNS);
    }
    chunk_finish(b, &frame);
}

/* What a false summary hides is hidden; nothing else comes of it. */
START_TEST(a_false_summary_only_hides)
{
    struct make k;
    struct chunk_builder b = { 0 };
    size_t bytes;
    make_events(&k, 2, 40000);
    write_cuts(&k, 20000);
    uint8_t *file = make_slurp(k.path, &bytes), *forged = xmalloc(2 * bytes);
    for (unsigned round = 0; round < 20; round++) {
        size_t at = sizeof(struct trace_file_head), to = at;
        memcpy(forged, file, at);
        for (struct trace_frame frame; walk(file, bytes, &at, &frame) && frame.type != TRACE_CHUNK_END;) {
            size_t length = sizeof frame + frame.payload_bytes;
            const uint8_t *chunk = file + at - length;
            if (frame.type == TRACE_CHUNK_SUMMARY) {
                forge(&k, &b, frame);
                chunk = b.out.data, length = b.out.bytes;
            }
            memcpy(forged + to, chunk, length);
            to += length;
        }
        make_spill(k.path, forged, to);
        struct trace *t;
        ck_assert_int_eq(trace_open(&t, k.path), 0);
        for (unsigned i = 0; i < 10; i++) {
            struct trace_filter f = make_filter(&k);
            struct event e;
            ck_assert_int_eq(trace_select(t, &f, TRACE_ALL), 0);
            int more;
            while ((more = trace_next(t, &e)) == 1) {
                uint64_t number = trace_event_number(t);
                if (!number || number > k.count || !make_equal(&e, &k.events[number - 1]) || !passes(&e, number, &f))
                    ck_abort_msg("event %llu comes", (unsigned long long)number);
            }
            ck_assert_int_eq(more, 0);
        }
        trace_close(t);
    }
    chunk_builder_free(&b);
    free(forged);
    free(file);
    make_free(&k);
}
END_TEST

/* Reading can go on anywhere after a selection, and in the middle of one. */
START_TEST(a_selection_ends)
{
    struct make k;
    struct trace *t;
    struct event e;
    int error;
    make_events(&k, 3, 40000);
    write_cuts(&k, 20000);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    for (unsigned i = 0; i < 20; i++) {
        struct trace_filter f = { .types = ~(1ull << EVENT_COPY), .first_event = make_random(&k) % k.count };
        uint64_t to = make_random(&k) % k.count;
        ck_assert_int_eq(trace_select(t, &f, 0), 0);
        for (unsigned j = 0; j < 100 && trace_next(t, &e) == 1; j++)
            ck_assert(e.type != EVENT_COPY);
        ck_assert_int_eq(trace_seek(t, to), 0);
        ck_assert_int_eq(trace_next(t, &e), 1);
        ck_assert(make_equal(&e, &k.events[to]));
    }
    trace_select(t, &(struct trace_filter){ .thread = 99 }, 0);
    ck_assert_int_eq(trace_next(t, &e), 0);
    trace_rewind(t);
    ck_assert_uint_eq(read_prefix(&k, t, &error), k.count);
    trace_close(t);
    make_free(&k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trace_select");
    TCase *c = tcase_create("select");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, the_same_as_by_hand, 0, 4);
    tcase_add_loop_test(c, never_no_to_what_is_there, 0, 5);
    tcase_add_test(c, groups_are_passed_over);
    tcase_add_test(c, a_copy_of_nothing_names_what_it_read);
    tcase_add_loop_test(c, what_was_put_in_a_sketch_is_in_it, 0, 6);
    tcase_add_test(c, a_damaged_summary_says_nothing);
    tcase_add_test(c, a_false_summary_only_hides);
    tcase_add_test(c, a_selection_ends);
    suite_add_tcase(s, c);
    return suite_run(s);
}
