/*
 * tests/unit/clocks_model.h - happens-before by reachability: every event of a
 * random history has the set of all events before it, and every use of a block
 * is held against all earlier ones. What the fold says must be true of it, and,
 * as long as nothing was given up (a use, a thread's index), complete.
 */
#ifndef CLOCKS_MODEL_H
#define CLOCKS_MODEL_H

enum { MODEL_EVENTS = 400, MODEL_THREADS = 12, MODEL_SYNCS = 4, MODEL_BLOCKS = 3, MODEL_WORDS = (MODEL_EVENTS + 63) / 64 };

struct before { uint64_t bits[MODEL_WORDS]; };
struct model_use { uint32_t thread; enum clocks_use kind; uint64_t offset, end; int event; };

static struct model {
    unsigned seed;
    int n_events, n_threads, n_uses[MODEL_BLOCKS];
    struct before thread[MODEL_THREADS + 1], published[MODEL_SYNCS];
    bool alive[MODEL_THREADS + 1], given_up[MODEL_BLOCKS], ends;
    clock_id clocks[MODEL_SYNCS];
    struct model_use uses[MODEL_BLOCKS][MODEL_EVENTS];
    struct clash seen[MODEL_EVENTS];
    uint64_t findings;
} model;

static inline unsigned model_roll(unsigned n)
{
    model.seed = model.seed * 1103515245u + 12345u;
    return (model.seed >> 16) % n;
}

static inline void model_join(struct before *to, const struct before *from)
{
    for (int i = 0; i < MODEL_WORDS; i++)
        to->bits[i] |= from->bits[i];
}

/* One more event of a thread. */
static inline int model_event(uint32_t thread)
{
    int e = model.n_events++;
    model.thread[thread].bits[e / 64] |= 1ull << e % 64;
    return e;
}

static inline uint32_t model_living(void)
{
    uint32_t t;
    do
        t = 1 + model_roll((unsigned)model.n_threads);
    while (!model.alive[t]);
    return t;
}

static inline uint64_t model_clashes(void)
{
    const struct unordered *u = &play->clocks->unordered;
    uint64_t n = u->left_out;
    for (size_t i = 0; i < u->n_clashes; i++)
        n += u->clashes[i].count;
    for (size_t i = 0; i < u->n_sets; i++)
        n += u->sets[i].more;
    return n;
}

/* More threads have had an index than there are. */
static inline bool model_reused(void)
{
    uint32_t n = 0;
    for (int i = 1; i <= model.n_threads; i++)
        n += thread_of((uint32_t)i)->clock.index != 0;
    return n > process_at(play, 1)->clocks.n;
}

static inline bool model_clash(const struct model_use *x, const struct model_use *now)
{
    bool changes = x->kind != CLOCKS_READ || now->kind != CLOCKS_READ;
    const uint64_t *known = model.thread[now->thread].bits;
    return changes && x->thread != now->thread && x->offset < now->end && now->offset < x->end &&
           !(known[x->event / 64] & 1ull << x->event % 64);
}

static inline unsigned model_kept(uint64_t address)
{
    const struct uses *u = &play->clocks->uses;
    uint32_t place = custody_pointee(play, process_at(play, 1), address);
    unsigned n = 0;
    if (place < u->capacity)
        for (uint32_t at = u->of[place].newest; at; at = u->uses[at].next)
            n++;
    return n;
}

static inline void model_use(uint32_t thread)
{
    unsigned b = model_roll(MODEL_BLOCKS);
    struct model_use now = { thread, model_roll(3) ? CLOCKS_READ : CLOCKS_WRITE, 0, 0, 0 };
    now.offset = 32 * model_roll(2);
    now.end = now.offset + 32 * (1 + model_roll(2));
    if (!model_roll(10)) {
        now.kind = CLOCKS_MOVE;
        now.offset = 0;
        now.end = WHOLE;
    }
    bool expected = false;
    for (int i = 0; i < model.n_uses[b]; i++)
        expected |= model_clash(&model.uses[b][i], &now);
    uint64_t address = 2 * WHOLE * (b + 1ull);
    uint64_t clashes = model_clashes();
    now.event = model_event(thread);
    by_stack((uint32_t)model_roll(3));
    use(thread, address, now.kind, now.offset, now.end - now.offset);
    bool said = model_clashes() > clashes;
    must(!said || expected);
    must(said || !expected || model.given_up[b] || model_reused());
    model.findings += said;
    model.given_up[b] |= model_kept(address) >= USES_A_BLOCK;
    model.uses[b][model.n_uses[b]++] = now;
}

static inline void model_create(uint32_t creator)
{
    uint32_t child = (uint32_t)model.n_threads + 1;
    if (child > MODEL_THREADS)
        return;
    model.n_threads++;
    model.alive[child] = true;
    model_event(creator);
    model.thread[child] = model.thread[creator];
    who(1, creator);
    thread_create(0, child);
    thread_created(0x7000 + child, child);
    who(1, child);
    thread_start(0x7000 + child, child);
    hush();
}

static inline void model_end(uint32_t thread, uint32_t joiner)
{
    if (thread == 1 || thread == joiner)
        return;
    model.alive[thread] = false;
    who(1, thread);
    thread_exit(0);
    who(1, joiner);
    thread_join(0x7000 + thread, 0);
    hush();
    model_event(joiner);
    model_join(&model.thread[joiner], &model.thread[thread]);
}

static inline void model_sync(uint32_t thread)
{
    unsigned s = model_roll(MODEL_SYNCS), what = model_roll(5);
    model_event(thread);
    if (what < 2) {
        acquire(thread, model.clocks[s]);
        model_join(&model.thread[thread], &model.published[s]);
    } else if (what < 4) {
        bool joins = s % 2;
        if (!joins)
            memset(&model.published[s], 0, sizeof model.published[s]);
        (joins ? publish : release)(thread, &model.clocks[s]);
        model_join(&model.published[s], &model.thread[thread]);
    } else if (!model_roll(10)) {
        clocks_forget(play, &model.clocks[s]);
        memset(&model.published[s], 0, sizeof model.published[s]);
    }
}

static inline void model_run(unsigned seed, bool ends)
{
    memset(&model, 0, sizeof model);
    model.seed = seed * 7919 + 1;
    model.n_threads = 1;
    model.alive[1] = true;
    process_start(100, 0, WIRE_BORN_EXEC);
    for (unsigned b = 0; b < MODEL_BLOCKS; b++)
        make(2 * WHOLE * (b + 1ull), WHOLE);
    model_create(1);
    model_create(1);
    while (model.n_events < MODEL_EVENTS - 2) {
        uint32_t t = model_living();
        unsigned what = model_roll(100);
        if (what < 45)
            model_use(t);
        else if (what < 94)
            model_sync(t);
        else if (what < 97 && (ends || model.n_threads < 4))
            model_create(t);
        else if (ends)
            model_end(t, model_living());
    }
    must(model.findings > 0);
}

#endif
