/*
 * collector/session/session.c - a session begins, is taken over, ends.
 *
 * One collector at a time: it holds a lock (flock) on the segment, which the
 * kernel drops with it, and its pid stands in the pulse. Who hands its session over lets go of both. A collector that
 * finds another's pid there was taken for dead while it was stopped: it
 * touches nothing any more (-ESTALE). Ingest thread, but for what session.h
 * says.
 */
#include "session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/maps.h"
#include "session/proc.h"
#include "session/state.h"

static __thread char error_text[512];

const char *session_error_text(void)
{
    return error_text;
}

void session_error_set(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error_text, sizeof error_text, format, args);
    va_end(args);
}

void session_error_shortage(void)
{
    const struct segment_shortage *no = segment_shortage();
    session_error_set("%s: %llu bytes needed, %llu free", no->directory, (unsigned long long)no->needed_bytes,
                      (unsigned long long)no->free_bytes);
}

uint64_t session_stamp(const struct session *s)
{
    return wire_clock_stamp(s->plan.clock);
}

void session_beat(struct session *s)
{
    if (session_still_ours(s))
        store_relaxed(&wire_pulse_of(&s->segment.wire)->heartbeat_stamp, session_stamp(s));
}

bool session_is_ours(const struct session *s)
{
    return segment_ours(&s->segment);
}

bool session_still_ours(struct session *s)
{
    s->stale = s->stale || !session_is_ours(s);
    return !s->stale;
}

void session_flush(struct session *s)
{
    size_t n = s->batched;
    s->batched = 0;
    if (n)
        s->sink(s->context, s->batch, n);
}

/* A text is good until the next record is read. */
void session_emit(struct session *s, const struct event *e)
{
    *session_room(s) = *e;
    session_took(s);
    if (e->text)
        session_flush(s);
}

/* ---- beginning ---- */

static int choose_name(struct session *s, const char *wanted)
{
    unsigned short r = 0;
    if (wanted) {
        if (!session_name_valid(wanted))
            return -EINVAL;
        snprintf(s->name, sizeof s->name, "%s", wanted);
        return 0;
    }
    if (getrandom(&r, sizeof r, GRND_NONBLOCK) != sizeof r)
        r = (unsigned short)wire_clock_monotonic_ns();
    snprintf(s->name, sizeof s->name, "run-%d-%04x", (int)getpid(), r);
    return 0;
}

/* The names, each with its \0, closed by an empty one, into `room` bytes. */
static int copy_names(uint8_t *to, size_t room, const char *names)
{
    size_t used = 0;
    for (; names && *names; names += strlen(names) + 1) {
        size_t n = strlen(names) + 1;
        if (n + 1 > room - used)
            return -ENAMETOOLONG;
        memcpy(to + used, names, n);
        used += n;
    }
    return 0;
}

static int fill_plan(struct session *s, const struct session_options *o, const struct clock_sample *start, uint32_t clock)
{
    struct wire_plan *p = wire_plan_of(&s->segment.wire);
    struct timespec real;
    const char *preload = o->preload_path ? o->preload_path : "";

    if (strlen(preload) >= sizeof p->preload_path || copy_names(p->follow_names, sizeof p->follow_names, o->follow_names))
        return -ENAMETOOLONG;
    clock_gettime(CLOCK_REALTIME, &real);
    p->clock = clock;
    p->stacks = o->stacks;
    p->on_full = o->on_full;
    p->follow = o->follow;
    p->verify_unwind = o->verify_unwind;
    p->copies_min_bytes = o->copies_min_bytes;
    p->locks = o->locks;
    p->snapshots = o->snapshots;
    p->start_stamp = start->stamp;
    p->start_mono_ns = start->mono_ns;
    p->start_real_ns = (uint64_t)real.tv_sec * 1000000000u + (uint64_t)real.tv_nsec -
                       (wire_clock_monotonic_ns() - start->mono_ns);
    memcpy(p->session, s->name, strlen(s->name));
    memcpy(p->preload_path, preload, strlen(preload));
    p->clock_hz = clock_estimate_hz(clock, start);
    p->wait_ns = o->wait_ms * 1000000ull;
    p->wait_stamps = (uint64_t)((unsigned __int128)p->wait_ns * p->clock_hz / 1000000000u);
    s->plan = *p;
    return 0;
}

