/*
 * tests/unit/test_symbols.c - names for addresses: which file is believed,
 * where its symbols are found, what is unknown. Files and lines are compared
 * with other tools in test_symbols_oracle.c.
 */
#include <link.h>

#include "symbols_ask.h"
#include "suite.h"

/* ---- which file is believed ---- */

START_TEST(no_file)
{
    static const char *const paths[] = {
        "", "[vdso]", "linux-vdso.so.1", "/no/such/file", "/usr/bin/ls (deleted)", "/tmp", "/dev/null",
        "/dev/zero", "./fifo",
    };
    const struct symbol_place *p;
    shell("mkfifo -m 600 fifo && cp /bin/true 'gone (deleted)' && cp /bin/true linux-vdso.so.1");
    ck_assert_int_eq(chdir(scratch), 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ck_assert_int_eq(symbols_module_state(s, paths[i], NULL, 0), SYMBOLS_NO_FILE);
        ck_assert_uint_eq(symbols_resolve(s, paths[i], NULL, 0, 0x1234, &p), 1);
        ck_assert(unknown(p));
    }
    ck_assert_int_eq(state("fifo"), SYMBOLS_NO_FILE);
    ck_assert_int_eq(state("gone (deleted)"), SYMBOLS_NO_FILE);
}
END_TEST

START_TEST(other_builds)
{
    const uint8_t id1[] = { 0x11, 0x22, 0x33, 0x44 }, id2[] = { 0x11, 0x22, 0x33, 0x55 };
    const struct symbol_place *p;
    shell("gcc -O1 -g -Wl,--build-id=0x11223344 -o built one.c two.c");
    uint64_t outer = nm("built", "outer");
    symbols_resolve(s, in_scratch("built"), id1, 4, outer, &p);
    ck_assert_str_eq(p->function, "outer");
    symbols_resolve(s, in_scratch("built"), id2, 4, outer, &p);
    ck_assert(unknown(p));
    ck_assert_int_eq(symbols_module_state(s, in_scratch("built"), id1, 4), SYMBOLS_DEBUG);
    ck_assert_int_eq(symbols_module_state(s, in_scratch("built"), id2, 4), SYMBOLS_OTHER_BUILD);
    ck_assert_int_eq(symbols_module_state(s, in_scratch("built"), id1, 3), SYMBOLS_OTHER_BUILD);
    ck_assert_str_eq(at("built", outer)->function, "outer");

    /* Rebuilt: a new look sees the new id, what was opened before stays. */
    shell("gcc -O1 -g -Wl,--build-id=0x11223355 -o built one.c two.c");
    ck_assert_int_eq(symbols_module_state(s, in_scratch("built"), id1, 4), SYMBOLS_DEBUG);
    struct symbols *later = symbols_new();
    ck_assert_int_eq(symbols_module_state(later, in_scratch("built"), id1, 4), SYMBOLS_OTHER_BUILD);
    ck_assert_int_eq(symbols_module_state(later, in_scratch("built"), id2, 4), SYMBOLS_DEBUG);
    symbols_free(later);

    shell("gcc -O1 -g -Wl,--build-id=none -o noid one.c two.c");
    ck_assert_int_eq(state("noid"), SYMBOLS_DEBUG);
    ck_assert_int_eq(symbols_module_state(s, in_scratch("noid"), id1, 4), SYMBOLS_OTHER_BUILD);
}
END_TEST

START_TEST(a_long_build_id)
{
    uint8_t id[CODE_BUILD_ID_MAX];  /* what code.h keeps of it */
    memset(id, 0xab, sizeof id);
    char hex[81];
    memset(hex, 0, sizeof hex);
    for (int i = 0; i < 80; i += 2)
        memcpy(hex + i, "ab", 2);
    shell("gcc -g -Wl,--build-id=0x%s -o longid one.c two.c", hex);
    ck_assert_int_eq(symbols_module_state(s, in_scratch("longid"), id, sizeof id), SYMBOLS_DEBUG);
}
END_TEST

