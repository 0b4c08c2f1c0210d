/*
 * tests/fuzz/fuzz_state.c - libFuzzer target: states as checkpoints have them.
 *
 * The first byte chooses one of some graphs, or (255) that the rest are the
 * bytes of a state as they stand. Else each five bytes after it change a number
 * of that graph's save: three say where, two what it becomes. What is loaded for
 * all that folds on (tests/unit/archive_damage.h).
 */
#include "tests/unit/archive_damage.h"

enum { CHANGES_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    const struct damage_base *base = damage_base(data[0]);
    if (data[0] == 255) {
        damage_load(data + 1, size - 1, base->code, 0, size);
        return 0;
    }
    uint8_t *bytes = xmalloc(base->n + 10 * CHANGES_MAX);
    size_t n = base->n;
    memcpy(bytes, base->bytes, n);
    for (size_t i = 1, changes = 0; i + 5 <= size && changes < CHANGES_MAX; i += 5, changes++) {
        uint64_t v = data[i + 3] | (uint64_t)(data[i + 4] & 63) << 8;
        v = data[i + 4] >> 6 == 3 ? v << 40 : data[i + 4] >> 6 == 2 ? v << 18 : v;
        n = damage_number(bytes, n, (data[i] | data[i + 1] << 8 | data[i + 2] << 16) % n, v);
    }
    damage_load(bytes, n, base->code, data[0], size);
    free(bytes);
    return 0;
}
