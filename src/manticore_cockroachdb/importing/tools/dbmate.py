"""dbmate: ``20240101120000_x.sql`` with ``-- migrate:up`` and ``-- migrate:down``.

Read in dbmate's sources (pkg/dbmate/migration.go, parse.go). Markers are found by a pattern over
lines, wherever those are, in a string too. After a marker come options; of these only
``transaction:false`` means anything, and any word makes the line a marker. Each part is sent whole.
A file may have several pairs, each forward part in a transaction of its own.
"""

from __future__ import annotations

import re

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
    by_version,
    described,
    whole_number,
)

_NAME = re.compile(r"(\d+)([^/]*)\.sql")
_MARKER = re.compile(r"^--\s*migrate:(up|down)(\s*$|[^\S\n]+\S.*$)", re.MULTILINE)
_INDENTED = re.compile(r"^[ \t]+--\s*migrate:(?:up|down)\b", re.MULTILINE)
_OPTION = re.compile(r"([^\s:]+):(\S+)")
_BEFORE = re.compile(r"\s*(?:--.*)?")


def read(files: Files, _: Options, found: Findings) -> list[Old]:
    """The migrations, in order of file name."""
    olds = []
    for name in files.names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        text = found.text(files, name)
        old = _one(name, match[1], match[2], text, found)
        olds.append(old)
    return olds


def _one(name: str, version: str, rest: str, text: str, found: Findings) -> Old:
    marks = list(_MARKER.finditer(text))
    if indented := _INDENTED.search(text):
        found.refuse(
            name,
            text.count("\n", 0, indented.start()) + 1,
            f"{indented[0].strip()} has blanks before it, and so is no marker to dbmate",
            "take the blanks away, if it was meant as one",
        )
    if not marks or marks[0][1] != "up":
        found.refuse(
            name,
            1,
            "has no line -- migrate:up before anything else, and dbmate takes no file without",
        )
        return Old(version, whole_number(version), name, "x", Part("", name), origin=(name,))
    for at, before in enumerate(text[: marks[0].start()].splitlines(), 1):
        if not _BEFORE.fullmatch(before):
            found.refuse(name, at, "has a statement before -- migrate:up, which dbmate refuses")
    parts: list[tuple[str, Part, bool]] = []
    for i, mark in enumerate(marks):
        end = marks[i + 1].start() if i + 1 < len(marks) else len(text)
        start = mark.end()
        options = dict(_OPTION.findall(mark[2]))
        in_transaction = options.get("transaction") != "false"
        line = text.count("\n", 0, start) + 1
        parts.append((mark[1], Part(text[start:end], name, line), in_transaction))
    return _joined(name, version, rest, parts, found)


def _joined(
    name: str,
    version: str,
    rest: str,
    parts: list[tuple[str, Part, bool]],
    found: Findings,
) -> Old:
    """One migration of all pairs of a file: forward in order, back in reverse."""
    ups = [(part, mode) for kind, part, mode in parts if kind == "up"]
    downs = [(part, mode) for kind, part, mode in parts if kind == "down"]
    if not downs:
        found.refuse(name, None, "has no line -- migrate:down, which dbmate asks for")
    modes = {mode for _, part, mode in parts if part.text.strip()}
    if len(modes) > 1:
        found.refuse(
            name,
            None,
            "has parts in a transaction and parts with transaction:false; ours has one mode a file",
            "make a migration of each",
        )
    return Old(
        key=version,
        version=whole_number(version),
        title=name,
        description=described(rest, "migration"),
        up=_one_of([part for part, _ in ups]),
        down=_one_of([part for part, _ in reversed(downs)]) if downs else None,
        transaction=None if True in modes or not modes else False,
        origin=(name,),
    )


def _one_of(parts: list[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    # A `;` of its own ends a last statement that has none; after another it means nothing.
    return Part("\n;\n".join(part.text for part in parts), parts[0].name, parts[0].line)


def _applied(rows: Rows, olds: object, found: object) -> list[Applied]:
    return by_version(rows)


READER = Reader(
    "dbmate",
    read,
    Ledger(
        lambda table: f"SELECT version FROM {table} ORDER BY version",
        _applied,
        tables=("schema_migrations",),
        columns="version VARCHAR PRIMARY KEY",
    ),
    "<digits>_<description>.sql with a line -- migrate:up",
)
