#!/usr/bin/env python3
"""Retained sizes and holders by other means than ownscope's.

  dominators.py export EXPORT.json             taking each node away in turn (small heaps)
  dominators.py v8 EXPORT.json HEAPSNAPSHOT    from the V8 file, by Cooper, Harvey and Kennedy's method
  dominators.py nodes EXPORT.json NODES        as a reader of that format found them: "id self retained dominator" a line

Prints what differs, and how many nodes agreed. Exit status 1 when anything differs.
"""
import collections
import json
import sys


def number(name):
    """The id in the V8 file of a node of ours."""
    n = int(name[1:])
    return 2 * n + 1 if name[0] == "b" else 8 * n + 2


def told(path):
    """What ownscope says: V8 id -> (size, retained, holder or None)."""
    out = {}
    for node in json.load(open(path, encoding="utf-8"))["nodes"]:
        if node["kind"] == "block" and node["retained_bytes"] is not None:
            holder = node["holder"] and number(node["holder"])
            out[number(node["id"])] = (node["size_bytes"], node["retained_bytes"], holder)
        elif node["kind"] == "root":
            out[number(node["id"])] = (0, node["retained_bytes"], None)
    return out


def graph_of_export(path):
    """Edges that hold, and where ways begin."""
    doc = json.load(open(path, encoding="utf-8"))
    blocks = {n["id"]: n for n in doc["nodes"] if n["kind"] == "block" and n["retained_bytes"] is not None}
    lost = {i for i, n in blocks.items() if n["class"] in ("definite", "indirect")}
    edges = collections.defaultdict(set)
    for e in doc["edges"]:
        if e["kind"] == "contains" and (e["from"] not in lost or e["to"] in lost):
            edges[e["from"]].add(e["to"])
    begins = {n["id"] for n in doc["nodes"] if n["kind"] == "root"} | {i for i, n in blocks.items() if n["class"] == "definite"}
    seen = reached(edges, begins, None)
    begins |= {i for i in blocks if i not in seen}      # mappings that nothing points to
    return blocks, edges, begins


def reached(edges, begins, away):
    todo, seen = [b for b in begins if b != away], set()
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo.extend(t for t in edges.get(node, ()) if t != away)
    return seen


def by_removal(path):
    """V8 id -> (size, retained, holder)."""
    blocks, edges, begins = graph_of_export(path)
    kept = {}
    for node in set(blocks) | begins:
        seen = reached(edges, begins, node)
        kept[node] = {b for b in blocks if b not in seen}
    out = {}
    for node in kept:
        over = [o for o in kept if o != node and node in kept[o]]
        # The nearest of them is over the fewest others of them.
        holder = min(over, key=lambda o: sum(x != o and x in kept[o] for x in over), default=None)
        out[number(node)] = (blocks[node]["size_bytes"] if node in blocks else 0,
                             sum(blocks[b]["size_bytes"] for b in kept[node]), holder and number(holder))
    return out


def by_v8(path):
    """Dominators of a .heapsnapshot, by its own rules: weak edges hold nothing."""
    doc = json.load(open(path, encoding="utf-8"))
    meta = doc["snapshot"]["meta"]
    width, edge_width = len(meta["node_fields"]), len(meta["edge_fields"])
    nodes, flat = doc["nodes"], doc["edges"]
    count = len(nodes) // width
    assert count == doc["snapshot"]["node_count"] and len(nodes) % width == 0
    assert len(flat) == doc["snapshot"]["edge_count"] * edge_width
    at = {name: meta["node_fields"].index(name) for name in ("type", "name", "id", "self_size", "edge_count")}
    types, edge_types = meta["node_types"][0], meta["edge_types"][0]
    weak = edge_types.index("weak")
    ids = nodes[at["id"]::width]
    assert len(set(ids)) == count, "ids are not distinct"
    assert all(n < len(types) for n in nodes[at["type"]::width])
    assert all(n < len(doc["strings"]) for n in nodes[at["name"]::width])
    targets, first = [[] for _ in range(count)], 0
    for i in range(count):
        for e in range(first, first + nodes[i * width + at["edge_count"]]):
            kind, name, to = flat[e * edge_width:(e + 1) * edge_width]
            assert to % width == 0 and to < len(nodes) and kind < len(edge_types)
            assert edge_types[kind] == "element" or name < len(doc["strings"])
            if kind != weak:
                targets[i].append(to // width)
        first += nodes[i * width + at["edge_count"]]
    assert first == doc["snapshot"]["edge_count"]
    order, place, stack = [], [-1] * count, [(0, iter(targets[0]))]
    place[0] = -2
    while stack:
        node, rest = stack[-1]
        for to in rest:
            if place[to] == -1:
                place[to] = -2
                stack.append((to, iter(targets[to])))
                break
        else:
            place[node] = len(order)
            order.append(node)
            stack.pop()
    assert len(order) == count, "some nodes hang nowhere"
    before = [[] for _ in range(count)]
    for node, list_ in enumerate(targets):
        for to in list_:
            before[place[to]].append(place[node])
    top, idom = count - 1, [-1] * count
    idom[top] = top
    changed = True
    while changed:
        changed = False
        for i in range(count - 2, -1, -1):
            new = -1
            for p in before[i]:
                if idom[p] == -1:
                    continue
                a, b = p, new
                while b != -1 and a != b:
                    while a < b:
                        a = idom[a]
                    while b < a:
                        b = idom[b]
                new = a
            if new != idom[i]:
                idom[i] = new
                changed = True
    size = [nodes[order[i] * width + at["self_size"]] for i in range(count)]
    retained = size[:]
    for i in range(count - 1):
        retained[idom[i]] += retained[i]
    synthetic = types.index("synthetic")
    out = {}
    for i in range(count):
        above = order[idom[i]]
        holder = None if nodes[above * width + at["type"]] == synthetic else ids[above]
        out[ids[order[i]]] = (size[i], retained[i], holder)
    return out


def by_reader(path):
    out = {}
    for line in open(path, encoding="utf-8"):
        node, size, retained, holder = line.split()[:4]
        out[int(node)] = (int(size), int(retained), None if holder == "-" else int(holder))
    return out


def main():
    how, path = sys.argv[1:3]
    ours = told(path)
    theirs = by_removal(path) if how == "export" else by_v8(sys.argv[3]) if how == "v8" else by_reader(sys.argv[3])
    wrong = 0
    for node, mine in ours.items():
        other = theirs.get(node)
        # Tops of all kinds are no holders; the reader names them.
        same = other and mine[:2] == other[:2] and (mine[2] == other[2] or (mine[2] is None and how == "nodes"))
        if not same:
            wrong += 1
            if wrong <= 5:
                print(f"node {node}: ownscope says {mine}, it is {other}")
    print(f"{len(ours)} nodes, {wrong} wrong")
    return 1 if wrong or not ours else 0


sys.exit(main())
