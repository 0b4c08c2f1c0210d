/*
 * tests/fuzz/fuzz_trace.c - libFuzzer target: any bytes as a trace file.
 *
 * The first byte chooses how deep the bytes get. Even: they are the file as
 * they stand. Odd: head and checksums are put right first, frame by frame, as
 * somebody who means harm would, so that mutations reach columns, tables and
 * events, snapshots and checkpoints; with 4 added, as a file of version 2, else with 16 as one
 * that goes on for another. Whatever comes, the reader ends in events with ids in range or in an
 * error, in sound snapshots or none, in no more of a state than its bytes allow; who seeks an event
 * gets the one that a reader from the start gets; a writer may go on in the file or says why not,
 * and what it wrote can be joined.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "trace/trace.h"
#include "trace/trace_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void repair(uint8_t *file, size_t bytes, uint32_t version, bool goes_on)
{
    struct trace_file_head head = { .version = version };
    struct trace_frame frame;
    uint64_t events = 0;
    uint32_t number = 0;
    if (bytes < sizeof head)
        return;
    memcpy(head.magic, TRACE_FILE_MAGIC, sizeof head.magic);
    memcpy(file, &head, sizeof head);
    for (size_t at = sizeof head; bytes - at >= sizeof frame; at += sizeof frame + frame.payload_bytes) {
        memcpy(&frame, file + at, sizeof frame);
        size_t room = bytes - at - sizeof frame;
        frame.magic = TRACE_FRAME_MAGIC;
        if (!number)
            frame.type = TRACE_CHUNK_META;
        if (!number && goes_on)
            events = frame.first_event;
        frame.number = number++;
        frame.first_event = events;
        if (frame.payload_bytes > room)
            frame.payload_bytes = (uint32_t)room;
        frame.count &= 0x1ffff;
        frame.raw_bytes &= 0x1ffffff;
        frame.type %= TRACE_CHUNK_SUMMARY + 1;
        if (frame.type == TRACE_CHUNK_EVENTS)
            events += frame.count;
        frame.payload_hash = XXH3_64bits(file + at + sizeof frame, frame.payload_bytes);
        frame.frame_hash = XXH3_64bits(&frame, offsetof(struct trace_frame, frame_hash));
        memcpy(file + at, &frame, sizeof frame);
        struct trace_tail tail;
        if (frame.type == TRACE_CHUNK_INDEX && room - frame.payload_bytes == sizeof tail) {
            tail.index_offset = at;
            memcpy(tail.magic, TRACE_TAIL_MAGIC, sizeof tail.magic);
            tail.hash = XXH3_64bits(&tail, offsetof(struct trace_tail, hash));
            memcpy(file + bytes - sizeof tail, &tail, sizeof tail);
            return;
        }
    }
}

static void must(int truth)
{
    if (!truth)
        abort();
}

static uint64_t read_all(struct trace *t)
{
    struct event e;
    uint64_t n = 0;
    int error;
    while ((error = trace_next(t, &e)) == 1) {
        must(e.stack <= code_stacks(trace_code(t)) && e.type && e.type < EVENT_TYPES);
        must(e.type != EVENT_MODULE || e.extra[1] <= code_modules(trace_code(t)));
        for (uint16_t i = 0; i < e.text_bytes; i++)
            n += e.text[i] == '\0' ? 0 : 0;
        n++;
    }
    must(error <= 0 && trace_error_text(t));
    return n;
}

static void read_snapshots(struct trace *t)
{
    const struct trace_snapshot *list;
    size_t n = trace_snapshots(t, &list);
    for (size_t i = 0; i < n; i++) {
        struct snapshot *s;
        int error = trace_snapshot_read(t, i, &s);
        must(error ? !s : snapshot_sound(s) && snapshot_named(s, trace_code(t)) && s->number == list[i].number);
        snapshot_free(s);
    }
}

/* Some of the events, with some of their columns; never one that does not pass. */
static void read_some(struct trace *t, unsigned seed, uint64_t all)
{
    const struct trace_group *groups;
    const struct trace_filter filters[] = {
        { .types = 1ull << EVENT_NEW | 1ull << EVENT_COPY }, { .thread = 1, .last_event = all / 2 }, { .stack = 3, .low_ns = 1000 },
        { .process = 1, .least_bytes = 10, .most_bytes = 1 << 20 }, { .low_address = 1 << 20, .high_address = UINT64_MAX },
    };
    const struct trace_filter *f = &filters[seed % 5];
    struct event e;
    uint64_t n = 0, last = 0;
    int error;
    must(!trace_select(t, f, seed / 5 & TRACE_ALL));
    while ((error = trace_next(t, &e)) == 1) {
        must(e.stack <= code_stacks(trace_code(t)) && e.type && e.type < EVENT_TYPES && trace_event_number(t) > last);
        must((!f->types || f->types >> e.type & 1) && (!f->thread || e.thread == f->thread) && e.size >= f->least_bytes);
        last = trace_event_number(t);
        n++;
    }
    must(error <= 0 && n <= trace_events(t));
    for (size_t i = trace_groups(t, &groups); i--;)
        trace_group_may(t, i, &filters[(seed + 1) % 5]);
}

