/*
 * collector/session/elf_file.h - what a program file says of itself.
 *
 * Read with libelf; the file is input. No state; any thread.
 */
#ifndef OWNSCOPE_SESSION_ELF_FILE_H
#define OWNSCOPE_SESSION_ELF_FILE_H

#include <stdbool.h>

struct elf_file {
    bool is_elf;
    bool runs_here;         /* our processor, our word size */
    char interpreter[256];  /* the dynamic loader; "": static */
    char sanitizer[64];     /* runtime that it needs or holds; "": none */
};

/* 0; -errno when the file cannot be read. */
int elf_file_read(const char *path, struct elf_file *f);

/* The runtime's name when a library of that name is a sanitizer's, else NULL. */
const char *elf_sanitizer_name(const char *library);

#endif
