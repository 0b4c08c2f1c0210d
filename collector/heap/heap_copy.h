/*
 * collector/heap/heap_copy.h - copies ranges of a process's memory, in large
 * pieces and by as many threads as help. Any thread.
 */
#ifndef OWNSCOPE_HEAP_COPY_H
#define OWNSCOPE_HEAP_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A range of the process, and where its bytes go. */
struct heap_piece { uint64_t start, end; uint8_t *bytes; };

/* What cannot be read reads as zeros, and is counted in *unread_bytes. 0; -EPERM;
 * -ESRCH: the process is gone. */
int heap_copy(pid_t pid, const struct heap_piece *pieces, size_t n, uint64_t *unread_bytes);

#endif
