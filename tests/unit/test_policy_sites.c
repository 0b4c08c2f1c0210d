/* tests/unit/test_policy_sites.c - modules, functions, threads and processes of rules: ranges of calling
 * addresses against a search by hand, and what comes while rules stand. */
#include "policy_play.h"
#include "suite.h"

#include <fnmatch.h>
#include <pthread.h>
#include <sys/prctl.h>

#include "symbols/seek.h"
#include "symbols_scratch.h"

static void programs_make(void)
{
    write_sources();
    shell("gcc -O2 -g -o one one.c two.c");
    write_text("small.cc", "namespace zoo {\ntemplate <typename T> __attribute__((noinline)) T get(volatile T *n) { return *n * 3; }\n"
                           "struct cat { __attribute__((noinline)) int legs(volatile int *n) { return get<int>(n) + 1; } };\n}\n"
                           "int main(int n, char **) { volatile int v = n; volatile long w = n; zoo::cat c;\n"
                           "    return c.legs(&v) + (int)zoo::get<long>(&w); }\n");
    shell("g++ -O2 -g -o plus small.cc");
    shell("gcc -O2 -s -o stripped one.c two.c");
}

/* ---- what processes have ---- */
static struct { uint32_t process; uint64_t begin, end, bias; char path[160]; } modules[64];
static size_t n_modules;
static struct fake_writer writers[4];

static void module_put(struct fake_writer *w, const char *path, uint64_t bias, uint64_t begin, uint64_t end)
{
    uint64_t extra[8] = {bias, begin, end, 0};
    ck_assert_int_eq(fake_text(w, WIRE_MODULE, 0, extra, 8, path, strlen(path)), 0);
    modules[n_modules].process = w->process;
    modules[n_modules].begin = begin;
    modules[n_modules].end = end;
    modules[n_modules].bias = bias;
    strcpy(modules[n_modules++].path, path);
}

static void process_begin(struct fake_writer *w)
{
    ck_assert_int_eq(fake_claim(w, &shared, fake_process(&shared)), 0);
    ck_assert_int_eq(fake_birth(w, 0, WIRE_BORN_EXEC), 0);
    round_one();
}

static void modules_come(void)
{
    for (int i = 0; i < 1000 && by_type[EVENT_MODULE] < n_modules; i++)
        round_one();
    ck_assert_uint_ge(by_type[EVENT_MODULE], n_modules);
}

/* ---- what hooks would find ---- */
static const struct wire_range *ranges(void)
{
    return (const struct wire_range *)((const uint8_t *)published() + published()->ranges_offset);
}

static const struct wire_range *range_at(uint32_t process, uint64_t returns)
{
    uint64_t pc = returns - 1;
    for (uint32_t i = 0; i < published()->ranges_count; i++)
        if (ranges()[i].process == process && pc >= ranges()[i].begin && pc < ranges()[i].end)
            return &ranges()[i];
    return NULL;
}

/* ---- by hand ---- */
enum { CODE_MOST = 1 << 16, ASKED_MOST = 32 };
static struct asked { const char *path, *pattern; uint8_t is[CODE_MOST]; } asked[ASKED_MOST];

static uint64_t asked_which(void *context, const char *function, const char *linkage)
{
    const struct asked *a = context;
    return symbols_name_matches(a->pattern, function, linkage);
}
static void asked_found(void *context, uint64_t which, uint64_t from, uint64_t to)
{
    struct asked *a = context;
    for (; from < to && from < CODE_MOST; from++)
        a->is[from] = 1;
}

static bool function_is(const char *path, const char *pattern, uint64_t offset)
{
    struct asked *a = asked;
    while (a->path && (strcmp(a->path, path) || strcmp(a->pattern, pattern)))
        ck_assert(++a < asked + ASKED_MOST);
    bool is_new = !a->path;
    for (int inlined = 0; inlined < 2 && is_new; inlined++) {
        struct symbols_seek s = {.which = asked_which, .found = asked_found, .context = a, .inlined = inlined};
        a->path = path;
        a->pattern = pattern;
        symbols_seek(path, NULL, 0, &s);
    }
    return offset < CODE_MOST && a->is[offset];
}

static bool word_is(const struct rule_words *words, const char *path)
{
    for (size_t i = 0; i < words->n; i++)
        if (!fnmatch(words->list[i], path, 0) || !fnmatch(words->list[i], strrchr(path, '/') + 1, 0))
            return true;
    return !words->n;
}