/* What begins the same way for a new session and for one taken over. */
static void begin(struct session *s)
{
    struct wire_pulse *pulse = wire_pulse_of(&s->segment.wire);
    s->pid = (uint32_t)getpid();
    s->margin = s->plan.clock_hz / 1000000 + 1;
    clock_begin(&s->clock, s->plan.clock, s->plan.clock_hz, s->plan.start_stamp, s->plan.start_mono_ns);
    decode_begin(&s->decode);
    s->busy_ns = s->watch_ns = wire_clock_monotonic_ns();
    s->counts.drained_before = load_relaxed(&pulse->drained_events);
    s->segment.owner = s->pid;
    store_relaxed(&pulse->collector_pid, s->pid);
    session_beat(s);
}

static int open_images(struct session *s, int flags)
{
    char path[SESSION_PATH_MAX];
    int e = session_path(path, sizeof path, s->name, "images");
    s->images_fd = e ? -1 : open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
    return e;
}

static int write_folder(struct session *s, const struct session_options *o)
{
    char path[SESSION_PATH_MAX], number[32];
    int e = session_path(path, sizeof path, s->name, "segment");
    if (!e && symlink(s->segment.path, path))
        e = -errno;
    snprintf(number, sizeof number, "%u", s->pid);
    if (!e)
        e = session_info_set(s->name, "collector", number);
    snprintf(number, sizeof number, "%llu", (unsigned long long)s->plan.start_real_ns);
    if (!e)
        e = session_info_set(s->name, "started", number);
    if (!e && o->command)
        e = session_info_set(s->name, "command", o->command);
    if (!e && o->trace_path)
        e = session_info_set(s->name, "trace", o->trace_path);
    if (!e && o->joinable)
        e = session_current_set(s->segment.path);
    return e;
}

static void release(struct session *s)
{
    uint32_t i;
    for (i = 0; i < s->made; i++)
        lane_free(s->lanes[i]);
    free(s->lanes);
    if (s->images_fd >= 0)
        close(s->images_fd);
    order_free(&s->order);
    decode_end(&s->decode);
    own_locks_end(&s->own_locks);
    gate_free(s);
    registry_end(&s->registry);
    segment_detach(&s->segment);
    free(s);
}

static struct session *session_alloc(void)
{
    struct session *s = xcalloc(1, sizeof *s);
    s->segment.fd = s->images_fd = -1;
    error_text[0] = 0;
    return s;
}

/* In the best place, else in any other. */
static int create_segment(struct session *s)
{
    char dir[SESSION_PATH_MAX];
    uint64_t room;
    unsigned best = segment_place_best(&room), i;
    int e = segment_place(best, dir, sizeof dir);
    if (!e)
        e = segment_create(&s->segment, dir, s->name);
    for (i = 0; e && e != -EEXIST && e != -EFBIG; i++) {
        char other[SESSION_PATH_MAX];
        if (i == best)
            continue;
        if (segment_place(i, other, sizeof other) || !segment_create(&s->segment, other, s->name)) {
            e = s->segment.fd < 0 ? e : 0;
            break;
        }
    }
    if (e == -ENOSPC || e == -EFBIG)
        session_error_shortage();
    else if (e)
        session_error_set("%s: %s", dir, strerror(-e));
    s->registry.segment = s->segment.wire.base;
    return e;
}

