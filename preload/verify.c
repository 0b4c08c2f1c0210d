/*
 * preload/verify.c - see verify.h.
 *
 * Runs in the traced thread, between a walk and its record. libunwind takes
 * locks and may map memory: so all signals are blocked meanwhile, the guard
 * lets what it calls of ours only pass, one thread at a time uses it, and one
 * that finds it in use does not wait (it may hold the loader's lock) but
 * compares its next stack instead.
 *
 * One model a slot, mapped when first used, of the thread that has the slot.
 */
#include "preload/verify.h"

#include <link.h>
#include <signal.h>
#include <string.h>

#include "preload/module.h"
#include "preload/record.h"
#include "preload/system.h"
#include "preload/verify_text.h"

#if defined(__x86_64__)
#define UNW_LOCAL_ONLY
#include <libunwind.h>

enum {
    DEEP_FRAMES = 127,   /* unwind.h: a cut stack that has these was too deep, not at its rules' end */
    SHOWN_MAX = 8,       /* differences told in a session */
    SHOWN_BEFORE = 4,    /* frames told before the first that differs, */
    SHOWN_AFTER = 16     /* and from it on */
};

struct model {
    uint32_t claim;                            /* of the slot, by the thread that this is the stack of */
    uint32_t frames;
    uint32_t walks;                            /* since the last comparison */
    uint32_t theirs;                           /* frames in `their` */
    uint64_t number;                           /* comparisons */
    int end;                                   /* how libunwind's walk ended: 0 at the stack's end, 1 not yet, or its error */
    bool last_has_rules;                       /* libunwind knows the function of our outermost frame */
    uint64_t frame[WIRE_FRAMES_MAX];           /* outermost first, as the collector has it */
    uint64_t their[WIRE_FRAMES_MAX + 2];       /* innermost first */
    unw_context_t context;
    unw_cursor_t cursor;
    char text[WIRE_TEXT_MAX];
};

#define FUNCTIONS(F)                                                                                  \
    F(getcontext, unw_tdep_getcontext) F(init_local, unw_init_local) F(step, unw_step)                \
    F(get_reg, unw_get_reg) F(is_signal_frame, unw_is_signal_frame) F(get_proc_info, unw_get_proc_info) \
    F(flush_cache, unw_flush_cache)
#define NAME_OF(name) #name
#define NAME(name) NAME_OF(name)

static struct {
#define F(field, name) __typeof__(name) *field;
    FUNCTIONS(F)
#undef F
    unw_addr_space_t *space;
    uint64_t modules;     /* module_generation that its caches rest on */
} libunwind;

static struct model **models;    /* by slot */
static atomic_u32 loaded;        /* 1: libunwind may be used */
static atomic_u32 busy;          /* 1: a thread is in it */

static void count(unsigned what)
{
    add_relaxed(&wire_claims_of(&process.segment)->verify[what], 1);
}

static void give_up(const char *why)
{
    struct context *c = &context;
    char text[512];
    process.verify_unwind = 0;
    count(WIRE_VERIFY_WITHOUT);
    if (c->generation != load_relaxed(&process.page->generation))
        return;
    struct verify_text t = {text, text + sizeof text};
    verify_say(&t, "verify-unwind: no stack is compared: ");
    verify_say(&t, why);
    record_text(c, WIRE_MARK, 0, NULL, 0, text, (size_t)(t.at - text));
}

