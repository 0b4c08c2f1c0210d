/*
 * collector/heap/heap_room.h - room for a copy of a process's memory, and how
 * much of it this machine has. Any thread.
 */
#ifndef OWNSCOPE_HEAP_ROOM_H
#define OWNSCOPE_HEAP_ROOM_H

#include <stdint.h>

struct heap_room { uint8_t *base; uint64_t bytes, touched_bytes; };
/* Zeroed; address space alone as yet. 0 or -ENOMEM. */
int heap_room_make(struct heap_room *r, uint64_t bytes);
/* So much of its begin costs no page fault later. */
void heap_room_touch(struct heap_room *r, uint64_t bytes);
void heap_room_free(struct heap_room *r);
/* What is free here, of the machine and of our group's allowance, less a tenth. */
uint64_t heap_room_free_bytes(void);

#endif
