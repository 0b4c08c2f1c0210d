/*
 * preload/unwind_cfi.c - parses .eh_frame_hdr, .eh_frame and CFA programs.
 *
 * See preload/unwind_cfi.h. The search goes through the header's sorted table
 * where there is one, else along .eh_frame.
 */
#if defined(__x86_64__)
#include "preload/unwind_cfi.h"

#include <errno.h>

enum {
    PE_OMIT = 0xff, PE_FORMAT = 0x0f, PE_RELATIVE = 0x70, PE_PCREL = 0x10, PE_DATAREL = 0x30,
    PE_FUNCREL = 0x40, PE_ALIGNED = 0x50, PE_INDIRECT = 0x80, PE_TABLE = 0x3b
};
enum { SAVED_ROWS = 6 };

/* One function's entry and what its CIE says. */
struct cfi_entry {
    uint64_t begin, end;              /* addresses covered */
    struct cfi_cursor initial, program;
    uint64_t code_align;
    int64_t data_align;
    uint8_t encoding, signal, augmented;
};

/* A CFA program being run. */
struct cfi_machine {
    const struct cfi_tables *tables;
    const struct cfi_entry *entry;
    struct cfi_row *row;
    struct cfi_row initial;           /* after the CIE's program, for DW_CFA_restore */
    struct cfi_row saved[SAVED_ROWS];
    unsigned depth;
    uint64_t location, key;
};

uint64_t cursor_fixed(struct cfi_cursor *c, unsigned bytes)
{
    uint64_t v = 0;
    if (c->bad || (uint64_t)(c->end - c->at) < bytes) {
        c->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)c->at[i] << (8 * i);
    c->at += bytes;
    return v;
}

static void cursor_skip(struct cfi_cursor *c, uint64_t bytes)
{
    if (c->bad || (uint64_t)(c->end - c->at) < bytes)
        c->bad = true;
    else
        c->at += bytes;
}

static uint64_t cursor_leb(struct cfi_cursor *c, unsigned *shift, uint8_t *last)
{
    uint64_t v = 0;
    *shift = 0;
    do {
        *last = (uint8_t)cursor_fixed(c, 1);
        if (*shift < 64)
            v |= (uint64_t)(*last & 0x7f) << *shift;
        *shift += 7;
    } while (*last & 0x80 && !c->bad && *shift < 140);
    return v;
}

uint64_t cursor_uleb(struct cfi_cursor *c)
{
    unsigned shift;
    uint8_t last;
    return cursor_leb(c, &shift, &last);
}

int64_t cursor_sleb(struct cfi_cursor *c)
{
    unsigned shift;
    uint8_t last;
    uint64_t v = cursor_leb(c, &shift, &last);
    if (shift < 64 && last & 0x40)
        v |= ~(uint64_t)0 << shift;
    return (int64_t)v;
}

/* A number in a DW_EH_PE format, nothing added. */
static uint64_t cursor_number(struct cfi_cursor *c, unsigned encoding)
{
    switch (encoding & PE_FORMAT) {
    case 0x0: case 0x4: case 0xc: return cursor_fixed(c, 8);
    case 0x1: return cursor_uleb(c);
    case 0x2: return cursor_fixed(c, 2);
    case 0x3: return cursor_fixed(c, 4);
    case 0x9: return (uint64_t)cursor_sleb(c);
    case 0xa: return (uint64_t)(int64_t)(int16_t)cursor_fixed(c, 2);
    case 0xb: return (uint64_t)(int64_t)(int32_t)cursor_fixed(c, 4);
    }
    c->bad = true;
    return 0;
}

/* A pointer in a DW_EH_PE encoding. */
static uint64_t cursor_pointer(struct cfi_cursor *c, unsigned encoding, const struct cfi_tables *t, uint64_t function)
{
    uint64_t here = (uint64_t)c->at;
    if (encoding & PE_INDIRECT)
        c->bad = true;
    switch (encoding & PE_RELATIVE) {
    case 0: return cursor_number(c, encoding);
    case PE_PCREL: return here + cursor_number(c, encoding);
    case PE_DATAREL: return (uint64_t)t->header + cursor_number(c, encoding);
    case PE_FUNCREL: return function + cursor_number(c, encoding);
    case PE_ALIGNED:
        cursor_skip(c, -here & 7);
        return cursor_fixed(c, 8);
    }
    c->bad = true;
    return 0;
}

