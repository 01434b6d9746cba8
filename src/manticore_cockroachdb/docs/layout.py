"""Where the boxes of a diagram go: layers from left to right, few crossings, short ways.

The classic four steps, each as simple as it can be and deterministic:

1. cycles are cut, so that every box has those it points to on its left;
2. boxes go into layers, no layer higher than is good for the whole picture's shape, and a long
   line gets a *stop* in each layer that it crosses;
3. within the layers they are ordered by the middle of their neighbours, several times over;
4. they move up and down towards their neighbours as far as there is room.

Boxes without any line stand in rows below.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from ..schema.model import Key

GAP_X, GAP_Y = 96.0, 28.0
_STOP = 10.0
_SWEEPS = 12
_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class Size:
    """Of a box."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box is: its top left corner."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Picture:
    """``stops`` are the points that a line from child to parent passes, from the child on: it
    enters and leaves each layer between its boxes. A line without any has no entry. ``left``
    holds the lines that run from the child's left side to the parent's right, as most do."""

    width: float
    height: float
    places: Mapping[Key, Place]
    stops: Mapping[tuple[Key, Key], tuple[tuple[float, float], ...]]
    left: frozenset[tuple[Key, Key]]


Node = tuple[str, ...]


def mean(numbers: Iterable[float]) -> float:
    """The middle; far faster than that of `statistics`, which reckons in fractions."""
    values = list(numbers)
    return sum(values) / len(values)


def arrange(sizes: Mapping[Key, Size], lines: Iterable[tuple[Key, Key]]) -> Picture:
    """Places for boxes and stops for the lines from child to parent."""
    pairs = sorted({(c, p) for c, p in lines if c != p})
    joined = sorted({key for pair in pairs for key in pair})
    turned = _back(joined, pairs)
    forward = sorted({(p, c) if (c, p) in turned else (c, p) for c, p in pairs})
    layer_of = _layers(joined, forward, sizes)
    layers, ways, boxes = _with_stops(joined, forward, layer_of, sizes)
    _order(layers, ways)
    tops = _heights(layers, ways, boxes)
    lefts = _columns(layers, boxes)
    places = {key: Place(lefts[layer_of[key]], tops[key]) for key in joined}
    places |= _below(sizes, places)
    stops: dict[tuple[Key, Key], tuple[tuple[float, float], ...]] = {}
    for (right, left), way in _routes(forward, layer_of).items():
        points: list[tuple[float, float]] = []
        for layer, stop in way:
            y, x = tops[stop] + _STOP / 2, lefts[layer]
            points += [(x + _width(layers[layer], boxes), y), (x, y)]
        if points:
            stops[right, left] = tuple(points)
            stops[left, right] = tuple(reversed(points))
    return Picture(
        max((places[k].x + s.width for k, s in sizes.items()), default=0.0),
        max((places[k].y + s.height for k, s in sizes.items()), default=0.0),
        places,
        {pair: stops[pair] for pair in pairs if pair in stops},
        frozenset(pair for pair in pairs if pair not in turned),
    )


# --- 1. and 2. ------------------------------------------------------------------------------


def _back(keys: Sequence[Key], pairs: Sequence[tuple[Key, Key]]) -> set[tuple[Key, Key]]:
    """The lines that close a cycle, and so have to be drawn the other way round."""
    parents: dict[Key, list[Key]] = defaultdict(list)
    for child, parent in pairs:
        parents[child].append(parent)
    state: dict[Key, int] = {}
    back: set[tuple[Key, Key]] = set()
    for start in keys:
        if start in state:
            continue
        state[start] = 1
        trail = [(start, iter(parents[start]))]
        while trail:
            key, rest = trail[-1]
            for parent in rest:
                if state.get(parent) == 1:
                    back.add((key, parent))
                elif parent not in state:
                    state[parent] = 1
                    trail.append((parent, iter(parents[parent])))
                    break
            else:
                state[key] = 2
                trail.pop()
    return back


def _layers(
    keys: Sequence[Key], pairs: Sequence[tuple[Key, Key]], sizes: Mapping[Key, Size]
) -> dict[Key, int]:
    """A layer for each box, to the right of all its parents, and none too high."""
    parents: dict[Key, set[Key]] = defaultdict(set)
    children: dict[Key, set[Key]] = defaultdict(set)
    for child, parent in pairs:
        parents[child].add(parent)
        children[parent].add(child)
    area = sum((sizes[k].width + GAP_X) * (sizes[k].height + GAP_Y) for k in keys)
    limit = max([sqrt(area / _RATIO), *(sizes[k].height for k in keys)], default=0.0)
    missing = {key: len(parents[key]) for key in keys}
    ready = [key for key in keys if missing[key] == 0]
    heights: dict[int, float] = defaultdict(float)
    found: dict[Key, int] = {}
    while ready:
        # Who has most that depends on it goes first; then by name.
        ready.sort(key=lambda k: (-len(children[k]), k))
        following: list[Key] = []
        for key in ready:
            layer = max((found[p] + 1 for p in parents[key]), default=0)
            while heights[layer] and heights[layer] + sizes[key].height > limit:
                layer += 1
            heights[layer] += sizes[key].height + GAP_Y
            found[key] = layer
            for child in sorted(children[key]):
                missing[child] -= 1
                if missing[child] == 0:
                    following.append(child)
        ready = following
    return found