/* ---- where symbols come from ---- */

START_TEST(table_only)
{
    shell("gcc -O1 -o plain one.c two.c && cp plain bare && strip bare");
    uint64_t outer = nm("plain", "outer");
    const struct symbol_place *p = at("plain", outer + 2);
    ck_assert_int_eq(state("plain"), SYMBOLS_TABLE);
    ck_assert(is(p->function, "outer") && is(p->linkage, "outer") && !p->file && !p->line && !p->inlined);
    ck_assert_int_eq(state("bare"), SYMBOLS_NO_SYMBOLS);
    ck_assert(unknown(at("bare", outer + 2)));
    /* Data, and addresses outside the module, are no code. */
    ck_assert(unknown(at("plain", nm("plain", "__data_start"))));
    ck_assert(unknown(at("plain", 0)));
    ck_assert(unknown(at("plain", UINT64_MAX)));
}
END_TEST

START_TEST(dynamic_table)
{
    shell("g++ -O1 -g -shared -fPIC -o libplus.so plus.cc && gcc -O1 -shared -fPIC -o libtwo.so two.c");
    uint64_t two = nm("libtwo.so", "two"), local = nm("libtwo.so", "unused_or_not");
    shell("strip libtwo.so");
    ck_assert_int_eq(state("libtwo.so"), SYMBOLS_TABLE);
    ck_assert_str_eq(at("libtwo.so", two)->function, "two");
    ck_assert(unknown(at("libtwo.so", local)));     /* not the function before it */
    const char *get = "_ZNK3zoo3boxIiE3getEi";
    const struct symbol_place *p = at("libplus.so", nm("libplus.so", get));
    ck_assert_str_eq(p->function, "zoo::box<int>::get(int) const");
    ck_assert_str_eq(p->linkage, get);
}
END_TEST

struct libc {
    char path[256];
    uint64_t bias;
};

static int find_libc(struct dl_phdr_info *info, size_t bytes, void *to)
{
    struct libc *libc = to;
    const char *base = strrchr(info->dlpi_name, '/');
    if (!base || strncmp(base, "/libc.so", 8))
        return 0;
    snprintf(libc->path, sizeof libc->path, "%s", info->dlpi_name);
    libc->bias = info->dlpi_addr;
    return 1;
}

START_TEST(libc_functions)
{
    static const char *const wanted[] = { "malloc", "free", "calloc", "qsort", "fork", "printf", "pthread_create" };
    struct libc libc;
    ck_assert(dl_iterate_phdr(find_libc, &libc));
    void *handle = dlopen(libc.path, RTLD_NOW);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct symbol_place *p;
        uint64_t address = (uint64_t)(uintptr_t)dlsym(handle, wanted[i]) - libc.bias;
        symbols_resolve(s, libc.path, NULL, 0, address, &p);
        ck_assert_msg(is(p->function, wanted[i]), "%s: %s", wanted[i], p->function);
        ck_assert(!p->file);
    }
    dlclose(handle);
}
END_TEST

/* Splits `name` (built with the flags) into name and name.debug. */
static void split(const char *name, const char *flags)
{
    shell("gcc -O2 -g %s -o %s one.c two.c && objcopy --only-keep-debug %s %s.debug && strip %s",
          flags, name, name, name, name);
}

static void check_split(const char *name, uint64_t outer)
{
    const struct symbol_place *p = at(name, outer);
    ck_assert_msg(state(name) == SYMBOLS_DEBUG, "%s: state %d", name, state(name));
    ck_assert(is(p->function, "outer") && p->line == 11 && strstr(p->file, "one.c"));
}