static int create_folder(struct session *s)
{
    char dir[SESSION_PATH_MAX] = "";
    int e = session_directory(dir, sizeof dir);
    if (!e)
        e = session_folder_create(s->name);
    if (!e)
        e = session_path(s->socket_path, sizeof s->socket_path, s->name, "socket");
    if (e)
        session_error_set("%s: %s", dir[0] ? dir : "OWNSCOPE_DIR", e == -EPERM ? session_directory_flaw() : strerror(-e));
    return e;
}

int session_create(struct session **out, const struct session_options *o)
{
    struct session *s = session_alloc();
    uint32_t clock = clock_choose(o->strict_order);
    struct clock_sample start = clock_sample(clock);
    bool folder = false;
    int e;

    *out = NULL;
    e = choose_name(s, o->name);
    if (!e && !(e = create_folder(s)))
        folder = true;
    if (!e)
        e = create_segment(s);
    if (!e) {
        flock(s->segment.fd, LOCK_EX); /* nobody else holds it longer than a look takes */
        e = fill_plan(s, o, &start, clock);
        if (!e) {
            begin(s);
            gate_begin(s, o->paused);
            e = write_folder(s, o);
        }
        if (!e && (e = supply_add(s, SESSION_SLOTS_AHEAD)) == -ENOSPC)
            session_error_shortage();
        if (e)
            segment_unlink(&s->segment);
    }
    if (e) {
        if (folder)
            session_folder_remove(s->name);
        release(s);
        return e;
    }
    open_images(s, O_CREAT);
    s->pause_ns = 200000;
    *out = s;
    return 0;
}

/* ---- taking over ---- */

/* Lines "serial process" that collectors before this one left. */
static uint32_t (*read_images(struct session *s, size_t *count))[2]
{
    uint32_t (*images)[2] = NULL;
    size_t capacity = 0;
    unsigned serial, process;
    FILE *f;
    int fd = s->images_fd < 0 ? -1 : dup(s->images_fd);
    *count = 0;
    f = fd < 0 ? NULL : fdopen(fd, "r");
    if (!f)
        return NULL;
    rewind(f);
    while (*count < 1 << 20 && fscanf(f, "%u %u", &serial, &process) == 2) {
        images = xgrow(images, &capacity, *count + 1, sizeof *images);
        images[*count][0] = serial;
        images[(*count)++][1] = process;
    }
    fclose(f);
    return images;
}

/* Every slot that was ever made gets its lane; live ones go on at their tail. */
static void restore_lanes(struct session *s)
{
    uint32_t n = load_relaxed(&wire_pulse_of(&s->segment.wire)->slots_ready), i;
    size_t image_count;
    uint32_t (*images)[2] = read_images(s, &image_count);

    if (n > s->segment.slots_max)
        n = s->segment.slots_max;
    s->lanes = xgrow(s->lanes, &s->lane_capacity, n + 1, sizeof *s->lanes);
    for (i = 0; i < n; i++) {
        uint64_t scratch = wire_slot_of(&s->segment.wire, i)->scratch;
        bool usable = !segment_adopt(&s->segment, scratch, segment_home_bytes());
        s->lanes[i] = lane_new(s, i, usable ? scratch : 0);
        s->made = i + 1;
    }
    for (i = 0; i < n; i++) {
        struct lane *l = s->lanes[i];
        uint32_t state = load_acquire(&l->slot->state);
        if (state == WIRE_SLOT_LIVE)
            lane_restore(s, l, (const uint32_t (*)[2])images, image_count);
        else if (state == WIRE_SLOT_READY && !l->home)
            store_release(&l->slot->state, WIRE_SLOT_EMPTY);
    }
    gate_settle(s);
    policy_adopt_last(s);
    segment_adopt_done(&s->segment, n);
    hold_end_all(s); /* whoever they waited for is gone */
    free(images);
}

