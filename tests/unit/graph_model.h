/*
 * tests/unit/graph_model.h - a naive ownership graph, to compare the real one with.
 *
 * It keeps a plain list of blocks and searches it; it copies all sites at each
 * new peak, moves custody at once, and clones a fork's blocks when the child
 * starts. Only how a clone is told (at its first touch) it has to know. The
 * event of the moment is m.e; every model_X does what the graph should for an
 * event X, and tells the facts that it expects.
 */
#ifndef GRAPH_MODEL_H
#define GRAPH_MODEL_H

#include "graph_model_life.h"

#endif