START_TEST(debug_file_by_link)
{
    split("link1", "");
    uint64_t outer = nm("link1.debug", "outer");
    shell("objcopy --add-gnu-debuglink=link1.debug link1 && cp link1 link2 && cp link1 link3 && cp link1 link4");
    check_split("link1", outer);
    shell("mkdir -p .debug && mv link1.debug .debug/");
    check_split("link2", outer);
    shell("mkdir -p debug%s && mv .debug/link1.debug debug%s/", scratch, scratch);
    check_split("link3", outer);
    shell("rm debug%s/link1.debug", scratch);
    ck_assert_int_eq(state("link4"), SYMBOLS_NO_SYMBOLS);
    check_split("link1", outer);    /* opened before */
}
END_TEST

START_TEST(debug_file_by_build_id)
{
    split("byid", "-Wl,--build-id=0xfeedc0de");
    uint64_t outer = nm("byid.debug", "outer");
    shell("mkdir -p debug/.build-id/fe && mv byid.debug debug/.build-id/fe/edc0de.debug");
    check_split("byid", outer);
    /* A file of that name with another build-id inside is refused. */
    shell("gcc -O0 -g -Wl,--build-id=0xfeedc0df -o wrong one.c two.c && "
          "cp wrong debug/.build-id/fe/edc0de.debug && cp byid byid2");
    ck_assert_int_eq(state("byid2"), SYMBOLS_NO_SYMBOLS);
}
END_TEST

START_TEST(debug_file_by_checksum)
{
    split("crc", "-Wl,--build-id=none");
    uint64_t outer = nm("crc.debug", "outer");
    shell("objcopy --add-gnu-debuglink=crc.debug crc && cp crc crc2");
    check_split("crc", outer);
    shell("printf x >> crc.debug");
    ck_assert_int_eq(state("crc2"), SYMBOLS_NO_SYMBOLS);
}
END_TEST

START_TEST(packed_symbol_table)
{
    if (!have_tool("xz"))
        return;
    shell("gcc -O1 -o mini one.c two.c && objcopy --only-keep-debug mini mini.only && "
          "xz -k mini.only && cp mini mini.full && strip mini && "
          "objcopy --add-section .gnu_debugdata=mini.only.xz mini");
    uint64_t recursive = nm("mini.full", "outer");
    ck_assert_str_eq(at("mini", recursive)->function, "outer");
    ck_assert_int_eq(state("mini"), SYMBOLS_TABLE);
    shell("head -c 700 mini.only.xz > torn.xz && cp mini.full mini2 && strip mini2 && "
          "objcopy --add-section .gnu_debugdata=torn.xz mini2");
    ck_assert_int_eq(state("mini2"), SYMBOLS_NO_SYMBOLS);
}
END_TEST

/* ---- what a symbol covers ---- */

START_TEST(sizes_and_gaps)
{
    write_text("gaps.s",
        ".text\n"
        ".globl sized\n.type sized,@function\nsized: nop\n nop\n nop\n nop\n.size sized, 4\n"
        ".skip 12\n"
        ".globl sized2\n.type sized2,@function\n.weak __alias\n.set __alias, sized2\nlabel2:\n"
        "sized2: nop\ninner: nop\n nop\n nop\n.size sized2, 4\n"
        ".skip 4\n"
        ".globl bare\nbare: nop\n nop\n nop\n.skip 5\n"
        ".globl after\n.type after,@function\nafter: nop\n nop\n.size after, 2\n.skip 6\n"
        ".globl aafter\n.set aafter, after\n.type aafter,@notype\n.size aafter, 2\n"
        ".type aanest,@function\n.set aanest, nest\n.size aanest, 6\n"
        ".globl nest\n.type nest,@function\nnest: nop\n nop\n"
        ".type nested,@function\nnested: nop\n nop\n.size nested, 2\n nop\n nop\n.size nest, 6\n.skip 2\n"
        ".globl _start\n.type _start,@function\n_start: ret\n"
        ".section .other,\"ax\"\n.skip 8\n.globl late\nlate: ret\n");
    shell("gcc -nostdlib -static -o gaps gaps.s");
    uint64_t sized = nm("gaps", "sized");
    static const struct { int offset; const char *function; } wanted[] = {
        { 0, "sized" }, { 3, "sized" }, { 4, NULL }, { 15, NULL },
        { 16, "sized2" }, { 17, "sized2" }, { 19, "sized2" },
        { 24, "bare" }, { 31, "bare" }, { 32, "after" }, { 34, NULL },
        { 40, "nest" }, { 42, "nested" }, { 43, "nested" }, { 44, "nest" }, { 46, NULL },
        { 48, "_start" },   /* aafter is no function, aanest is local */
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct symbol_place *p = at("gaps", sized + (uint64_t)wanted[i].offset);
        ck_assert_msg(wanted[i].function ? is(p->function, wanted[i].function) : unknown(p),
                      "+%d: %s, not %s", wanted[i].offset, p->function, wanted[i].function);
    }
    /* A symbol without a size ends with its section. */
    uint64_t late = nm("gaps", "late");
    ck_assert_str_eq(at("gaps", late)->function, "late");
    ck_assert(unknown(at("gaps", late - 1)));
}
END_TEST

