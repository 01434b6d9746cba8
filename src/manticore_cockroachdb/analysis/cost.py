"""A cost: what a statement does to rows, locks and data, as a value that adds up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ..parser import nodes as n


class Work(StrEnum):
    """What a statement does to the rows that are there."""

    BACKFILL = "backfill"
    """Reads every row, and writes an index, a column or another table."""
    VALIDATE = "validate"
    """Reads every row."""
    REWRITE = "rewrite"
    """Writes the whole table anew, with its indexes."""


LOCKS = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
"""PostgreSQL's table locks, weakest first (documentation, chapter "Explicit Locking")."""


@dataclass(frozen=True, slots=True)
class Cost:
    """``about`` is what the statement is about, where its table is not all of it."""

    work: frozenset[Work] = frozenset()
    lock: str | None = None
    lock_on: n.QName | None = None
    destroys: str | None = None
    why: tuple[str, ...] = ()
    source: str | None = None
    unknown: str | None = None

    def __add__(self, other: Cost) -> Cost:
        stronger = other if level(other.lock) > level(self.lock) else self
        return Cost(
            self.work | other.work,
            stronger.lock,
            stronger.lock_on,
            "; ".join(x for x in (self.destroys, other.destroys) if x) or None,
            (*self.why, *(w for w in other.why if w not in self.why)),
            self.source or other.source,
            self.unknown or other.unknown,
        )


NOTHING = Cost()


def unseen(node: n.Node) -> Cost:
    """What is said on either engine of a statement that nothing else is known of."""
    match node:
        case n.Unparsed():
            return Cost(unknown="it could not be parsed, so nothing says what it does")
        case n.Do() | n.Call():
            return Cost(why=("what it does cannot be seen from outside",))
        case _:
            return NOTHING


def level(lock: str | None) -> int:
    """How strong a lock is; -1 for none."""
    return -1 if lock is None else LOCKS.index(lock)


def blocks(lock: str | None) -> str | None:
    """Who waits for a statement with this lock."""
    if lock == "ACCESS EXCLUSIVE":
        return "reads and writes"
    return "writes" if level(lock) >= level("SHARE") else None


def costs(*works: Work, why: str = "", source: str | None = None, lock: str | None = None) -> Cost:
    """A cost in one line."""
    return Cost(frozenset(works), lock, None, None, (why,) if why else (), source)


def total(parts: Iterable[Cost]) -> Cost:
    """Several costs together."""
    found = NOTHING
    for part in parts:
        found += part
    return found