static struct cfi_cursor cursor_at(const struct cfi_tables *t, uint64_t address)
{
    bool inside = address >= (uint64_t)t->low && address < (uint64_t)t->high;
    return (struct cfi_cursor){inside ? (const uint8_t *)address : t->high, t->high, !inside};
}

struct cfi_cursor cfi_expression(const struct cfi_tables *t, int32_t offset)
{
    struct cfi_cursor c = cursor_at(t, (uint64_t)t->low + (uint32_t)offset);
    uint64_t bytes = cursor_uleb(&c);
    if (!c.bad && bytes <= (uint64_t)(c.end - c.at))
        c.end = c.at + bytes;
    else
        c.bad = true;
    return c;
}

/* Enters a CIE or FDE: the cursor ends with it. False at the list's end. */
static bool entry_open(struct cfi_cursor *c)
{
    uint64_t bytes = cursor_fixed(c, 4);
    if (bytes == 0xffffffff)
        bytes = cursor_fixed(c, 8);
    if (c->bad || !bytes || bytes > (uint64_t)(c->end - c->at))
        return false;
    c->end = c->at + bytes;
    return true;
}

static void cie_augmentation(struct cfi_cursor *c, const struct cfi_tables *t, struct cfi_cursor letters, struct cfi_entry *e)
{
    e->encoding = 0;
    e->signal = e->augmented = 0;
    if (letters.at == letters.end)
        return;
    if (cursor_fixed(&letters, 1) != 'z') {  /* without its size it cannot be stepped over */
        c->bad = true;
        return;
    }
    e->augmented = 1;
    uint64_t bytes = cursor_uleb(c);
    struct cfi_cursor data = *c;
    cursor_skip(c, bytes);
    while (letters.at < letters.end && !data.bad) {
        unsigned encoding;
        switch (cursor_fixed(&letters, 1)) {
        case 'R':
            e->encoding = (uint8_t)cursor_fixed(&data, 1);
            break;
        case 'P':
            encoding = (unsigned)cursor_fixed(&data, 1);
            if ((encoding & PE_RELATIVE) == PE_ALIGNED)
                cursor_skip(&data, -(uint64_t)data.at & 7);
            cursor_number(&data, encoding);
            break;
        case 'L':
            cursor_fixed(&data, 1);
            break;
        case 'S':
            e->signal = 1;
            break;
        case 'B':
            break;
        default:   /* unknown: what follows has no known place */
            return;
        }
    }
    c->bad |= data.bad;
}

static int cie_parse(const struct cfi_tables *t, uint64_t address, struct cfi_entry *e)
{
    struct cfi_cursor c = cursor_at(t, address);
    if (!entry_open(&c) || cursor_fixed(&c, 4) != 0)
        return -EINVAL;
    unsigned version = (unsigned)cursor_fixed(&c, 1);
    if (version != 1 && version != 3 && version != 4)
        return -EINVAL;
    struct cfi_cursor letters = c;
    while (cursor_fixed(&c, 1))
        ;
    letters.end = c.bad ? letters.at : c.at - 1;
    if (version == 4 && (cursor_fixed(&c, 1) != 8 || cursor_fixed(&c, 1) != 0))
        return -EINVAL;
    e->code_align = cursor_uleb(&c);
    e->data_align = cursor_sleb(&c);
    if ((version == 1 ? cursor_fixed(&c, 1) : cursor_uleb(&c)) != CFI_RIP)
        return -EINVAL;
    cie_augmentation(&c, t, letters, e);
    e->initial = c;
    return c.bad ? -EINVAL : 0;
}

/* The FDE at an address: 0, -EAGAIN when it is a CIE, -EINVAL. *next is the
 * address behind it, 0 at the list's end. */
static int fde_parse(const struct cfi_tables *t, uint64_t address, struct cfi_entry *e, uint64_t *next)
{
    struct cfi_cursor c = cursor_at(t, address);
    *next = 0;
    if (!entry_open(&c))
        return -EINVAL;
    *next = (uint64_t)c.end;
    uint64_t here = (uint64_t)c.at;
    uint64_t back = cursor_fixed(&c, 4);
    if (c.bad)
        return -EINVAL;
    if (!back)
        return -EAGAIN;
    int r = cie_parse(t, here - back, e);
    if (r)
        return r;
    e->begin = cursor_pointer(&c, e->encoding, t, 0);
    e->end = e->begin + cursor_number(&c, e->encoding);
    if (e->augmented)
        cursor_skip(&c, cursor_uleb(&c));
    e->program = c;
    return c.bad || e->end < e->begin ? -EINVAL : 0;
}