def _routes(
    pairs: Sequence[tuple[Key, Key]], layer_of: Mapping[Key, int]
) -> dict[tuple[Key, Key], list[tuple[int, Node]]]:
    """For each line its stops from the child on: layer and node."""
    return {
        (child, parent): [
            (layer, (*child, *parent, str(layer)))
            for layer in range(layer_of[child] - 1, layer_of[parent], -1)
        ]
        for child, parent in pairs
    }


def _with_stops(
    keys: Sequence[Key],
    pairs: Sequence[tuple[Key, Key]],
    layer_of: Mapping[Key, int],
    sizes: Mapping[Key, Size],
) -> tuple[list[list[Node]], list[tuple[Node, Node]], dict[Node, Size]]:
    """The layers with boxes and stops, the ways between neighbouring layers, all sizes."""
    layers: list[list[Node]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    boxes: dict[Node, Size] = {}
    for key in keys:
        layers[layer_of[key]].append(key)
        boxes[key] = sizes[key]
    ways: list[tuple[Node, Node]] = []
    for (child, parent), stops in _routes(pairs, layer_of).items():
        right: Node = child
        for layer, stop in stops:
            layers[layer].append(stop)
            boxes[stop] = Size(0.0, _STOP)
            ways.append((right, stop))
            right = stop
        ways.append((right, parent))
    return layers, ways, boxes


# --- 3. and 4. ------------------------------------------------------------------------------


def _neighbours(ways: Sequence[tuple[Node, Node]]) -> tuple[dict[Node, list[Node]], ...]:
    left: dict[Node, list[Node]] = defaultdict(list)
    right: dict[Node, list[Node]] = defaultdict(list)
    for one, two in ways:
        left[one].append(two)
        right[two].append(one)
    return left, right


def _order(layers: list[list[Node]], ways: Sequence[tuple[Node, Node]]) -> None:
    """Sort each layer by the middle of the neighbours, to the right and to the left in turn."""
    left, right = _neighbours(ways)
    places = {node: i / max(len(layer), 1) for layer in layers for i, node in enumerate(layer)}
    for sweep in range(_SWEEPS):
        towards = left if sweep % 2 == 0 else right
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            middles = {
                node: mean(places[o] for o in towards[node]) if towards[node] else places[node]
                for node in layer
            }
            layer.sort(key=lambda node: (middles[node], node))
            places |= {node: i / len(layer) for i, node in enumerate(layer)}


def _heights(
    layers: Sequence[Sequence[Node]],
    ways: Sequence[tuple[Node, Node]],
    boxes: Mapping[Node, Size],
) -> dict[Node, float]:
    """The top of each box and stop."""
    left, right = _neighbours(ways)
    tops: dict[Node, float] = {}
    for layer in layers:
        y = 0.0
        for node in layer:
            tops[node] = y
            y += boxes[node].height + _gap(boxes[node])
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = {}
            for node in layer:
                others = left[node] + right[node]
                if others:
                    middle = mean(tops[o] + boxes[o].height / 2 for o in others)
                    wanted[node] = middle - boxes[node].height / 2
                else:
                    wanted[node] = tops[node]
            _settle(layer, wanted, boxes, tops)
    highest = min(tops.values(), default=0.0)
    return {node: top - highest for node, top in tops.items()}


def _gap(size: Size) -> float:
    return GAP_Y if size.width else _STOP


def _settle(
    layer: Sequence[Node],
    wanted: Mapping[Node, float],
    boxes: Mapping[Node, Size],
    tops: dict[Node, float],
) -> None:
    """Put a layer's boxes where they are wanted, as far as their order and room allow.

    Boxes that want the same room form a block, which goes to the middle of their wishes.
    """
    blocks: list[tuple[float, float, list[Node]]] = []  # top, height, nodes
    for node in layer:
        top, height, nodes = wanted[node], boxes[node].height + _gap(boxes[node]), [node]
        while blocks and blocks[-1][0] + blocks[-1][1] > top:
            before_top, before_height, before = blocks.pop()
            share = len(before) + len(nodes)
            top = (before_top * len(before) + (top - before_height) * len(nodes)) / share
            height += before_height
            nodes = before + nodes
        blocks.append((top, height, nodes))
    for top, _, nodes in blocks:
        y = top
        for node in nodes:
            tops[node] = y
            y += boxes[node].height + _gap(boxes[node])


def _width(layer: Iterable[Node], boxes: Mapping[Node, Size]) -> float:
    return max((boxes[node].width for node in layer), default=0.0)


def _columns(layers: Sequence[Sequence[Node]], boxes: Mapping[Node, Size]) -> list[float]:
    """The left edge of each layer."""
    found, x = [], 0.0
    for layer in layers:
        found.append(x)
        x += _width(layer, boxes) + GAP_X
    return found


def _below(sizes: Mapping[Key, Size], places: Mapping[Key, Place]) -> dict[Key, Place]:
    """Rows for the boxes without lines, under the others."""
    alone = sorted(key for key in sizes if key not in places)
    bottom = max((places[k].y + sizes[k].height for k in places), default=-GAP_Y)
    area = sum((sizes[k].width + GAP_Y) * (sizes[k].height + GAP_Y) for k in alone)
    right = max((places[k].x + sizes[k].width for k in places), default=0.0)
    limit = max(right, sqrt(area * _RATIO))
    x, y, row = 0.0, bottom + 2 * GAP_Y if places else 0.0, 0.0
    found: dict[Key, Place] = {}
    for key in alone:
        if x and x + sizes[key].width > limit:
            x, y, row = 0.0, y + row + GAP_Y, 0.0
        found[key] = Place(x, y)
        x += sizes[key].width + GAP_Y
        row = max(row, sizes[key].height)
    return found
