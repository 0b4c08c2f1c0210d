/*
 * preload/program_headers.h - the program headers of the module that holds an
 * address, from what _dl_find_object says.
 *
 * Lock-free, any thread, in a hook. The object found may be one segment only
 * (a module with holes between its segments), so its start need not be the
 * ELF header.
 */
#ifndef PRELOAD_PROGRAM_HEADERS_H
#define PRELOAD_PROGRAM_HEADERS_H

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>

struct program_headers {
    const ElfW(Phdr) *first;
    unsigned count;
    uint64_t bias;    /* address = bias + p_vaddr */
};

/* 0; -1: they cannot be found. */
int program_headers_of(const struct dl_find_object *found, struct program_headers *h);

#endif
