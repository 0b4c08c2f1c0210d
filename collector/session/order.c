/*
 * collector/session/order.c - see order.h. Ingest thread.
 */
#include "session/order.h"

#include <stdlib.h>

#include "event/xalloc.h"

void order_free(struct order *o)
{
    free(o->heads);
    *o = (struct order){0};
}

void order_push(struct order *o, struct order_head head)
{
    size_t i = o->count++;
    o->heads = xgrow(o->heads, &o->capacity, o->count, sizeof *o->heads);
    for (; i > 0 && order_before(&head, &o->heads[(i - 1) / 2]); i = (i - 1) / 2)
        o->heads[i] = o->heads[(i - 1) / 2];
    o->heads[i] = head;
}

void order_replace_top(struct order *o, struct order_head head)
{
    size_t i = 0, child;
    while ((child = 2 * i + 1) < o->count) {
        if (child + 1 < o->count && order_before(&o->heads[child + 1], &o->heads[child]))
            child++;
        if (!order_before(&o->heads[child], &head))
            break;
        o->heads[i] = o->heads[child];
        i = child;
    }
    o->heads[i] = head;
}

void order_pop(struct order *o)
{
    struct order_head last = o->heads[--o->count];
    if (o->count)
        order_replace_top(o, last);
}

struct order_head order_second(const struct order *o)
{
    if (o->count < 2)
        return (struct order_head){UINT64_MAX, WIRE_PAD, UINT32_MAX};
    if (o->count > 2 && order_before(&o->heads[2], &o->heads[1]))
        return o->heads[2];
    return o->heads[1];
}