/* Who was killed holds it until its memory is given back. */
static bool lock_comes(const struct session *s)
{
    uint32_t old = load_relaxed(&wire_pulse_of(&s->segment.wire)->collector_pid);
    int i;
    for (i = 0; i < 2000; i++) {
        if (!flock(s->segment.fd, LOCK_EX | LOCK_NB))
            return true;
        if (i >= 3 && !proc_dying(old)) /* `ps` may hold it for a moment */
            return false;
        usleep(1000);
    }
    return false;
}

/* The collector of before neither runs nor beats. */
static bool abandoned(const struct session *s)
{
    const struct wire_pulse *pulse = wire_pulse_of(&s->segment.wire);
    uint64_t beat = load_relaxed(&pulse->heartbeat_stamp), now = session_stamp(s);
    if (lock_comes(s))
        return true;
    return now > beat && (now - beat) / (s->plan.clock_hz / 1000) > SESSION_STALE_NS / 1000000;
}

static int attach_segment(struct session *s)
{
    char link[SESSION_PATH_MAX], path[SEGMENT_PATH_MAX];
    ssize_t n;
    int e = session_path(link, sizeof link, s->name, "segment");
    if (e)
        return e;
    n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return -errno;
    path[n] = 0;
    e = segment_attach(&s->segment, path);
    if (e) {
        session_error_set("%s: %s", path, e == -EBADMSG ? "not a segment of this version" : strerror(-e));
        return e;
    }
    s->registry.segment = s->segment.wire.base;
    s->plan = *wire_plan_of(&s->segment.wire);
    if (!segment_plan_valid(&s->plan, s->segment.wire.bytes) || s->plan.start_mono_ns > wire_clock_monotonic_ns())
        return -EBADMSG;
    if (load_relaxed(&wire_pulse_of(&s->segment.wire)->closed))
        return -ENOENT;
    if (!abandoned(s)) {
        session_error_set("collector %u has it", load_relaxed(&wire_pulse_of(&s->segment.wire)->collector_pid));
        return -EBUSY;
    }
    return 0;
}

/* When the collector before this one was last seen: what it knew is told as of then. */
static uint64_t last_beat(const struct session *s)
{
    uint64_t beat = load_relaxed(&wire_pulse_of(&s->segment.wire)->heartbeat_stamp), now = session_stamp(s);
    return beat < now ? beat : now;
}

int session_attach(struct session **out, const char *name)
{
    struct session *s = session_alloc();
    char number[32];
    int e;

    *out = NULL;
    e = session_name_valid(name) ? 0 : -EINVAL;
    if (!e) {
        snprintf(s->name, sizeof s->name, "%s", name);
        e = session_path(s->socket_path, sizeof s->socket_path, name, "socket");
    }
    if (!e)
        e = attach_segment(s);
    if (e) {
        release(s);
        return e;
    }
    s->latest = last_beat(s);
    begin(s);
    open_images(s, O_CREAT);
    restore_lanes(s);
    snprintf(number, sizeof number, "%u", s->pid);
    session_info_set(s->name, "collector", number);
    s->taken_over = true;
    s->pause_ns = 200000;
    *out = s;
    return 0;
}

static void tell_modules(struct session *s, const struct image *m)
{
    const struct process *p = registry_process(&s->registry, m->process);
    size_t i;
    for (i = 0; m->modules && i < m->modules->count; i++) {
        const struct image_range *r = m->modules->ranges + i;
        struct event e = {.type = EVENT_MODULE, .address = r->start, .size = r->end - r->start,
                          .extra = {r->bias, r->module}, .process = m->process};
        e.ns = clock_event_ns(&s->clock, s->latest);
        own_locks_tell(&s->own_locks, s->decode.code, p ? p->pid : 0, &e);
        session_emit(s, &e);
    }
}

/* Modules that were announced to the collector before this one. What stands in
 * the maps is what its last image of a process has. */