/* Rules of a call that ends at `pc`, and from bit 32 on those of a frame that does. */
static uint64_t rules_by_hand(uint32_t process, uint64_t pc, bool *known)
{
    uint64_t bits = 0;
    *known = false;
    for (size_t m = 0; m < n_modules; m++) {
        uint64_t call = pc - 1;
        if (modules[m].process != process || call < modules[m].begin || call >= modules[m].end)
            continue;
        *known = true;
        for (size_t i = 0; i < n_rules; i++) {
            bool yes = (rules[i].functions.n || rules[i].modules.n) && word_is(&rules[i].modules, modules[m].path);
            bool any = !rules[i].functions.n;
            for (size_t k = 0; yes && k < rules[i].functions.n; k++)
                any |= function_is(modules[m].path, rules[i].functions.list[k], call - modules[m].bias);
            if (yes && any)
                bits |= 1ull << slot_of(rules[i].size_min);
            for (size_t k = 0; k < rules[i].stacks.n; k++)
                if (function_is(modules[m].path, rules[i].stacks.list[k], call - modules[m].bias))
                    bits |= 1ull << (32 + slot_of(rules[i].size_min));
        }
    }
    return bits;
}

static void check_place(uint32_t process, uint64_t pc)
{
    bool known;
    uint64_t want = rules_by_hand(process, pc, &known);
    const struct wire_range *r = range_at(process, pc);
    ck_assert_msg(!!r == known, "process %u, %#lx: %s", process, (unsigned long)pc, known ? "in no range" : "in one");
    if (r)
        ck_assert_msg((r->rules | (uint64_t)r->stacks << 32) == want, "process %u, %#lx: %x and %x, not %lx", process,
                      (unsigned long)pc, r->rules, r->stacks, (unsigned long)want);
}

START_TEST(test_ranges)
{
    static const char *const files[] = {"one", "plus", "stripped"};
    uint32_t met = 0;
    srandom(11);
    for (int p = 0; p < 3; p++) {
        process_begin(&writers[p]);
        for (uint64_t i = 0; i < 3; i++) {
            uint64_t bias = 0x555500000000 + (uint64_t)(random() % 64) * 0x1000 + i * 0x10000000;
            module_put(&writers[p], in_scratch(files[i]), bias, bias, bias + 0x9000);
        }
        module_put(&writers[p], "/nowhere/libgone.so.1", 0x7f0000000000, 0x7f0000001000, 0x7f0000003000);
    }
    modules_come();
    rule_add(1, "size=1..9 function=outer,deep3");
    rule_add(2, "size=2..9 module=one");
    rule_add(3, "size=3..9 function=zoo::* module=pl*");
    rule_add(4, "size=4..9 module=*/nowhere/*,stripped");
    rule_add(5, "exclude size=5..9 function=main");
    rule_add(6, "size=6..9");
    rule_add(7, "size=7..9 function=outer module=plus");
    rule_add(8, "size=8..9 stack=main,zoo::get<long> module=one");
    ck_assert_int_eq(set(), 0);
    settle();
    for (uint32_t i = 0; i < published()->ranges_count; i++) {
        const struct wire_range *r = &ranges()[i];
        ck_assert_uint_lt(r->begin, r->end);
        ck_assert(!i || r[-1].process < r->process || (r[-1].process == r->process && r[-1].end <= r->begin));
        check_place(r->process, r->begin);      /* where it begins and ends, and around that */
        check_place(r->process, r->begin - 1);
        check_place(r->process, r->end - 1);
        check_place(r->process, r->end);
        met |= r->rules;
    }
    for (int i = 0; i < 200; i++) {
        const uint64_t bias = modules[(size_t)random() % n_modules].bias;
        check_place(writers[random() % 3].process, bias + (uint64_t)random() % 0x4000);
    }
    ck_assert_int_eq(__builtin_popcount(met), 6);
    for (uint32_t number = 1; number <= 8; number++)
        ck_assert_int_eq(policy_unmet(policy, number), number == 7);
}
END_TEST

/* ---- what comes while rules stand ---- */

static uint64_t plugin_bias;
static bool plugin_known(void) { return published() && range_at(writers[0].process, plugin_bias + 0x1001); }