/* A walk that takes all that it can get: numbers, and rows of 64 bytes. */
static void read_checkpoints(struct trace *t)
{
    const struct trace_checkpoint *list;
    size_t n = trace_checkpoints(t, &list);
    for (size_t i = 0; i < n; i++) {
        struct archive a;
        must(list[i].event <= trace_events(t) && list[i].event >= trace_events_before(t) && (!i || list[i].event >= list[i - 1].event));
        if (trace_checkpoint_begin(t, i, &a))
            continue;
        uint64_t number, numbers = 0;
        uint64_t *rows = NULL;
        size_t count = 0, capacity = 0;
        archive_rows(&a, (void **)&rows, &count, &capacity, 64, SIZE_MAX);
        archive_column(&a, rows, sizeof *rows, 64, count);
        free(rows);
        for (; !archive_bad(&a) && (a.left_bytes || a.at != a.end); numbers++)
            archive_u64(&a, &number);
        must(numbers <= list[i].raw_bytes + 1);
        must(trace_checkpoint_end(t, &a) <= 0);
    }
}

static uint64_t event_hash(const struct event *e)
{
    struct event plain = *e;
    plain.text = NULL;
    return XXH3_64bits(&plain, sizeof plain) ^ XXH3_64bits(e->text, e->text_bytes);
}

/* Events from the start, some of them again by their number, backward. */
static void seek_some(struct trace *t, uint64_t n)
{
    enum { SOME = 16 };
    uint64_t hashes[SOME], first = trace_events_before(t);
    struct event e;
    trace_rewind(t);
    for (uint64_t i = 0, at = 0; i < n; i++) {
        must(trace_next(t, &e) == 1 && trace_event_number(t) == first + i + 1);
        if (at < SOME && i == n * at / SOME)
            hashes[at++] = event_hash(&e);
    }
    for (unsigned at = SOME; at-- > 0 && n >= SOME;) {
        must(!trace_seek(t, first + n * at / SOME) && trace_event_number(t) == first + n * at / SOME);
        must(trace_next(t, &e) == 1 && event_hash(&e) == hashes[at]);
    }
}

static void join(const char *path, uint64_t events)
{
    struct trace *t;
    char joined[64];
    snprintf(joined, sizeof joined, "%s/fuzz_trace.%d.joined", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm", (int)getpid());
    if (!trace_join(joined, &path, 1)) {
        must(!trace_open(&t, joined) && trace_events(t) == events && !trace_torn_bytes(t));
        trace_close(t);
    }
    unlink(joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (!bytes)
        return 0;
    static int fd = -1;
    static char path[32];
    if (fd < 0) {
        fd = memfd_create("fuzz_trace", MFD_CLOEXEC);
        must(fd >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    uint8_t *file = malloc(bytes);
    memcpy(file, data + 1, bytes - 1);
    if (data[0] & 1)
        repair(file, bytes - 1, data[0] & 4 ? TRACE_VERSION_OLDEST : TRACE_VERSION, !(data[0] & 4) && data[0] & 16);
    must(!ftruncate(fd, 0) && pwrite(fd, file, bytes - 1, 0) == (ssize_t)(bytes - 1));
    free(file);

    struct trace *t;
    if (!trace_open(&t, path)) {
        if (data[0] & 8)    /* before the events, which then find definitions read */
            read_snapshots(t);
        uint64_t n = read_all(t);
        read_snapshots(t);
        read_some(t, data[0], n);
        read_checkpoints(t);
        trace_rewind(t);
        must(read_all(t) == n);
        seek_some(t, n);
        trace_close(t);
    }
    struct trace_writer *w;
    struct code *code = code_new();
    uint64_t events;
    if (data[0] & 2 && !trace_write_reopen(&w, path, code, &events)) {
        struct event e = { .type = EVENT_NEW, .address = 16, .size = 8, .stack = code_stacks(code) };
        must(!trace_write_event(w, code, &e) && !trace_write_close(w, code, 1));
        must(!trace_open(&t, path) && trace_events(t) == events + 1);
        trace_close(t);
        join(path, events + 1);
    }
    code_free(code);
    return 0;
}