void session_relearn_modules(struct session *s)
{
    size_t i;
    s->taken_over = false;
    for (i = 0; i < s->made; i++)
        if (!s->lanes[i]->skip)
            lane_go_on(s, s->lanes[i]);
    for (i = 0; i < s->registry.image_count; i++) {
        struct registered *m = s->registry.images[i];
        struct process *p = registry_process(&s->registry, m->image.process);
        if (p && !p->foreign)
            maps_read(&m->image, s->decode.code, p->pid);
        tell_modules(s, &m->image);
    }
}

uint64_t session_resume(struct session *s, uint64_t (*written)(const void *context, uint32_t thread, uint32_t *stack), const void *context,
                        uint64_t written_in_all)
{
    uint64_t ahead = 0; /* in the file, and not given back yet */
    uint32_t i;
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        if (!l->live || !l->thread)
            continue;
        uint32_t stack = 0;
        uint64_t events = written(context, l->thread, &stack);
        lane_resume(l, events, stack);
        ahead += l->skip;
    }
    return s->counts.drained_before + ahead > written_in_all ? s->counts.drained_before + ahead - written_in_all : 0;
}

/* ---- ending ---- */

void session_yield(struct session *s)
{
    struct wire_pulse *pulse = wire_pulse_of(&s->segment.wire);
    uint32_t i;
    if (!session_still_ours(s))
        return;
    for (i = 0; i < s->made; i++)
        if (s->lanes[i]->live)
            lane_give(s, s->lanes[i]);
        else if (s->lanes[i]->resting)
            lane_recycle(s, s->lanes[i]);
    store_relaxed(&pulse->sleeping, 0);
    store_release(&pulse->collector_pid, 0);
    s->stale = true;
    flock(s->segment.fd, LOCK_UN);
}

void session_close(struct session *s, bool unlink_files)
{
    struct wire_pulse *pulse = wire_pulse_of(&s->segment.wire);
    if (session_still_ours(s)) {
        store_relaxed(&pulse->sleeping, 0);
        hold_end_all(s);
        if (unlink_files) {
            gate_shut(s);
            store_release(&pulse->closed, 1);
            session_current_remove(s->segment.path);
            segment_unlink(&s->segment);
            session_folder_remove(s->name);
        }
        store_relaxed(&pulse->collector_pid, 0);
    }
    release(s);
    if (unlink_files)
        session_sweep(SESSION_SWEEP_NS);
}

/* ---- accessors ---- */

const char *session_name(const struct session *s) { return s->name; }
const char *session_segment_path(const struct session *s) { return s->segment.path; }
const char *session_socket_path(const struct session *s) { return s->socket_path; }
const struct wire_plan *session_plan(const struct session *s) { return &s->plan; }
uint64_t session_now_ns(struct session *s) { return clock_ns(&s->clock, session_stamp(s)); }
unsigned session_alive(const struct session *s) { return (unsigned)s->registry.process_count; }

void session_reaped(struct session *s, pid_t pid, int status)
{
    struct process *p = registry_by_pid(&s->registry, (uint32_t)pid);
    if (!p || p->foreign)
        return;
    p->reaped = true;
    p->status = status;
    p->exiting = PROCESS_EXITING_LOOKS;
    s->quick_ns = 0; /* the next round looks, and the one after it need not wait long */
    s->pause_ns = 0;
}

uint64_t session_events(const struct session *s) { return s->counts.events; }

void session_counts(const struct session *s, struct session_counts *c)
{
    struct stat st;
    uint32_t i;
    *c = s->counts;
    c->processes = s->registry.processes_ever;
    c->processes_live = (uint32_t)s->registry.process_count;
    for (i = 0; i < s->made; i++)
        c->threads_live += s->lanes[i]->live;
    c->slots = s->made;
    c->slots_ready = s->ready;
    c->reserved_bytes = fstat(s->segment.fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
    c->denials = s->segment.denials;
    c->denied_bytes = s->segment.denied_bytes;
    c->denied_free_bytes = s->segment.denied_free;
}
