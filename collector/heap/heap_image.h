/*
 * collector/heap/heap_image.h - the memory of a process at one moment, as far as
 * the scan needs it.
 *
 * What is copied: in large pieces, the pages that are there (pagemap) of every
 * private writable mapping that can hold blocks or roots, and of modules'
 * relocated constants (vtables). Not: our segment, files, shared memory, the shim's data,
 * pages of a stack below its stack pointer. Room is made and touched before the
 * process stands still.
 *
 * A forked image is read piece by piece as the scan comes to it: it does not change.
 */
#ifndef OWNSCOPE_HEAP_IMAGE_H
#define OWNSCOPE_HEAP_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heap/heap_maps.h"
#include "heap/heap_stop.h"

struct heap_image;

struct heap_image_options {
    const char *segment_path;   /* left out */
    const char *shim_path;      /* left out */
    uint64_t most_bytes;        /* refuse (-EFBIG) above; 0: what is free here, less a tenth */
};

/* Before the stop: room for what is there now, touched, so that the copy costs
 * no page faults of ours. 0, -EFBIG (heap_image_text), -errno. */
int heap_image_prepare(struct heap_image **i, pid_t pid, const struct heap_image_options *o);
/* During the stop. 0 or -errno; -EPERM says what is missing (heap_image_text). */
int heap_image_copy(struct heap_image *i, const struct heap_stop *stop);
/* The same for a process that stands still until it is killed (a forked image):
 * nothing is copied, it is read when asked for (-ESRCH: it has ended); `pid` is the image's, the
 * mappings are its own. The threads' registers are of `stop`. */
int heap_image_of(struct heap_image **i, pid_t pid, const struct heap_stop *stop, const struct heap_image_options *o);
void heap_image_free(struct heap_image *i);
const char *heap_image_text(void);

const struct heap_maps *heap_image_maps(const struct heap_image *i);
/* The bytes of [address, address + n): n never crosses a piece's end. NULL where
 * nothing was copied or nothing is (such memory reads as zeros). Sets *n, then too, to how
 * many there are (with NULL: are not), at least 1, at most *n as given. Valid until the next call with a forked image. */
const uint8_t *heap_image_at(struct heap_image *i, uint64_t address, size_t *n);
/* 0, or -errno: since when a part of a forked image could not be read (-ESRCH: it ended), and was
 * taken for nothing: what was made of it is worth nothing. */
int heap_image_error(const struct heap_image *i);
uint64_t heap_image_bytes(const struct heap_image *i);  /* read so far */

#endif