/* All stubs of a program by objdump ("… <puts@plt>:") against ours. */
static void check_plt(const char *program, size_t least)
{
    char *line = NULL, name[256];
    size_t bytes = 0, n = 0;
    shell("objdump -d -j .plt -j .plt.sec -j .plt.got %s | grep '@plt>:$' > stubs", program);
    FILE *f = fopen(in_scratch("stubs"), "r");
    while (getline(&line, &bytes, f) > 0) {
        unsigned long address;
        ck_assert_int_eq(sscanf(line, "%lx <%255[^>]", &address, name), 2);
        if (strchr(name, '+') || name[0] == '*')
            continue;
        char *version = strstr(name, "@plt");
        version[4] = 0;
        const struct symbol_place *p = at(program, address);
        ck_assert_msg(is(p->function, name), "%s %#lx: %s, not %s", program, address, p->function, name);
        ck_assert_ptr_eq(at(program, address + 5), at(program, address + 5));
        n++;
    }
    fclose(f);
    free(line);
    ck_assert_msg(n >= least, "%s: only %zu stubs", program, n);
}

/* Stubs in two sections: the lazy half has no name in objdump, but goes in the
 * order of the other one. */
START_TEST(plt_in_two_halves)
{
    char line[256], name[256];
    unsigned long first = 0, address;
    shell("gcc -O1 -Wl,-z,lazy -Wl,-z,ibtplt -o halves one.c two.c && readelf -SW halves | "
          "sed -n 's/.*[] ]\\.plt *PROGBITS *\\([0-9a-f]*\\).*/\\1/p' > start");
    check_plt("halves", 3);
    FILE *f = fopen(in_scratch("start"), "r");
    ck_assert_int_eq(fscanf(f, "%lx", &first), 1);
    fclose(f);
    ck_assert(unknown(at("halves", first)));    /* the common end of all lazy stubs */
    shell("objdump -d -j .plt.sec -j .plt.bnd halves | grep '@plt>:$' > stubs");
    f = fopen(in_scratch("stubs"), "r");
    for (unsigned long i = 1; fgets(line, sizeof line, f); i++) {
        ck_assert_int_eq(sscanf(line, "%lx <%255[^>]", &address, name), 2);
        ck_assert_msg(is(at("halves", first + 16 * i)->function, name), "%lu: %s, not %s", i,
                      at("halves", first + 16 * i)->function, name);
    }
    fclose(f);

    /* As linkers wrote it while there was MPX: "bnd jmp", a byte longer. */
    size_t bytes;
    uint8_t *file = read_file("halves", &bytes);
    for (size_t i = 0; i + 11 < bytes; i++) {
        int32_t distance;
        if (memcmp(file + i, "\xf3\x0f\x1e\xfa\xff\x25", 6))
            continue;
        memcpy(&distance, file + i + 6, 4);
        distance--;
        memcpy(file + i + 4, "\xf2\xff\x25", 3);
        memcpy(file + i + 7, &distance, 4);
    }
    write_file("bnd", file, bytes);
    free(file);
    check_plt("bnd", 3);
}
END_TEST