void verify_start(uint32_t every)
{
    if (!every || process.stacks != WIRE_STACKS_FULL)
        return;
    models = system_map(WIRE_SLOTS_MAX * sizeof *models, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (models)
        process.verify_unwind = every;
}

/* NULL, or what is missing. */
static const char *library_open(void)
{
    void *handle = dlopen("libunwind.so.8", RTLD_LOCAL | RTLD_NOW);
    if (!handle)
        return dlerror();
#define F(field, name) \
    if (!(libunwind.field = (__typeof__(name) *)dlsym(handle, NAME(name)))) \
        return "libunwind.so.8 has no " NAME(name);
    FUNCTIONS(F)
#undef F
    libunwind.space = (unw_addr_space_t *)dlsym(handle, NAME(unw_local_addr_space));
    return libunwind.space ? NULL : "libunwind.so.8 has no address space of its own";
}

void verify_load(void)
{
    struct context *c = &context;
    uintptr_t guard = c->guard;
    int saved = errno;
    if (load_acquire(&process.state) != PROCESS_TRACED || !process.verify_unwind)
        return;
    c->guard = CONTEXT_BOOT;   /* the loader's own allocations are not the program's */
    const char *why = library_open();
    libunwind.modules = load_relaxed(&module_generation);
    c->guard = guard;
    if (why)
        give_up(why);
    else
        store_release(&loaded, 1);
    errno = saved;
}

/* Its locks, too, are as they were when another thread forked. */
void verify_reborn(void)
{
    if (process.verify_unwind && exchange_acq_rel(&busy, 0))
        give_up("another thread was in libunwind at the fork");
}

/* ---- the two stacks ------------------------------------------------------- */

static struct model *model_of(const struct context *c)
{
    struct wire_slot *slot = c->writer.slot;
    struct model **at = &models[slot - wire_slot_of(&process.segment, 0)], *m = *at;
    if (!m) {
        m = *at = system_map(sizeof *m, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        if (!m)
            return NULL;
    }
    if (m->claim != load_relaxed(&slot->claim)) {
        m->claim = load_relaxed(&slot->claim);
        m->frames = 0;
    }
    return m;
}

/* As the collector does it. False: the change does not fit the stack. */
static bool model_apply(struct model *m, const struct unwind_change *change)
{
    bool whole = change->pop == WIRE_FRAMES_MAX + 1;
    if (!whole && change->pop > m->frames)
        return false;
    m->frames = whole ? 0 : m->frames - change->pop;
    if (change->push > WIRE_FRAMES_MAX - m->frames)
        return false;
    for (uint32_t i = 0; i < change->push; i++)
        m->frame[m->frames++] = change->pushed[i];
    return true;
}

static bool model_cut(const struct model *m) { return m->frames && m->frame[0] == WIRE_FRAME_TRUNCATED; }

/* libunwind's stack from the hook's caller on, as far as one frame more than
 * ours has. Our own frames, this one the innermost, are passed over. */
static __attribute__((noinline)) void library_walk(struct model *m, const struct unwind_site *site)
{
    unw_cursor_t *cursor = &m->cursor;
    uint32_t ours = m->frames - model_cut(m);
    bool on = false;
    m->theirs = 0;
    m->last_has_rules = false;
    libunwind.getcontext(&m->context);
    m->end = libunwind.init_local(cursor, &m->context);
    if (m->end < 0)
        return;
    do {
        unw_word_t pc = 0, sp = 0;
        libunwind.get_reg(cursor, UNW_REG_IP, &pc);
        libunwind.get_reg(cursor, UNW_REG_SP, &sp);
        on |= pc == site->pc && sp == site->sp;
        if (on) {
            unw_proc_info_t info = {0};
            m->their[m->theirs++] = pc | (libunwind.is_signal_frame(cursor) > 0 ? WIRE_FRAME_EXACT : 0);
            if (m->theirs == ours && model_cut(m))
                m->last_has_rules = !libunwind.get_proc_info(cursor, &info) && info.end_ip - info.start_ip > 1;
        }
        m->end = libunwind.step(cursor);
    } while (m->end > 0 && m->theirs <= ours);
}

/* Frames, from the inside out, in which the two agree. */
static uint32_t model_agrees(const struct model *m)
{
    uint32_t ours = m->frames - model_cut(m), i = 0;
    while (i < ours && i < m->theirs && m->frame[m->frames - 1 - i] == m->their[i])
        i++;
    return i;
}

static enum wire_verify judge(const struct model *m)
{
    uint32_t ours = m->frames - model_cut(m), same = model_agrees(m);
    if (!m->theirs)
        return WIRE_VERIFY_FAILED;
    if (same < ours && same < m->theirs)
        return WIRE_VERIFY_DIFFERENT;
    if (m->theirs < ours)
        return m->end < 0 ? WIRE_VERIFY_FAILED : WIRE_VERIFY_DIFFERENT;
    if (model_cut(m)) {
        if (ours >= DEEP_FRAMES)
            return WIRE_VERIFY_SAME;
        return m->last_has_rules ? WIRE_VERIFY_DIFFERENT : WIRE_VERIFY_NO_RULES;
    }
    if (m->theirs > ours)
        return WIRE_VERIFY_DIFFERENT;
    return m->end < 0 ? WIRE_VERIFY_FAILED : WIRE_VERIFY_SAME;
}

/* ---- what a human reads --------------------------------------------------- */

static void tell_stack(struct verify_text *t, const struct model *m, bool ours, uint32_t from)
{
    uint32_t n = ours ? m->frames : m->theirs, i = from;
    for (; i < n && i < from + SHOWN_BEFORE + SHOWN_AFTER; i++) {
        verify_say(t, " ");
        verify_say_frame(t, ours ? m->frame[m->frames - 1 - i] : m->their[i]);
    }
    verify_say(t, i < n ? " ..." : ours || !m->end ? " end" : m->end > 0 ? " ..." : " failed");
}

static void tell(struct context *c, struct model *m)
{
    struct wire_claims *claims = wire_claims_of(&process.segment);
    struct verify_text t = {m->text, m->text + sizeof m->text};
    uint32_t same = model_agrees(m), from = same > SHOWN_BEFORE ? same - SHOWN_BEFORE : 0;
    if (add_relaxed(&claims->verify_shown, 1) >= SHOWN_MAX)
        return;
    verify_say(&t, "verify-unwind: comparison ");
    verify_say_number(&t, m->number);
    verify_say(&t, " of the thread: ");
    verify_say_number(&t, same);
    verify_say(&t, " inner frames agree; from frame ");
    verify_say_number(&t, from);
    verify_say(&t, " on ours:");
    tell_stack(&t, m, true, from);
    verify_say(&t, "; libunwind's:");
    tell_stack(&t, m, false, from);
    record_text(c, WIRE_MARK, 0, NULL, 0, m->text, (size_t)(t.at - m->text));
}

/* ---- every walk ----------------------------------------------------------- */

/* False: another thread is in libunwind. */
static bool compare(struct context *c, struct model *m, const struct unwind_site *site)
{
    uint64_t all = ~(uint64_t)0, before = 0, modules = load_relaxed(&module_generation);
    uintptr_t guard = c->guard;
    int saved = errno, cancel;
    bool got;

    system_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, sizeof all, 0, 0);
    c->guard = (guard & ~(uintptr_t)CONTEXT_STATES) | CONTEXT_REAL;
    got = cas_acq_rel(&busy, (uint32_t)0, (uint32_t)1);
    if (got) {
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
        if (libunwind.modules != modules) {
            libunwind.flush_cache(*libunwind.space, 0, 0);
            libunwind.modules = modules;
        }
        library_walk(m, site);
        pthread_setcancelstate(cancel, NULL);
        store_release(&busy, 0);
    }
    c->guard = guard;
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof all, 0, 0);
    errno = saved;
    return got;
}

void verify_walk(struct context *c, const struct unwind_site *site, const struct unwind_change *change)
{
    struct model *m = model_of(c);
    enum wire_verify what = WIRE_VERIFY_DIFFERENT;
    if (!m)
        return;
    if (!model_apply(m, change)) {
        m->theirs = 0;
    } else {
        if (++m->walks < process.verify_unwind || !load_acquire(&loaded) || !compare(c, m, site))
            return;
        what = judge(m);
    }
    m->walks = 0;
    m->number++;
    count(what);
    if (what == WIRE_VERIFY_DIFFERENT)
        tell(c, m);
}

#else

/* No rules are read on this architecture: there is nothing to compare. */
void verify_start(uint32_t every)
{
    if (every)
        add_relaxed(&wire_claims_of(&process.segment)->verify[WIRE_VERIFY_WITHOUT], 1);
}
void verify_load(void) {}
void verify_reborn(void) {}
void verify_walk(struct context *c, const struct unwind_site *site, const struct unwind_change *change) {}
#endif
