/*
 * collector/symbols/symfile.h - one ELF file: opened, identified, and the
 * separate debug file that belongs to it found.
 *
 * Files are read, not mapped (but for very large ones): a build that writes
 * over a file must not end the collector with a SIGBUS. Only regular files
 * are opened. Nothing in a file is believed before libelf has checked it.
 */
#ifndef OWNSCOPE_SYMFILE_H
#define OWNSCOPE_SYMFILE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYMFILE_ID_MAX = 64 };

struct symfile_segment {
    uint64_t low, high;         /* link-time addresses */
};

struct symfile {
    int fd;                     /* -1: symfile_done was called */
    Elf *elf;
    void *image;                /* a file that was unpacked into memory, else NULL */
    uint64_t bytes;             /* size of the file */
    uint8_t id[SYMFILE_ID_MAX]; /* build-id */
    size_t id_bytes;            /* 0: none */
    uint16_t machine;           /* EM_* */
    struct symfile_segment *code;   /* executable PT_LOADs */
    size_t n_code;
    struct symfile_segment *data;   /* the others: what a program keeps in its module */
    size_t n_data;
};

/* NULL: no such file, or not an ELF program or library. `exists` (may be
 * NULL) tells these two apart. */
struct symfile *symfile_open(const char *path, bool *exists);
/* The same of a file in memory; takes over `image` (from malloc). */
struct symfile *symfile_adopt(void *image, size_t bytes);
void symfile_close(struct symfile *f);
/* All that is wanted has been read: gives the file descriptor back. */
void symfile_done(struct symfile *f);

/* Where separate debug files lie: OWNSCOPE_DEBUG_DIR, or /usr/lib/debug. */
const char *symfile_debug_dir(void);
/* The debug file of `f` (opened from `path`) below `debug_dir` or beside it,
 * by build-id, then by .gnu_debuglink. NULL: none that fits. */
struct symfile *symfile_debug(const struct symfile *f, const char *path, const char *debug_dir);
/* The symbol table packed into .gnu_debugdata; NULL: none. */
struct symfile *symfile_mini(const struct symfile *f);

/* The executable segment that holds an address, NULL: none; the other one that does. */
const struct symfile_segment *symfile_code(const struct symfile *f, uint64_t address);
const struct symfile_segment *symfile_data(const struct symfile *f, uint64_t address);
/* The section of that name, NULL: none. *header is filled. */
Elf_Scn *symfile_section(const struct symfile *f, const char *name, GElf_Shdr *header);

#endif