START_TEST(test_module_comes)
{
    process_begin(&writers[0]);
    rule_add(1, "size=1..9 module=plugin.so");
    rule_add(2, "size=2..9 function=outer");
    ck_assert_int_eq(set(), 0);
    settle();
    ck_assert(policy_unmet(policy, 1) && policy_unmet(policy, 2));
    ck_assert_uint_eq(published()->ranges_count, 0);
    uint32_t gate = gate_now();
    plugin_bias = 0x7f1200000000;
    module_put(&writers[0], "/some/plugin.so", plugin_bias, plugin_bias + 0x1000, plugin_bias + 0x3000);
    uint64_t began_ns = wire_clock_monotonic_ns();
    ck_assert(rounds_until(plugin_known));
    ck_assert_uint_lt(wire_clock_monotonic_ns() - began_ns, 500000000);
    ck_assert_uint_eq(range_at(writers[0].process, plugin_bias + 0x1001)->rules, 1u << slot_of(1));
    ck_assert_uint_ne(gate_now(), gate);
    ck_assert(!policy_unmet(policy, 1) && policy_unmet(policy, 2));
    plugin_bias = 0x7f3400000000;
    module_put(&writers[0], in_scratch("one"), plugin_bias, plugin_bias, plugin_bias + 0x9000);
    ck_assert(rounds_until(plugin_known));
    settle();
    ck_assert_uint_eq(range_at(writers[0].process, plugin_bias + nm("one", "outer") + 5)->rules, 1u << slot_of(2));
    ck_assert(!policy_unmet(policy, 2));

    gate = gate_now();                      /* nothing new: nothing is published */
    for (int i = 0; i < 50; i++) {
        round_one();
        usleep(500);
    }
    ck_assert_uint_eq(gate_now(), gate);
}
END_TEST

/* A child has its parent's modules, under a number of its own. */
static bool child_known(void) { return range_at(writers[1].process, plugin_bias + 0x1001); }

START_TEST(test_fork)
{
    plugin_bias = 0x7f1200000000;
    process_begin(&writers[0]);
    module_put(&writers[0], "/some/plugin.so", plugin_bias, plugin_bias + 0x1000, plugin_bias + 0x3000);
    modules_come();
    rule_add(1, "size=1..9 module=plugin.so");
    ck_assert_int_eq(set(), 0);
    settle();
    ck_assert_int_eq(fake_claim(&writers[1], &shared, fake_process(&shared)), 0);
    ck_assert(!child_known());
    ck_assert_int_eq(fake_birth(&writers[1], writers[0].process, WIRE_BORN_FORK), 0);
    ck_assert(rounds_until(child_known));
    ck_assert_uint_eq(range_at(writers[1].process, plugin_bias + 0x1001)->rules, 1u << slot_of(1));
    ck_assert(plugin_known());
}
END_TEST

/* Many modules at once are one policy, or few. */
START_TEST(test_modules_at_once)
{
    process_begin(&writers[0]);
    rule_add(1, "size=1..9 module=lib7.so");
    ck_assert_int_eq(set(), 0);
    settle();
    uint32_t gate = gate_now();
    for (uint64_t i = 0; i < 50; i++) {
        char path[32];
        snprintf(path, sizeof path, "/lib/lib%lu.so", (unsigned long)i);
        plugin_bias = 0x7f0000000000 + i * 0x10000;
        module_put(&writers[0], path, plugin_bias, plugin_bias, plugin_bias + 0x2000);
        round_one();
    }
    ck_assert(rounds_until(plugin_known));
    settle();
    ck_assert_uint_le((gate_now() - gate) / WIRE_GATE_SERIAL, 10);
    ck_assert_uint_eq(range_at(writers[0].process, 0x7f0000070010)->rules, 1u << slot_of(1));
}
END_TEST

/* ---- threads ---- */

static atomic_u32 other_tid, other_step;

static void *other_run(void *context)
{
    prctl(PR_SET_NAME, "worker-3");
    store_release(&other_tid, (uint32_t)syscall(SYS_gettid));
    while (load_acquire(&other_step) == 0)
        usleep(1000);
    prctl(PR_SET_NAME, "idle");
    while (load_acquire(&other_step) == 1)
        usleep(1000);
    return NULL;
}

static uint32_t thread_rules(const struct fake_writer *w)
{
    uint64_t word = load_acquire(&w->ring.slot->rules);
    ck_assert_uint_eq(word >> 32, gate_now());
    return (uint32_t)word;
}

