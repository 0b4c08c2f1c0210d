/*
 * collector/serve/policy_born.c - the filter of the blocks that lived before a policy: made
 * of the graph when nothing is on its way to it any more. Ingest thread.
 *
 * 16 bits a block, of which 4 are set: fewer than one in a hundred other addresses pass. Where there is no
 * room for that it is made smaller, and passes more of them.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "serve/policy_state.h"

enum { BLOCKS_A_WORD = 4, BLOCKS_A_WORD_MOST = 16 };

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

enum born_made born_make(struct policy *p)
{
    struct policy_born b = {.n = 1, .serial = p->gate / WIRE_GATE_SERIAL};
    uint64_t blocks = 0;
    if (!p->host.live(p->host.context, NULL, NULL, &blocks))
        return BORN_LATER;
    born_clear(&p->born);
    if (!blocks)
        return BORN_MADE;
    while (b.n * BLOCKS_A_WORD < blocks && b.n < p->born_words_most)
        b.n *= 2;
    if (b.n * BLOCKS_A_WORD_MOST < blocks)
        return BORN_TOO_MANY;
    b.words = xcalloc(b.n, sizeof *b.words);
    if (!p->host.live(p->host.context, born_add, &b, &blocks)) {
        free(b.words);
        return BORN_LATER;
    }
    p->born = b;
    return BORN_MADE;
}