/* The FDE of `key` by the header's sorted table of (function, FDE) pairs. */
static int entry_in_table(const struct cfi_tables *t, struct cfi_cursor c, uint64_t count, uint64_t key, struct cfi_entry *e)
{
    uint64_t low = 0, high = count, next;
    if (c.bad || count > (uint64_t)(c.end - c.at) / 8)
        return -EINVAL;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct cfi_cursor pair = {c.at + 8 * middle, c.end, false};
        if ((uint64_t)t->header + cursor_number(&pair, PE_TABLE) <= key)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return -ENOENT;
    struct cfi_cursor pair = {c.at + 8 * (low - 1) + 4, c.end, false};
    int r = fde_parse(t, (uint64_t)t->header + cursor_number(&pair, PE_TABLE), e, &next);
    if (r)
        return -EINVAL;
    return key >= e->begin && key < e->end ? 0 : -ENOENT;
}

static int entry_in_list(const struct cfi_tables *t, uint64_t at, uint64_t key, struct cfi_entry *e)
{
    while (at) {
        uint64_t next;
        if (!fde_parse(t, at, e, &next) && key >= e->begin && key < e->end)
            return 0;
        at = next;
    }
    return -ENOENT;
}

static int entry_find(const struct cfi_tables *t, uint64_t key, struct cfi_entry *e)
{
    struct cfi_cursor c = cursor_at(t, (uint64_t)t->header);
    unsigned version = (unsigned)cursor_fixed(&c, 1);
    unsigned list = (unsigned)cursor_fixed(&c, 1), counts = (unsigned)cursor_fixed(&c, 1);
    unsigned table = (unsigned)cursor_fixed(&c, 1);
    if (version != 1 || list == PE_OMIT)
        return -EINVAL;
    uint64_t frames = cursor_pointer(&c, list, t, 0);
    uint64_t count = counts == PE_OMIT ? 0 : cursor_pointer(&c, counts, t, 0);
    if (c.bad)
        return -EINVAL;
    if (count && table == PE_TABLE)
        return entry_in_table(t, c, count, key, e);
    return entry_in_list(t, frames, key, e);
}

/* ---- the program ---------------------------------------------------------- */

static void rule_set(struct cfi_machine *m, uint64_t reg, enum cfi_how how, int64_t value, struct cfi_cursor *c)
{
    if (reg >= CFI_REGISTERS)   /* vector registers and the like: no use here */
        return;
    if (value != (int32_t)value)
        c->bad = true;
    m->row->how[reg] = (uint8_t)how;
    m->row->value[reg] = (int32_t)value;
}

static void rule_restore(struct cfi_machine *m, uint64_t reg)
{
    if (reg < CFI_REGISTERS) {
        m->row->how[reg] = m->initial.how[reg];
        m->row->value[reg] = m->initial.value[reg];
    }
}

static void cfa_set(struct cfi_machine *m, uint64_t reg, int64_t offset, struct cfi_cursor *c)
{
    if (reg >= CFI_REGISTERS || offset != (int32_t)offset)
        c->bad = true;
    m->row->cfa_how = CFI_CFA_REGISTER;
    m->row->cfa_register = (uint8_t)reg;
    m->row->cfa_value = (int32_t)offset;
}

/* Remembers where an expression lies, and steps over it. */
static int64_t expression_skip(struct cfi_machine *m, struct cfi_cursor *c)
{
    int64_t offset = c->at - m->tables->low;
    cursor_skip(c, cursor_uleb(c));
    return offset;
}

static void row_remember(struct cfi_machine *m, struct cfi_cursor *c, bool restore)
{
    if (restore ? m->depth == 0 : m->depth == SAVED_ROWS)
        c->bad = true;
    else if (restore)
        *m->row = m->saved[--m->depth];
    else
        m->saved[m->depth++] = *m->row;
}

