/*
 * preload/unwind_expression.h - DWARF expressions of unwind rules.
 *
 * Private to preload/unwind*.c; runs in the traced thread, off the usual path.
 * An expression is evaluated with registers, reading memory as it goes; or
 * without, to see whether it is simply a register plus a number (the rule of a
 * PLT entry is), which can then be cached like any other rule.
 */
#ifndef PRELOAD_UNWIND_EXPRESSION_H
#define PRELOAD_UNWIND_EXPRESSION_H

#include "preload/unwind_cfi.h"

struct unwind_registers {
    uint64_t value[CFI_REGISTERS];
    uint32_t known;            /* bit n: register n has its true value */
};

enum { EXPRESSION_NUMBER = 0xff };

/* `value`, or register `base` + `value`. */
struct expression_term {
    uint64_t value;
    unsigned base;
};

struct expression_input {
    const struct unwind_registers *registers; /* NULL: terms may hold a base, no memory is read */
    uint64_t pc;               /* without registers: what rip is */
    uint32_t used;             /* out: registers asked for */
    struct unwind_memory *m;   /* for its proven ranges */
    struct unwind_walk *log;   /* where words read are appended as EXTRA, or NULL */
};

/* Reads a word for a rule, and logs it. 0 or -EFAULT. */
int expression_read(struct expression_input *in, uint64_t address, uint64_t *value, unsigned meta);
/* Runs it on a stack that holds *initial, or nothing if that is NULL.
 * 0; -EINVAL: makes no sense or is not simple enough; -EAGAIN: needs a
 * register that is not known; -EFAULT: reads where nothing is. */
int expression_run(struct cfi_cursor c, struct expression_input *in, const uint64_t *initial, struct expression_term *result);

#endif
