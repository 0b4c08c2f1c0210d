/*
 * tests/unit/test_symbols_damage.c - files that are no programs, torn or
 * damaged: no crash (a sanitizer's build sees more), no wrong name, an end.
 */
#include "symbols_ask.h"
#include "suite.h"

static size_t visit(const char *name)
{
    struct symbols *fresh = symbols_new();
    const struct symbol_place *p;
    size_t sum = 0;
    symbols_debug_dir(fresh, in_scratch("debug"));
    for (uint64_t a = 0x1000; a < 0x1800; a += 7) {
        size_t n = symbols_resolve(fresh, in_scratch(name), NULL, 0, a, &p);
        for (size_t i = 0; i < n; i++) {
            sum += p[i].function ? strlen(p[i].function) : 0;
            sum += p[i].linkage ? strlen(p[i].linkage) : 0;
            sum += p[i].file ? strlen(p[i].file) : 0;
        }
    }
    symbols_free(fresh);
    return sum;
}

START_TEST(garbage)
{
    uint8_t noise[4096];
    srandom(7);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)random();
    write_file("noise", noise, sizeof noise);
    ck_assert_int_eq(state("noise"), SYMBOLS_OTHER_BUILD);
    ck_assert(unknown(at("noise", 0x1000)));
    memcpy(noise, "\177ELF\2\1\1", 8);
    write_file("noisy", noise, sizeof noise);
    ck_assert_uint_eq(visit("noisy"), 0);
    write_file("empty", noise, 0);
    ck_assert_uint_eq(visit("empty"), 0);
    shell("gcc -g -c -o object.o two.c && ar cr archive.a object.o");
    ck_assert_int_eq(state("object.o"), SYMBOLS_OTHER_BUILD);
    ck_assert_int_eq(state("archive.a"), SYMBOLS_OTHER_BUILD);
}
END_TEST

START_TEST(truncated_at_any_length)
{
    shell("gcc -O2 -g -o whole one.c two.c");
    size_t bytes;
    uint8_t *whole = read_file("whole", &bytes);
    ck_assert_uint_gt(visit("whole"), 1000);
    for (size_t n = 0; n < bytes; n += n < 256 ? 1 : 97) {
        write_file("torn", whole, n);
        visit("torn");
    }
    free(whole);
}
END_TEST

/* Where the interesting sections of an ELF file lie. */
static size_t sections(uint8_t *file, size_t bytes, size_t (*at_bytes)[2], size_t max)
{
    size_t n = 0;
    elf_version(EV_CURRENT);
    Elf *e = elf_memory((char *)file, bytes);
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(e, scn)) && n < max;) {
        GElf_Shdr h;
        gelf_getshdr(scn, &h);
        if (h.sh_type == SHT_NOBITS || !h.sh_size || (h.sh_flags & SHF_EXECINSTR))
            continue;
        at_bytes[n][0] = h.sh_offset;
        at_bytes[n++][1] = h.sh_size;
    }
    elf_end(e);
    return n;
}

/* The last string of .debug_info runs to the section's very end. */
START_TEST(text_without_end)
{
    static const char source[] =
        ".file 1 \"x.s\"\n.text\n.globl f\n.type f,@function\nf: .loc 1 7\n nop\n nop\n nop\n ret\n.size f, 4\n"
        ".section .debug_line,\"\",@progbits\nline:\n"
        ".section .debug_abbrev,\"\",@progbits\nabbrev: .uleb128 1, 0x11\n.byte 0\n"
        ".uleb128 0x11, 1, 0x12, 7, 0x10, 0x17, 0x1b, 8, 0, 0\n.byte 0\n"
        ".section .debug_info,\"\",@progbits\n.long end - start\nstart: .short 4\n.long abbrev\n.byte 8\n"
        ".uleb128 1\n.quad f, 4\n.long line\n%s\nend:\n";
    char text[2000];
    for (int ends = 0; ends < 2; ends++) {
        snprintf(text, sizeof text, source, ends ? ".asciz \"/where\"" : ".ascii \"/where\"");
        write_text("end.s", text);
        shell("gcc -gdwarf-4 -shared -nostdlib -o end%d.so end.s", ends);
    }
    const struct symbol_place *p = at("end1.so", nm("end1.so", "f"));
    ck_assert(is(p->function, "f") && is(p->file, "/where/x.s") && p->line == 7);
    p = at("end0.so", nm("end0.so", "f"));
    ck_assert(is(p->function, "f") && !p->file);
}
END_TEST

START_TEST(bits_flipped)
{
    static const char *const flags[] = { "-gdwarf-5", "-gdwarf-4", "-gdwarf-5 -gz" };
    size_t bytes, where[64][2];
    shell("gcc -O2 %s -o sound one.c two.c", flags[_i]);
    uint8_t *sound = read_file("sound", &bytes), *damaged = malloc(bytes);
    size_t n = sections(sound, bytes, where, 64);
    srandom((unsigned)_i + 1);
    for (int round = 0; round < 400; round++) {
        memcpy(damaged, sound, bytes);
        for (long k = random() % 12; k >= 0; k--) {
            const size_t *w = where[(size_t)random() % n];
            size_t i = random() % 16 ? w[0] + (size_t)random() % w[1] : (size_t)random() % bytes;
            damaged[i] = random() % 2 ? (uint8_t)random() : (uint8_t)(damaged[i] ^ (1 << random() % 8));
        }
        write_file("damaged", damaged, bytes);
        visit("damaged");
    }
    free(sound);
    free(damaged);
}
END_TEST

int main(void)
{
    scratch_begin("damage");
    Suite *suite = suite_create("symbols_damage");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 120);
    tcase_add_unchecked_fixture(files, write_sources, NULL);
    tcase_add_checked_fixture(files, setup, teardown);
    tcase_add_test(files, garbage);
    tcase_add_test(files, truncated_at_any_length);
    tcase_add_test(files, text_without_end);
    tcase_add_loop_test(files, bits_flipped, 0, 3);
    suite_add_tcase(suite, files);

    int status = suite_run(suite);
    scratch_end(status && getenv("KEEP"));
    return status;
}