/* The instructions whose operands are in the bytes behind them. */
static void instruction_extended(struct cfi_machine *m, struct cfi_cursor *c, unsigned op)
{
    int64_t scale = m->entry->data_align;
    uint64_t reg = 0;
    if (op >= 0x05 && op <= 0x09)
        reg = cursor_uleb(c);
    switch (op) {
    case 0x00: break;                                                             /* nop */
    case 0x05: rule_set(m, reg, CFI_OFFSET, (int64_t)cursor_uleb(c) * scale, c); break;
    case 0x06: rule_restore(m, reg); break;
    case 0x07: rule_set(m, reg, CFI_UNDEFINED, 0, c); break;
    case 0x08: rule_set(m, reg, CFI_SAME, 0, c); break;
    case 0x09: rule_set(m, reg, CFI_REGISTER, (int64_t)cursor_uleb(c), c); break;
    case 0x0a: row_remember(m, c, false); break;
    case 0x0b: row_remember(m, c, true); break;
    case 0x0c: reg = cursor_uleb(c); cfa_set(m, reg, (int64_t)cursor_uleb(c), c); break;
    case 0x0d: cfa_set(m, cursor_uleb(c), m->row->cfa_value, c); break;           /* def_cfa_register */
    case 0x0e: cfa_set(m, m->row->cfa_register, (int64_t)cursor_uleb(c), c); break; /* def_cfa_offset */
    case 0x0f:                                                                    /* def_cfa_expression */
        m->row->cfa_how = CFI_CFA_EXPRESSION;
        m->row->cfa_value = (int32_t)expression_skip(m, c);
        break;
    case 0x10: reg = cursor_uleb(c); rule_set(m, reg, CFI_EXPRESSION, expression_skip(m, c), c); break;
    case 0x11: reg = cursor_uleb(c); rule_set(m, reg, CFI_OFFSET, cursor_sleb(c) * scale, c); break;
    case 0x12: reg = cursor_uleb(c); cfa_set(m, reg, cursor_sleb(c) * scale, c); break;
    case 0x13: cfa_set(m, m->row->cfa_register, cursor_sleb(c) * scale, c); break;
    case 0x14: reg = cursor_uleb(c); rule_set(m, reg, CFI_VAL_OFFSET, (int64_t)cursor_uleb(c) * scale, c); break;
    case 0x15: reg = cursor_uleb(c); rule_set(m, reg, CFI_VAL_OFFSET, cursor_sleb(c) * scale, c); break;
    case 0x16: reg = cursor_uleb(c); rule_set(m, reg, CFI_VAL_EXPRESSION, expression_skip(m, c), c); break;
    case 0x2e: cursor_uleb(c); break;                                             /* GNU_args_size */
    case 0x2f: reg = cursor_uleb(c); rule_set(m, reg, CFI_OFFSET, -(int64_t)cursor_uleb(c) * scale, c); break;
    default: c->bad = true;
    }
}

/* Runs a program as far as the key. */
static void program_run(struct cfi_machine *m, struct cfi_cursor *c)
{
    while (c->at < c->end && !c->bad) {
        unsigned op = (unsigned)cursor_fixed(c, 1), low = op & 0x3f;
        uint64_t advance = 0;
        switch (op & 0xc0) {
        case 0x40: advance = low; break;
        case 0x80: rule_set(m, low, CFI_OFFSET, (int64_t)cursor_uleb(c) * m->entry->data_align, c); continue;
        case 0xc0: rule_restore(m, low); continue;
        default:
            switch (op) {
            case 0x01:
                m->location = cursor_pointer(c, m->entry->encoding, m->tables, m->entry->begin);
                break;
            case 0x02: advance = cursor_fixed(c, 1); break;
            case 0x03: advance = cursor_fixed(c, 2); break;
            case 0x04: advance = cursor_fixed(c, 4); break;
            case 0x1d: advance = cursor_fixed(c, 8); break;
            default: instruction_extended(m, c, op); continue;
            }
        }
        m->location += advance * m->entry->code_align;
        if (m->location > m->key)
            return;
    }
}

int cfi_row_at(const struct cfi_tables *t, uint64_t key, struct cfi_row *row)
{
    struct cfi_entry e;
    struct cfi_machine m;
    int r = entry_find(t, key, &e);
    if (r)
        return r;
    *row = (struct cfi_row){.signal = e.signal};
    m.initial = *row;
    m.tables = t;
    m.entry = &e;
    m.row = row;
    m.depth = 0;
    m.location = e.begin;
    m.key = key;
    program_run(&m, &e.initial);
    m.initial = *row;
    m.location = e.begin;
    program_run(&m, &e.program);
    if (e.initial.bad || e.program.bad || row->cfa_how == CFI_CFA_NONE)
        return -EINVAL;
    return 0;
}

bool cfi_begins(const struct cfi_tables *t, uint64_t address)
{
    struct cfi_entry e;
    return !entry_find(t, address, &e) && e.begin == address;
}
#endif
