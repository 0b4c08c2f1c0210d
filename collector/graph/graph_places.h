/*
 * collector/graph/graph_places.h - places in order of a number that each has:
 * an address, an id. By digits, so that a million take some milliseconds. Run by
 * the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_PLACES_H
#define OWNSCOPE_GRAPH_PLACES_H

#include <stddef.h>
#include <stdint.h>

/* Sorts keys, and places with them, stable; with room of the same size. The result is where it began. */
void places_sort(uint64_t *key, uint32_t *place, uint64_t *room_key, uint32_t *room_place, size_t n);

#endif