START_TEST(plt_stubs)
{
    static const char *const flags[] = {
        "-Wl,-z,lazy", "-Wl,-z,now", "-fcf-protection -Wl,-z,lazy -Wl,-z,ibtplt", "-no-pie -Wl,-z,lazy",
        "-fno-plt -Wl,-z,lazy",
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        char name[16];
        snprintf(name, sizeof name, "plt%zu", i);
        shell("gcc -O1 %s -o %s one.c two.c", flags[i], name);
        if (i + 1 < sizeof flags / sizeof *flags)
            check_plt(name, 3);
        shell("strip %s -o %s.bare", name, name);
        symbols_module_state(s, in_scratch(name), NULL, 0);
    }
    check_plt("plt0.bare", 3);
    ck_assert_int_eq(state("plt0.bare"), SYMBOLS_NO_SYMBOLS);
    if (have_tool("ld.lld") && shell_ok("gcc -O1 -fuse-ld=lld -o plt.lld one.c two.c"))
        check_plt("plt.lld", 3);
}
END_TEST

/* The line table counts padding to the function before it; we do not. */
START_TEST(padding_with_debug_information)
{
    shell("gcc -O1 -g -falign-functions=64 -shared -o padded.so two.c");
    uint64_t two = nm("padded.so", "two");
    ck_assert_str_eq(at("padded.so", two)->function, "two");
    ck_assert(unknown(at("padded.so", two - 1)));
    ck_assert(unknown(at("padded.so", nm("padded.so", "never_called") - 1)) ||
              unknown(at("padded.so", nm("padded.so", "unused_or_not") - 1)));
}
END_TEST

/* What --gc-sections threw away keeps its debug information, at address 0 and on. */
START_TEST(dead_code)
{
    write_text("dead.c", "void dead(void)\n{\n    __asm__(\".skip 0x4000, 0x90\");\n}\n"
                         "int main(int argc, char **argv)\n{\n    return argc * 3;\n}\n"
                         "void dead2(void)\n{\n    __asm__(\".skip 0x5000, 0x90\");\n}\n");
    for (int version = 4; version < 6; version++) {
        shell("gcc -O1 -gdwarf-%d -ffunction-sections -Wl,--gc-sections -o dead dead.c && cp dead dead%d",
              version, version);
        const char *program = version == 4 ? "dead4" : "dead5";
        uint64_t main_address = nm(program, "main");
        ck_assert_uint_lt(main_address, 0x4000);
        const struct symbol_place *p = at(program, main_address);
        ck_assert(is(p->function, "main") && p->line == 7);
    }
}
END_TEST

/* Units without a range of their own: their functions tell. */
START_TEST(unit_without_ranges)
{
    shell("gcc -O1 -gdwarf-4 -dA -S -o norange.s two.c && "
          "sed -i '/DW_TAG_compile_unit/,/DW_AT_stmt_list/ { s/uleb128 0x11\\(.*DW_AT_low_pc\\)/uleb128 0x3e01\\1/; "
          "s/uleb128 0x12\\(.*DW_AT_high_pc\\)/uleb128 0x3e02\\1/ }' norange.s && "
          "grep -q 0x3e02 norange.s && gcc -shared -o norange.so norange.s");
    const struct symbol_place *p = at("norange.so", nm("norange.so", "two"));
    ck_assert(is(p->function, "two") && p->line == 12 && strstr(p->file, "two.c"));
}
END_TEST

/* ---- frames and the cache ---- */

