/*
 * tests/unit/test_heap_types.c - types of objects of a real C++ program, stripped
 * and in other forms; interior pointers that its compiler and library make; and
 * tables in memory that lies about everything.
 */
#include "heap_scratch.h"
#include "suite.h"

#include "heap/heap_types.h"

static const char program[] =
    "#include <cstdio>\n#include <cstdlib>\n#include <cstdint>\n#include <cstring>\n#include <new>\n#include <unistd.h>\n"
    "namespace shop { struct Base { virtual ~Base() {} virtual int f() { return x; } long x = 1; };\n"
    "struct Second { virtual ~Second() {} virtual int g() { return 2; } long y = 2; };\n"
    "struct Both : Base, Second { long z = 3; int f() override { return 4; } int g() override { return 5; } };\n"
    "template <class T> struct Box : Base { T t; int f() override { return 6; } }; }\n"
    "namespace { struct Hidden { virtual ~Hidden() {} virtual int h() { return 7; } }; }\n"
    "struct Worded : shop::Base { const char *text = \"shop of words, aligned?\" + 0; alignas(8) const void *at = (const void *)((uintptr_t)text & ~7ul); };\n"
    "struct Counted { long v; ~Counted() { v = 0; } };\n"
    "struct Op { int (*a)(int); int (*b)(int); }; static int one(int i) { return i; }\n"
    "static const Op ops[3] = {{one, one}, {one, one}, {one, one}}; struct Plain { const Op *op; long v; };\n"
    "static void say(const char *n, const void *p, size_t s) { printf(\"%s %lx %lu\\n\", n, (unsigned long)p, (unsigned long)s); }\n"
    "void *keep[32];\n"
    "int main() { int i = 0; auto b = new shop::Base; say(\"base\", b, sizeof *b); auto m = new shop::Both; say(\"both\", m, sizeof *m);\n"
    "auto x = new shop::Box<int>; say(\"box\", x, sizeof *x); auto h = new Hidden; say(\"hidden\", h, sizeof *h);\n"
    "auto c = new Counted[5]; say(\"counted\", (char *)c - 8, sizeof *c * 5 + 8);\n"
    "auto p = new Plain{&ops[1], 1}; say(\"plain\", p, sizeof *p);\n"
    "char *second = new char[64]; memset(second, 0, 64); memcpy(second, (char *)m + 16, 8); say(\"second\", second, 64);\n"
    "uint64_t *cow = (uint64_t *)operator new(24 + 11); cow[0] = 4; cow[1] = 10; cow[2] = 0; say(\"cow\", cow, 35);\n"
    "uint64_t *cow2 = (uint64_t *)operator new(24 + 12); cow2[0] = 4; cow2[1] = 10; cow2[2] = 0; say(\"notcow\", cow2, 36);\n"
    "uint64_t *sized = (uint64_t *)operator new(48); sized[0] = 40; say(\"sized\", sized, 48);\n"
    "uint64_t *odd = (uint64_t *)operator new(48); odd[0] = 7; say(\"odd\", odd, 48);\n"
    "uint64_t *links = (uint64_t *)operator new(112); say(\"links\", links, 112);\n"
    "links[0] = (uint64_t)(shop::Second *)m; links[1] = (uint64_t)c; links[2] = (uint64_t)cow + 24; links[3] = (uint64_t)cow2 + 24;\n"
    "links[4] = (uint64_t)sized + 8; links[5] = (uint64_t)odd + 8; links[6] = (uint64_t)m + 8; links[7] = (uint64_t)b; links[8] = 0;\n"
    "links[9] = (uint64_t)cow + 25; links[10] = (uint64_t)sized + 16; links[11] = (uint64_t)p + 8;\n"
    "auto w = new Worded; say(\"worded\", w, sizeof *w); links[6 + 6] = (uint64_t)&w->at;\n"
    "keep[i++] = links; puts(\"ready\"); fflush(stdout); for (;;) pause(); }\n";

static const char *type_of(const struct scratch *x, const char *block, bool *has)
{
    const struct snapshot *s = x->child.s;
    uint32_t type = s->type[scratch_block(x, block)];
    *has = type != 0;
    return type ? s->types[type - 1].name : NULL;
}

