/*
 * preload/image.h - a forked image of the process, for the collector to read.
 *
 * Asked for in pulse->image_wanted; given by the first thread that comes by in
 * the slow path of its ring: it holds (WIRE_HOLD_FORK) until the collector has
 * stopped the others and says FORK, clones, says what became of it (WIRE_IMAGE)
 * and goes on. The image never runs a line of the program: it closes all
 * descriptors and sleeps until the collector kills it. It survives the thread that forked
 * it, not the process, nor the collector's heart.
 *
 * The program sees nothing of it: a clone with no exit signal raises no SIGCHLD and is
 * found by no wait() without __WALL or __WCLONE (with these it is a child that nobody
 * made, and may be taken away by the program); it shares the table of
 * descriptors until it has one of its own that is empty, so pipes end and locks go
 * when the program closes them. Where a sandbox stands, or the next child would be
 * the first process of a new namespace, there is none: -EPERM.
 */
#ifndef PRELOAD_IMAGE_H
#define PRELOAD_IMAGE_H

#include "preload/context.h"

/* In the slow path, before the thread looks for room: gives an image if one is
 * wanted, takes away one that is done with. Signals are held back meanwhile. */
void image_look(struct context *c);
/* The process is about to become another program: its image goes first. */
void image_end(void);
/* A forked child has none. */
void image_reborn(void);
/* A filter of seccomp stands from now on (1), or does not after all (-1). */
void image_shut(int by);

#endif
