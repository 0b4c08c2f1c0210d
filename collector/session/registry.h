/*
 * collector/session/registry.h - the processes of a session and their images.
 *
 * A process keeps its id over exec: the serial of its first image. It is
 * dropped when it is gone and all its threads are; its images stay a while
 * (see image.h). Ingest thread.
 */
#ifndef OWNSCOPE_SESSION_REGISTRY_H
#define OWNSCOPE_SESSION_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/decode.h"
#include "session/image.h"

enum { REGISTRY_IMAGES_KEPT = 1024, PROCESS_EXITING_LOOKS = 100 };

struct process {
    uint32_t id, pid;
    uint64_t start_time;    /* proc_start_time; 0 unknown */
    unsigned lanes;         /* threads that have a slot */
    unsigned exiting;       /* said that it exits: look so many times soon */
    bool foreign;           /* of another pid namespace: its numbers mean nothing here */
    bool gone;              /* the kernel said so, a round ago */
    bool reaped;
    int status;             /* of waitpid, when reaped */
    int image;              /* pid of the image that it forked, -errno; 0: nothing said since it was told to */
};

struct registered {
    struct image image;
    unsigned lanes;
    bool gone;              /* its process is */
};

struct registry {
    struct process **processes;
    size_t process_count, process_capacity;
    struct registered **images;     /* in order of arrival */
    size_t image_count, image_capacity, gone_count;
    uint64_t processes_ever;
    const void *segment;            /* where we map what all of them map; NULL: not known */
};

void registry_end(struct registry *r);
struct registered *registry_image(const struct registry *r, uint32_t serial);
struct process *registry_process(const struct registry *r, uint32_t id);
struct process *registry_by_pid(const struct registry *r, uint32_t pid);

/* The image of a serial that is new, and its process, new as well unless an
 * exec goes on with one. `birth`: what the process said, or NULL. */
struct registered *registry_join(struct registry *r, uint32_t serial, uint32_t pid, const struct decode_birth *birth);
/* The same when it is known that `serial` is an image of process `id`; either
 * may be there already. */
struct registered *registry_restore(struct registry *r, uint32_t serial, uint32_t id, uint32_t pid);
/* Forgets a process that is gone; frees it. */
void registry_process_end(struct registry *r, struct process *p);

#endif