START_TEST(frames)
{
    write_text("call.c", "void f(void);\n__attribute__((noinline)) void f(void)\n{\n    __asm__(\"\");\n}\n"
                         "int main(void)\n{\n    f();\n    f();\n    return 0;\n}\n");
    shell("gcc -O0 -g -o call call.c && objdump -d call | awk 'after { print \"0x\" $1; } { after = /call.*<f>/ }' > returns");
    FILE *f = fopen(in_scratch("returns"), "r");
    unsigned long first, second;
    ck_assert_int_eq(fscanf(f, "%lx: %lx", &first, &second), 2);
    fclose(f);
    struct code_module m = { .path = (char *)in_scratch("call") };
    struct code_frame frame = { .module = 1, .offset = first };
    const struct symbol_place *p;
    ck_assert_uint_eq(symbols_frame(s, &m, &frame, &p), 1);
    ck_assert(is(p->function, "main") && p->line == 8);
    frame.flags = CODE_FRAME_EXACT;     /* the address itself: the next statement */
    symbols_frame(s, &m, &frame, &p);
    ck_assert(is(p->function, "main") && p->line == 9);
    frame = (struct code_frame){ .module = 1, .offset = second };
    symbols_frame(s, &m, &frame, &p);
    ck_assert_uint_eq(p->line, 9);

    frame.flags = CODE_FRAME_TRUNCATED;
    ck_assert_uint_eq(symbols_frame(s, &m, &frame, &p), 1);
    ck_assert(unknown(p));
    frame = (struct code_frame){ .offset = 0 };
    ck_assert_uint_eq(symbols_frame(s, NULL, &frame, &p), 1);
    ck_assert(unknown(p));
    ck_assert_uint_eq(symbols_frame(s, &m, &frame, &p), 1);
    ck_assert(unknown(p));
    m.path = (char *)"";
    ck_assert_uint_eq(symbols_frame(s, &m, &frame, &p), 1);
    ck_assert(unknown(p));
}
END_TEST

START_TEST(cache)
{
    shell("gcc -O1 -g -o cached one.c two.c");
    uint64_t outer = nm("cached", "outer");
    const struct symbol_place *first = at("cached", outer);
    struct symbol_place copy = *first;
    for (uint64_t a = 0; a < 0x4000; a++)
        at("cached", a);
    for (int i = 0; i < 500; i++) {     /* many modules, all absent */
        char name[32];
        snprintf(name, sizeof name, "absent%d", i);
        ck_assert(unknown(at(name, outer)));
    }
    ck_assert_ptr_eq(at("cached", outer), first);
    ck_assert_mem_eq(&copy, first, sizeof copy);
    shell("rm cached");
    ck_assert_ptr_eq(at("cached", outer), first);
    ck_assert_str_eq(first->function, "outer");
}
END_TEST

int main(void)
{
    scratch_begin("symbols");
    Suite *suite = suite_create("symbols");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 120);
    tcase_add_unchecked_fixture(files, write_sources, NULL);
    tcase_add_checked_fixture(files, setup, teardown);
    tcase_add_test(files, no_file);
    tcase_add_test(files, other_builds);
    tcase_add_test(files, a_long_build_id);
    tcase_add_test(files, table_only);
    tcase_add_test(files, dynamic_table);
    tcase_add_test(files, libc_functions);
    tcase_add_test(files, debug_file_by_link);
    tcase_add_test(files, debug_file_by_build_id);
    tcase_add_test(files, debug_file_by_checksum);
    tcase_add_test(files, packed_symbol_table);
    tcase_add_test(files, sizes_and_gaps);
    tcase_add_test(files, plt_stubs);
    tcase_add_test(files, plt_in_two_halves);
    tcase_add_test(files, dead_code);
    tcase_add_test(files, padding_with_debug_information);
    tcase_add_test(files, unit_without_ranges);
    tcase_add_test(files, frames);
    tcase_add_test(files, cache);
    suite_add_tcase(suite, files);

    int status = suite_run(suite);
    scratch_end(status && getenv("KEEP"));
    return status;
}
