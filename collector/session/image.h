/*
 * collector/session/image.h - the code that one image of a process has mapped.
 *
 * An image is what the segment gives a process serial to: a process between
 * its start, fork or exec and the next. A forked child begins with its
 * parent's modules: the table is shared until one of them changes it. The
 * images of processes that are gone are kept for a while, since a child that
 * was forked before may speak up late. Ingest thread.
 */
#ifndef OWNSCOPE_SESSION_IMAGE_H
#define OWNSCOPE_SESSION_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_MODULES_MAX = 65536 };

/* A range of addresses that holds a module. */
struct image_range { uint64_t start, end, bias; uint32_t module; };

struct image_modules {
    unsigned users;             /* images that share it */
    size_t count, capacity;
    struct image_range *ranges; /* sorted, disjoint */
};

struct image {
    uint32_t serial;            /* of the segment */
    uint32_t process;           /* id: the serial of the process's first image */
    uint64_t space;             /* number of this state of the table: never used twice */
    struct image_modules *modules;
};

void image_begin(struct image *m, uint32_t serial, uint32_t process);
void image_end(struct image *m);
/* The child gets the parent's modules. */
void image_inherit(struct image *m, const struct image *parent);
/* A module was found there: what overlaps it is gone. */
void image_add(struct image *m, uint64_t start, uint64_t end, uint64_t bias, uint32_t module);
/* Rises whenever an image comes or its table changes. */
uint64_t image_changes(void);
/* The range that holds an address, NULL: none. */
const struct image_range *image_find(const struct image *m, uint64_t address);

#endif