static struct fake_writer *renamed;
static unsigned lost_slot;
static bool renamed_seen(void) { return !(thread_rules(renamed) & 1u << lost_slot); }

START_TEST(test_threads)
{
    pthread_t other;
    char text[64];
    store_relaxed(&other_tid, 0);
    store_relaxed(&other_step, 0);
    ck_assert_int_eq(pthread_create(&other, NULL, other_run, NULL), 0);
    while (!load_acquire(&other_tid))
        usleep(100);
    uint32_t process = fake_process(&shared);
    ck_assert_int_eq(fake_claim(&writers[0], &shared, process), 0);
    ck_assert_int_eq(fake_birth(&writers[0], 0, WIRE_BORN_EXEC), 0);
    round_one();
    round_one();
    rule_add(1, "size=1..9 thread=worker-*");
    snprintf(text, sizeof text, "size=2..9 thread=t%u", writers[0].thread + 1);
    rule_add(2, text);
    snprintf(text, sizeof text, "size=3..9 thread=nobody,%u", load_relaxed(&other_tid));
    rule_add(3, text);
    snprintf(text, sizeof text, "size=4..9 process=p%u", process);
    rule_add(4, text);
    snprintf(text, sizeof text, "size=5..9 process=%d thread=worker-3", (int)getpid());
    rule_add(5, text);
    rule_add(6, "size=6..9 process=test_policy_s*");
    rule_add(7, "size=7..9 process=something-else,p999");
    rule_add(8, "size=8..9");
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(thread_rules(&writers[0]), 1u << slot_of(4) | 1u << slot_of(6));
    ck_assert_int_eq(fake_claim_as(&writers[1], &shared, process, (uint32_t)getpid(), load_relaxed(&other_tid)), 0);
    uint64_t extra[1] = {load_relaxed(&other_tid)};
    ck_assert_int_eq(fake_put(&writers[1], &(struct fake_record){.type = WIRE_THREAD_START, .address = 1, .extra = extra, .extras = 1}), 0);
    for (int i = 0; i < 5; i++)
        round_one();
    ck_assert_uint_eq(thread_rules(&writers[1]), 1u << slot_of(1) | 1u << slot_of(2) | 1u << slot_of(3) | 1u << slot_of(4) |
                                                     1u << slot_of(5) | 1u << slot_of(6));
    store_release(&other_step, 1);          /* it is somebody else now */
    renamed = &writers[1];
    lost_slot = slot_of(1);
    ck_assert(rounds_until(renamed_seen));
    ck_assert_uint_eq(thread_rules(&writers[1]), 1u << slot_of(2) | 1u << slot_of(3) | 1u << slot_of(4) | 1u << slot_of(6));
    rules_drop(0);                          /* each publish is told to all */
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(thread_rules(&writers[0]), 1u << slot_of(4) | 1u << slot_of(6));
    ck_assert_uint_eq(thread_rules(&writers[1]), 1u << slot_of(2) | 1u << slot_of(3) | 1u << slot_of(4) | 1u << slot_of(6));
    store_release(&other_step, 2);
    pthread_join(other, NULL);
}
END_TEST

/* A policy that goes while names are looked up. */
START_TEST(test_end_amid)
{
    process_begin(&writers[0]);
    module_put(&writers[0], in_scratch("one"), 0x1000000, 0x1000000, 0x1010000);
    module_put(&writers[0], in_scratch("plus"), 0x2000000, 0x2000000, 0x2010000);
    modules_come();
    rule_add(1, "size=1..9 function=*e*");
    ck_assert_int_eq(set(), 0);
    round_one();
    rules_drop(0);
    rule_add(2, "size=2..9 function=*a*");
    ck_assert_int_eq(set(), 0);             /* the first question is nobody's any more */
    round_one();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("policy_sites");
    TCase *t = tcase_create("all");
    tcase_add_unchecked_fixture(t, programs_make, NULL);
    tcase_add_checked_fixture(t, policy_setup, policy_teardown);
    tcase_add_test(t, test_ranges);
    tcase_add_test(t, test_module_comes);
    tcase_add_test(t, test_fork);
    tcase_add_test(t, test_modules_at_once);
    tcase_add_test(t, test_threads);
    tcase_add_test(t, test_end_amid);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    scratch_begin("policy-sites");
    int status = suite_run(s);
    scratch_end(false);
    return status;
}