static void has_type(const struct scratch *x, const char *block, const char *name)
{
    bool has;
    const char *is = type_of(x, block, &has);
    ck_assert_msg(has && is && !strcmp(is, name), "%s is a %s, not a %s", block, is ? is : has ? "nameless one" : "nothing", name);
}

static void has_none(const struct scratch *x, const char *block)
{
    bool has;
    const char *is = type_of(x, block, &has);
    ck_assert_msg(!has, "%s is a %s", block, is ? is : "nameless one");
}

static const char *const forms[] = {"", "-s", "-no-pie -s", "-static-libstdc++ -static-libgcc -s", "-Wl,-z,norelro"};

START_TEST(types_are_told_by_tables)
{
    struct scratch x;
    if (scratch_run(&x, program, forms[_i])) {
        has_type(&x, "base", "N4shop4BaseE");
        has_type(&x, "both", "N4shop4BothE");
        has_type(&x, "box", "N4shop3BoxIiEE");
        has_type(&x, "hidden", "N12_GLOBAL__N_16HiddenE");
        has_none(&x, "second");
        has_none(&x, "counted");
        has_none(&x, "cow");
        has_none(&x, "links");
        const struct snapshot_type *t = &x.child.s->types[x.child.s->type[scratch_block(&x, "base")] - 1];
        ck_assert(strstr(x.child.code.modules[t->module - 1].path, x.dir) != NULL);
    }
    scratch_end(&x);
}
END_TEST

START_TEST(without_rtti_the_place_is_known)
{
    struct scratch x;
    if (scratch_run(&x, program, "-fno-rtti")) {
        bool has;
        ck_assert_ptr_null(type_of(&x, "base", &has));
        ck_assert(has);
        ck_assert_ptr_null(type_of(&x, "both", &has));
        ck_assert(has);
        ck_assert_uint_ne(x.child.s->type[scratch_block(&x, "base")], x.child.s->type[scratch_block(&x, "both")]);
        has_none(&x, "second");
        has_none(&x, "counted");
    }
    scratch_end(&x);
}
END_TEST

/* What the word `at` of "links" is. */
static uint32_t link_of(const struct scratch *x, uint32_t at)
{
    const struct snapshot *s = x->child.s;
    uint32_t node = scratch_block(x, "links");
    for (uint64_t e = s->first[node]; e < s->first[node + 1]; e++)
        if (s->at[e] == at)
            return s->to[e];
    ck_abort_msg("links hold nothing at %u", at);
}

START_TEST(good_interior_pointers)
{
    static const struct { const char *to; bool good; } want[] = {
        {"both", true}, {"counted", true}, {"cow", true}, {"notcow", false}, {"sized", true}, {"odd", false}, {"both", false}};
    static const uint32_t worded = 12;
    struct scratch x;
    if (scratch_run(&x, program, forms[_i])) {
        for (uint32_t i = 0; i < sizeof want / sizeof *want; i++) {
            uint32_t to = link_of(&x, i);
            ck_assert_uint_eq(to & EDGE_TARGET, scratch_block(&x, want[i].to));
            ck_assert(to & EDGE_INTERIOR);
            ck_assert_msg(!(to & EDGE_GOOD) == !want[i].good, "pointer %u into %s", i, want[i].to);
        }
        ck_assert_uint_eq(link_of(&x, worded), scratch_block(&x, "worded") | EDGE_INTERIOR);
        ck_assert_uint_eq(link_of(&x, 7), scratch_block(&x, "base"));
        for (uint32_t i = 9; i <= 11; i++)
            ck_assert_uint_eq(link_of(&x, i) & (EDGE_INTERIOR | EDGE_GOOD), EDGE_INTERIOR);
    }
    scratch_end(&x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_types");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, types_are_told_by_tables, 0, sizeof forms / sizeof *forms);
    tcase_add_test(t, without_rtti_the_place_is_known);
    tcase_add_loop_test(t, good_interior_pointers, 0, 3);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
