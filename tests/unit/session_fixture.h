/*
 * tests/unit/session_fixture.h - a session in a directory of its own, and a
 * sink that remembers. For the tests of collector/session: `setup` and
 * `teardown` are their checked fixture.
 */
#ifndef TESTS_SESSION_FIXTURE_H
#define TESTS_SESSION_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "event/code.h"
#include "fake_writer.h"
#include "session/session.h"

static char dir[] = "/tmp/ownscope-test-XXXXXX";
static struct session *session;
static struct code *code;
static struct wire_segment shared;  /* the writers' mapping */

/* ---- what the sink saw ---- */
enum { KEEP = 1 << 16 };
static struct event kept[KEEP];
static size_t seen;
static uint64_t by_type[EVENT_TYPES], lost_events[WIRE_LOST_REASONS], lost_drops;

static void keep_one(const struct event *e)
{
    if (seen < KEEP)
        kept[seen] = *e;
    seen++;
    by_type[e->type]++;
    if (e->type == EVENT_LOST) {
        lost_events[e->address] += e->size;
        lost_drops += e->extra[0];
    }
}

static void keep(void *context, const struct event *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        keep_one(&events[i]);
}

static void forget_seen(void)
{
    seen = 0;
    lost_drops = 0;
    memset(by_type, 0, sizeof by_type);
    memset(lost_events, 0, sizeof lost_events);
}

static bool strict_order;
static uint32_t snapshots;
static unsigned wait_ms = 1000;

static void open_session(void)
{
    struct session_options o = {.preload_path = "/nowhere.so", .stacks = WIRE_STACKS_FULL, .wait_ms = wait_ms,
                                .command = "fake 'one two'", .trace_path = "/tmp/x.own",
                                .strict_order = strict_order, .snapshots = snapshots, .locks = true, .copies_min_bytes = 300};
    ck_assert_int_eq(session_create(&session, &o), 0);
    ck_assert_int_eq(fake_map(&shared, session_segment_path(session)), 0);
}

static void setup(void)
{
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    setenv("OWNSCOPE_DIR", dir, 1);
    code = code_new();
    forget_seen();
    open_session();
}

static void teardown(void)
{
    if (session)
        session_close(session, true);
    session = NULL;
    munmap(shared.base, shared.bytes);
    code_free(code);
    ck_assert_int_eq(rmdir(dir), 0); /* nothing is left */
}

static void drain_while(const uint64_t *counter, uint64_t want, unsigned ms)
{
    uint64_t end = wire_clock_monotonic_ns() + ms * 1000000ull;
    while (*counter < want && wire_clock_monotonic_ns() < end) {
        ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
        session_wait(session);
    }
}

/* What must come, however slow the machine is. */
static inline void drain_until(const uint64_t *counter, uint64_t want)
{
    drain_while(counter, want, 50000);
    ck_assert_uint_ge(*counter, want);
}

#endif
