"""Read what ``EXPLAIN (DDL, SHAPE)`` says, which CockroachDB has since v23.2.

    Schema change plan for CREATE INDEX ‹by_name› ON ‹defaultdb›.‹public›.‹users› (‹name›);
     ├── execute 1 system table mutations transaction
     ├── backfill using primary index users_pkey in relation users
     │    └── into by_name+ (name: id)
     ├── merge temporary indexes into backfilled indexes in relation users
     │    └── from users@[3] into by_name+
     ├── validate UNIQUE constraint backed by index by_name+ in relation users
     └── execute 2 system table mutations transactions

A backfill that goes into an index named after a primary key rewrites the table. An index that is
being made has ``+`` behind its name, ``~`` when it is gone at the end, one being dropped ``-``.
What nothing here matches, such as a transaction on system tables, costs no time that grows with
the table.
"""

from __future__ import annotations

import re

from ..analysis.cost import Work
from ..parser import nodes as n

_LINE = re.compile(r"^[\s│├└─]*(?P<text>.*?)\s*$")
_BACKFILL = re.compile(r"backfill using primary index (?P<index>\S+) in relation ")
_INTO = re.compile(r"into (?P<index>\S+?)[+~-]? \(")


def may_be_explained(node: n.Node) -> bool:
    """Whether asking makes sense: a change of something that may be there already."""
    match node:
        case n.CreateIndex() | n.AlterTable():
            return True
        case n.Drop(kind="index" | "constraint"):
            return True
        case _:
            return False


def parse_shape(text: str) -> tuple[frozenset[Work], tuple[str, ...]] | None:
    """The work that a plan consists of, and its lines in words; None when it is no such plan."""
    lines = text.split("\n")
    if not lines or "Schema change plan for" not in lines[0]:
        return None
    work: set[Work] = set()
    said: list[str] = []
    primary: str | None = None
    for line in lines[1:]:
        found = _LINE.match(line)
        step = found["text"] if found else ""
        if backfill := _BACKFILL.match(step):
            work.add(Work.BACKFILL)
            primary = backfill["index"].rstrip("+~-")
            said.append(step)
        elif step.startswith("validate "):
            work.add(Work.VALIDATE)
            said.append(step)
        elif primary is not None and (into := _INTO.match(step)) and into["index"] == primary:
            work.add(Work.REWRITE)
    return frozenset(work), tuple(dict.fromkeys(said))
