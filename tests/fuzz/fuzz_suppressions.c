/*
 * tests/fuzz/fuzz_suppressions.c - libFuzzer target: any bytes as a suppression
 * file. It parses or says in one line what is wrong; what parses is held
 * against findings of every rule, use and role.
 */
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "export/suppressions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void must(int truth)
{
    if (!truth)
        abort();
}

static const struct frame_place places[] = {
    { .function = "space::release<char>(char*)", .linkage = "_ZN5space7releaseIcEEvPT_", .module = "/opt/lib/libspace.so.3",
      .file = "/src/space/release.cc", .line = 12, .inlined = true },
    { .function = "middle", .linkage = "middle", .module = "/opt/app", .file = "app.c", .line = 7 },
    { .module = "/opt/bare.so", .offset = 99 }, { .offset = 1 }, { .function = "main", .module = "/opt/app" },
    { .function = "clone3", .outer = true }, { .function = "[truncated]", .truncated = true } };

static void match_all(const struct suppressions *s)
{
    struct suppression_stack stacks[2 * EVIDENCES];
    struct suppression_subject f = { .stacks = stacks, .n = 2 * EVIDENCES };
    for (unsigned i = 0; i < f.n; i++)
        stacks[i] = (struct suppression_stack){ .role = (uint8_t)(i % EVIDENCES), .places = places + i % 3, .n = i % 6 };
    for (unsigned rule = 0; rule < RULES; rule++)
        for (unsigned use = 0; use <= USE_THREAD; use++) {
            f.rule = (uint8_t)rule;
            f.use = (uint8_t)use;
            f.family = f.made_family = (uint8_t)(rule + use);
            f.leak_kind = (uint8_t)(1u << use % 4);
            must(suppressions_match(s, &f) <= suppressions_count(s));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct suppressions *s = suppressions_new();
    char *error = NULL;
    int failed = suppressions_parse(s, "f", (const char *)data, bytes, &error);
    must(failed ? error != NULL && !strchr(error, '\n') : !error);
    for (size_t i = 0; i < suppressions_count(s); i++) {
        unsigned line;
        must(suppression_name(s, i) && suppression_file(s, i, &line) && line > 0);
    }
    if (bytes < 4096)
        match_all(s);
    suppressions_free(s);
    free(error);
    return 0;
}
