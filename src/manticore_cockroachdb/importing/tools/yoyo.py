"""yoyo: ``x.sql`` with ``x.rollback.sql``, in the order of what depends on what.

Read in yoyo's sources (yoyo/migrations.py). A leading comment ``-- depends: a b`` orders, ``--
transactional: false`` takes the transaction away. The statements are cut by sqlparse, and each is
undone by the one at the mirrored place of the rollback file; run one after another that is the
rollback file as it stands. The history holds SHA-256 of the *name*; there is no checksum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...parser.split import Unterminated, split
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
    whole_number,
)

_ROLLBACK = ".rollback.sql"
_HEAD = re.compile(r"^[ \t]*--[ \t]*(depends|transactional)[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.M)
_DIGITS = re.compile(r"(\d+)(?:[_.-](\d+))?")


def read(files: Files, _: Options, found: Findings) -> list[Old]:
    """The migrations, in yoyo's order."""
    names = {}
    for name in files.names:
        if "/" in name or name.endswith(_ROLLBACK):
            continue
        stem, dot, extension = name.rpartition(".")
        if extension == "py" and dot and b"yoyo" in files.data(name):
            found.refuse(name, None, "is a program in Python, and only SQL can be carried over")
            names[stem] = name
        elif extension == "sql" and stem.startswith("post-apply"):
            found.refuse(name, None, "runs after every apply, and a migration of ours runs once")
        elif extension == "sql":
            names[stem] = name
    heads = {
        key: _head(found.text(files, name)) if name.endswith(".sql") else {}
        for key, name in names.items()
    }
    order = _ordered(
        names, {key: head.get("depends", "").split() for key, head in heads.items()}, found
    )
    olds = [_one(files, key, names[key], heads[key], found) for key in order]
    for name in files.names:
        if (
            name.endswith(_ROLLBACK)
            and "/" not in name
            and name.removesuffix(_ROLLBACK) not in names
        ):
            found.refuse(name, None, "rolls back a migration that has no file")
    return olds


def _head(text: str) -> dict[str, str]:
    """What the comments before the first statement say."""
    try:
        first = next(split(text), (len(text), 0))[0]
    except Unterminated:
        first = len(text)
    return {match[1]: match[2] for match in _HEAD.finditer(text[:first])}


def _one(files: Files, key: str, name: str, head: Mapping[str, str], found: Findings) -> Old:
    text = found.text(files, name) if name.endswith(".sql") else ""
    # What only yoyo reads must not look like another tool's marker to us.
    text = _HEAD.sub(lambda one: f"-- (was) {one[1]}: {one[2]}", text, count=4) if head else text
    back = f"{key}{_ROLLBACK}"
    digits = _DIGITS.match(key)
    number = digits and int(digits[1] + (digits[2] or "").zfill(2) if digits[2] else digits[1])
    if any(re.search(r"%\w|%\(|%%", part) for part in (text,)):
        found.note(name, None, "holds a percent sign, which yoyo may have sent otherwise")
    return Old(
        key=key,
        version=whole_number(str(number)) if number is not None else None,
        title=name,
        description=described(_DIGITS.sub("", key, count=1).strip("_-. "), "migration"),
        up=Part(text, name),
        down=Part(found.text(files, back), back) if back in files else None,
        transaction=False if head.get("transactional", "").lower() == "false" else None,
        origin=(name, back) if back in files else (name,),
    )


def _ordered(
    names: Mapping[str, str], depends: Mapping[str, list[str]], found: Findings
) -> list[str]:
    """By what depends on what, then by name."""
    done: dict[str, None] = {}
    left = sorted(names)
    for key, needed in depends.items():
        for one in needed:
            if one not in names:
                found.refuse(names[key], None, f"depends on {one}, which has no file")
    while left:
        ready = next(
            (key for key in left if all(n in done or n not in names for n in depends[key])), None
        )
        if ready is None:
            found.refuse(names[left[0]], None, f"depends in a circle with {', '.join(left[1:3])}")
            return [*done, *left]
        done[ready] = None
        left.remove(ready)
    return list(done)


def _applied(rows: Rows, _: Sequence[Old], __: Findings) -> list[Applied]:
    return [Applied(str(row["migration_id"]), row["at"]) for row in rows]


READER = Reader(
    "yoyo",
    read,
    Ledger(
        lambda table: (
            "SELECT migration_id, (applied_at_utc::TIMESTAMP AT TIME ZONE 'UTC') AS at"
            f" FROM {table} ORDER BY applied_at_utc, migration_id"
        ),
        _applied,
        tables=("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock"),
        held={"yoyo_lock": "true"},
    ),
    "<name>.sql and <name>.rollback.sql",
)
