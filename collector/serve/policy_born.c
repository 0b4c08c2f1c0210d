/*
 * collector/serve/policy_born.c - the filter of the blocks that lived before a policy: made
 * of the graph when nothing is on its way to it any more. Ingest thread.
 *
 * 16 bits a block: one address in a hundred and fifty that is not in it passes.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "serve/policy_state.h"

enum { BITS_EACH = 16, BLOCKS_A_WORD = 64 / BITS_EACH };

static void born_add(void *born, uint64_t address)
{
    struct policy_born *b = born;
    uint64_t hash = wire_born_hash(address);
    b->words[wire_born_word(hash, b->n)] |= wire_born_bits(hash);
}

void born_clear(struct policy_born *b)
{
    free(b->words);
    *b = (struct policy_born){0};
}

bool born_make(struct policy *p)
{
    struct policy_born b = {.n = 1, .serial = p->gate / WIRE_GATE_SERIAL};
    uint64_t blocks = 0;
    if (!p->host.live(p->host.context, NULL, NULL, &blocks))
        return false;
    born_clear(&p->born);
    if (!blocks)
        return true;
    while (b.n * BLOCKS_A_WORD < blocks)
        b.n *= 2;
    b.words = xcalloc(b.n, sizeof *b.words);
    if (!p->host.live(p->host.context, born_add, &b, &blocks)) {
        free(b.words);
        return false;
    }
    p->born = b;
    return true;
}
