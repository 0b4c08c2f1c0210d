/*
 * collector/heap/heap_modules.h - the modules of an image: where each file of
 * code lies, and what its own headers say.
 *
 * From the image's mappings, and from the files (through the process's root
 * while it is there, else by their plain path; a deleted one is not looked for).
 * The files are input. Open until heap_modules_done: constants that no image
 * copies (names of types) are read from them. One thread.
 */
#ifndef OWNSCOPE_HEAP_MODULES_H
#define OWNSCOPE_HEAP_MODULES_H

#include "event/code.h"
#include "heap/heap_image.h"

struct heap_place {
    char *path;
    uint8_t build_id[CODE_BUILD_ID_MAX];
    uint8_t build_id_bytes;
    bool headers;               /* the file's headers were read: bias and end are its own */
    int fd;                     /* -1: not readable */
    uint64_t start, end;        /* in memory, with what has no bytes in the file (bss) */
    uint64_t bias;
    uint64_t tls_bytes;         /* of its thread-local variables, alignment included */
};

struct heap_modules {
    const struct heap_maps *maps;
    struct heap_place *places;  /* rising, apart */
    size_t n;
};

void heap_modules_read(struct heap_modules *m, const struct heap_maps *maps, pid_t pid);
void heap_modules_done(struct heap_modules *m);
/* The module that holds an address, or NULL. */
const struct heap_place *heap_modules_at(const struct heap_modules *m, uint64_t address);
/* Bytes of a read-only mapping from its file, at most `bytes`; returns how many were read. */
size_t heap_modules_constant(const struct heap_modules *m, uint64_t address, void *to, size_t bytes);

#endif
