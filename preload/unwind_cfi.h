/*
 * preload/unwind_cfi.h - the unwind rules of one address, from .eh_frame.
 *
 * Private to preload/unwind*.c; runs in the traced thread on the rule-building
 * path: no lock, no heap, no call into the loader but _dl_find_object. What a
 * module brings is input: every read lies inside the readable segment that
 * holds its tables, and a program that makes no sense gives no rules.
 */
#ifndef PRELOAD_UNWIND_CFI_H
#define PRELOAD_UNWIND_CFI_H

#include "preload/unwind_memory.h"

/* DWARF numbers of x86-64's registers. */
enum { CFI_RBX = 3, CFI_RBP = 6, CFI_RSP = 7, CFI_RIP = 16, CFI_REGISTERS = 17 };

enum cfi_how {
    CFI_SAME = 0,         /* no rule: unchanged */
    CFI_UNDEFINED,
    CFI_OFFSET,           /* saved at CFA + value */
    CFI_VAL_OFFSET,       /* is CFA + value */
    CFI_REGISTER,         /* is in register `value` */
    CFI_EXPRESSION,       /* saved at what the expression gives */
    CFI_VAL_EXPRESSION    /* is what the expression gives */
};

enum cfi_cfa { CFI_CFA_NONE = 0, CFI_CFA_REGISTER, CFI_CFA_EXPRESSION };

/* The rules at one address. An expression is the offset of its length in the
 * segment of its tables. */
struct cfi_row {
    uint8_t cfa_how, cfa_register;
    uint8_t signal;            /* a signal frame: the next pc is exact */
    uint8_t how[CFI_REGISTERS];
    int32_t cfa_value;         /* offset or expression */
    int32_t value[CFI_REGISTERS];
};

/* A module's unwind tables: the readable segment that holds them. */
struct cfi_tables {
    const uint8_t *low, *high;
    const uint8_t *header;     /* .eh_frame_hdr */
};

/* Bytes still to be parsed; `bad` sticks once something lay outside. */
struct cfi_cursor {
    const uint8_t *at, *end;
    bool bad;
};

uint64_t cursor_fixed(struct cfi_cursor *c, unsigned bytes);
uint64_t cursor_uleb(struct cfi_cursor *c);
int64_t cursor_sleb(struct cfi_cursor *c);

/* The expression at an offset that a row gave: bad if it lies outside. */
struct cfi_cursor cfi_expression(const struct cfi_tables *t, int32_t offset);

/* The row that holds at `key` (a return address less one, or an exact pc).
 * 0; -ENOENT: no rules; -EINVAL: rules that make no sense. */
int cfi_row_at(const struct cfi_tables *t, uint64_t key, struct cfi_row *row);
/* Does a function with rules begin at this very address? */
bool cfi_begins(const struct cfi_tables *t, uint64_t address);

#endif
