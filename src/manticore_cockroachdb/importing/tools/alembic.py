"""Alembic: its revisions are Python; their SQL is what ``alembic upgrade --sql`` prints.

The project's own Alembic is asked, once up and once down (`interpreter.programs.alembic_sql`). In
that mode there is no database, so a revision that reads one prints too little or nothing; those are
refused. Order is Alembic's own way from base to its heads. The history holds the heads alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ConfigError
from ...interpreter import above, ask, relative
from ..model import (
    Applied,
    Files,
    Findings,
    Ledger,
    Old,
    Options,
    Part,
    Reader,
    Rows,
    described,
)

_OFFLINE = re.compile(r"\bis_offline_mode\b|\bas_sql\b")


def read(files: Files, options: Options, found: Findings) -> list[Old]:
    """The revisions, in Alembic's order."""
    config = above(files.root, "alembic.ini") or above(files.root, "pyproject.toml")
    if config is None:
        raise ConfigError(
            f"There is no alembic.ini in {files.root} or above.",
            hint="name the directory that alembic is run in",
        )
    answer = ask(
        "alembic_sql",
        {"config": str(config)},
        python=options.python,
        directory=config.parent,
    )
    heads = answer["heads"]
    if len(heads) > 1 and not options.linearize:
        found.refuse(
            "",
            None,
            f"there are {len(heads)} heads: {', '.join(heads)}",
            "`alembic merge heads`, or take the order that Alembic has now: --linearize",
        )
    return [_one(files, row, found) for row in answer["revisions"]]


def _one(files: Files, row: Mapping[str, Any], found: Findings) -> Old:
    name = relative(files.root, row["path"])
    up, down = row["upgrade"], row.get("downgrade")
    source = found.text(files, name) if name in files else ""
    offline = _OFFLINE.search(source)
    if offline is not None:
        line = source.count("\n", 0, offline.start()) + 1
        found.refuse(name, line, "does something else where there is no database")
    for what, part in (("upgrade", up), ("downgrade", down)):
        if part is None:
            continue
        if part["error"] is not None:
            if what == "downgrade":
                found.note(name, part["line"], f"cannot go back: {part['error']}")
            else:
                found.refuse(
                    name,
                    part["line"],
                    f"has no SQL: {part['error']}",
                    "what reads the database cannot be printed; write its SQL into a file by hand",
                )
        if "reads" in part["flags"]:
            found.refuse(
                name, None, f"reads the database in {what}, so what it does is not all SQL"
            )
        if "tab" in part["flags"]:
            found.refuse(name, None, "has a tab in a string, which Alembic prints as blanks")
    alone = any("autocommit" in part["flags"] for part in (up, down) if part is not None)
    if alone:
        found.note(
            name, None, "has an autocommit block, so all of it runs outside of a transaction"
        )
    lines = (row["doc"] or "").strip().splitlines()
    title = lines[0] if lines else row["revision"]
    return Old(
        key=row["revision"],
        version=None,
        title=name.rpartition("/")[2],
        description=described(re.sub(r"[^\w\s-]", " ", title)[:120], "revision"),
        up=_part(name, up["sql"], alone),
        down=None if down is None or down["error"] else _part(name, down["sql"], alone),
        transaction=False if alone else None,
        origin=(name,),
        remarks=(f"revision {row['revision']}: {title}",),
        parents=tuple(row["parents"]),
    )


def _part(name: str, items: Sequence[str], alone: bool) -> Part:
    frame = ("BEGIN;", "COMMIT;") if alone else ()
    return Part("\n\n".join(item for item in items if item not in frame), name)


def _applied(rows: Rows, olds: Sequence[Old], found: Findings) -> list[Applied]:
    """The heads and all that they follow."""
    by_key = {old.key: old for old in olds}
    applied: dict[str, None] = {}
    left = [str(row["version_num"]) for row in rows]
    while left:
        key = left.pop()
        if key in applied:
            continue
        applied[key] = None
        if key in by_key:
            left += by_key[key].parents
    order = {old.key: number for number, old in enumerate(olds)}
    if applied:
        found.note("", None, "Alembic keeps no times: what it has applied counts as applied now")
    return [Applied(key) for key in sorted(applied, key=lambda key: order.get(key, -1))]


READER = Reader(
    "alembic",
    read,
    Ledger(lambda table: f"SELECT version_num FROM {table}", _applied, tables=("alembic_version",)),
    "alembic.ini, and a directory of revisions",
)
