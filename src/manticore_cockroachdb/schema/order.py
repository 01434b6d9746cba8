"""In which order statements have to run: what one needs comes before it.

What a statement needs is read from its own text. Servers print every name with its schema when
asked properly, so a name in a statement that is the name of another object is a reference to it;
one in a string counts too, for that is how ``nextval('public.ids'::regclass)`` names a sequence.
What stands between dollar signs does not: the body of a function is looked at when it runs.

Statements that need nothing of each other keep the order of their rank and name, so the result
depends on the schema alone. Should two need each other, rank decides.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..parser.lex import tokens
from .model import Key

_NAMES = ("word", "quoted")


@dataclass(frozen=True, slots=True)
class Block:
    """Statements that belong together: ``provides`` are the names that exist after them."""

    rank: int
    key: Key
    statements: tuple[str, ...]
    provides: tuple[Key, ...] = ()


def references(text: str) -> set[Key]:
    """The qualified names in a statement, and in strings that hold one."""
    found: set[Key] = set()
    parts = tokens(text)
    for i, token in enumerate(parts):
        if token.kind == "string" and "." in token.value and len(token.value) < 400:
            found |= _named(token.value)
        elif (
            token.kind in _NAMES
            and i + 2 < len(parts)
            and parts[i + 1].value == "."
            and parts[i + 2].kind in _NAMES
        ):
            found.add((token.value, parts[i + 2].value))
    return found


def _named(text: str) -> set[Key]:
    """The name that a string consists of."""
    try:
        parts = tokens(text)
    except ValueError:
        return set()
    if len(parts) == 3 and parts[1].value == "." and {parts[0].kind, parts[2].kind} <= {*_NAMES}:
        return {(parts[0].value, parts[2].value)}
    return set()


def ordered(blocks: Iterable[Block]) -> list[Block]:
    """The blocks, each after those that it needs."""
    waiting = sorted(blocks, key=lambda b: (b.rank, b.key, b.statements))
    providers: dict[Key, list[int]] = {}
    for i, block in enumerate(waiting):
        for name in block.provides:
            providers.setdefault(name, []).append(i)
    needs = [_needs(block, i, providers) for i, block in enumerate(waiting)]
    return [waiting[i] for i in _sorted(needs)]


def _needs(block: Block, own: int, providers: dict[Key, list[int]]) -> set[int]:
    found: set[int] = set()
    for statement in block.statements:
        for name in references(statement) - set(block.provides):
            found.update(providers.get(name, ()))
    return found - {own}


def _sorted(needs: Sequence[set[int]]) -> list[int]:
    """Indices so that each comes after those it needs, lowest first; cycles are cut."""
    needed_by: list[list[int]] = [[] for _ in needs]
    for i, those in enumerate(needs):
        for other in those:
            needed_by[other].append(i)
    missing = [len(those) for those in needs]
    ready = [i for i, count in enumerate(missing) if count == 0]
    left = set(range(len(needs)))
    result: list[int] = []
    while left:
        if not ready:  # a cycle
            heapq.heappush(ready, min(left))
        i = heapq.heappop(ready)
        if i not in left:
            continue
        left.remove(i)
        result.append(i)
        for other in needed_by[i]:
            missing[other] -= 1
            if missing[other] == 0:
                heapq.heappush(ready, other)
    return result
