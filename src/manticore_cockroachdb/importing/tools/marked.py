"""Tools with the plainest of markers: sql-migrate, node-pg-migrate in SQL, Postgrator.

sql-migrate (sqlparse/sqlparse.go) cuts statements as goose does, at a line's end; its marks are
``-- +migrate Up``, with ``notransaction`` behind it. node-pg-migrate (src/sqlMigration.ts) sends
each part whole. Postgrator keeps the directions in files ``1.do.x.sql`` and ``1.undo.x.sql``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...parser.lex import tokens
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
from .pairs import Pair, paired

_COMMAND = re.compile(r"--[ \t]*\+migrate[ \t]+(\w+)[ \t]*(.*?)[ \t]*\r?")
_UP = re.compile(r"^\s*--[\s-]*up\s+migration", re.MULTILINE | re.IGNORECASE)
_DOWN = re.compile(r"^\s*--[\s-]*down\s+migration", re.MULTILINE | re.IGNORECASE)
_DO = re.compile(r"(\d+)\.(do|undo)(?:\.([^/]*))?\.(\w+)")
_NUMBERED = re.compile(r"(\d+)[_-]([^/]*)\.(sql|[cm]?[jt]s)")


def read_sql_migrate(files: Files, _: Options, found: Findings) -> list[Old]:
    """sql-migrate's files, in its order: by number, then by name."""
    olds = []
    names = [name for name in files.names if name.endswith(".sql") and "/" not in name]
    for name in sorted(names, key=lambda name: (_leading(name), name)):
        olds.append(_one(name, found.text(files, name), found))
    return olds


def _leading(name: str) -> int:
    match = re.match(r"\d+", name)
    return int(match[0]) if match else 0


@dataclass(slots=True)
class _Direction:
    """One direction of a file: its lines, and its statements as they are sent."""

    first: int
    off: bool = False
    lines: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def end(self, lines: Sequence[str]) -> None:
        """A statement is at its end. sql-migrate leaves out each line that begins with ``-- ``:
        nothing but a comment, unless it is inside of a string or a function's body."""
        whole, bare = "\n".join(lines), "\n".join(line for line in lines if line[:3] != "-- ")
        text = whole if _same_tokens(whole, bare) else bare
        self.sent.append(text)
        self.lines += [*text.split("\n"), *([""] * (len(lines) - text.count("\n") - 1))]


def _same_tokens(one: str, two: str) -> bool:
    try:
        return [token[:2] for token in tokens(one)] == [token[:2] for token in tokens(two)]
    except Unterminated:
        return False


def _one(name: str, text: str, found: Findings) -> Old:
    parts: dict[str, _Direction] = {}
    current: _Direction | None = None
    above: list[str] = []
    buffer: list[str] = []
    inside = False

    def ended() -> None:
        """What is not at its end where its direction is."""
        if any(line.strip() and not line.strip().startswith("--") for line in buffer):
            found.refuse(name, number, "the statement above does not end in `;`")
        elif current is not None:
            current.lines.extend(buffer)
        buffer.clear()

    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r")
        command = _COMMAND.fullmatch(line)
        word = command[1].lower() if command else ""
        if command is not None and word in ("up", "down"):
            ended()
            if word in parts:
                found.refuse(name, number, f"a second {word.title()}")
            current = parts.setdefault(word, _Direction(number + 1))
            current.off = "notransaction" in command[2].lower().split()
            continue
        if command is not None:
            if word == "statementbegin":
                inside = True
            elif word != "statementend":
                found.refuse(name, number, f"{line.strip()!r} is no command of sql-migrate's")
            line = ""
        if current is None:
            above.append(line)
            continue
        if word == "statementend":
            inside = False
            current.end(buffer)
            buffer.clear()
        if not buffer and (not line.strip() or line.strip().startswith("--")):
            current.lines.append(line)
            continue
        buffer.append(line)
        if not inside and line.split("--")[0].rstrip().endswith(";"):
            current.end(buffer)
            buffer.clear()
    ended()
    if "up" not in parts:
        found.refuse(name, None, "has no line -- +migrate Up")
    elif (offset := _begins("\n".join(above))) is not None:
        line_of = "\n".join(above).count("\n", 0, offset) + 1
        found.refuse(name, line_of, "has SQL before -- +migrate Up, which sql-migrate does not run")
    modes = {part.off for part in parts.values()}
    if len(modes) > 1:
        found.refuse(name, None, "has one direction with notransaction; ours has one mode a file")
    up, down = (
        Part("\n".join(part.lines), name, part.first, tuple(part.sent))
        for part in (parts.get("up", _Direction(1)), parts.get("down", _Direction(1)))
    )
    match = re.match(r"(\d+)[_-]?", name)
    return Old(
        key=name,
        version=whole_number(match[1]) if match else None,
        title=name,
        description=described(
            name[match.end() if match else 0 :].removesuffix(".sql"), "migration"
        ),
        up=up,
        down=down if "down" in parts else None,
        transaction=False if True in modes else None,
        origin=(name,),
    )


def _begins(text: str) -> int | None:
    """Where the first statement of a text is, None where it has only comments."""
    try:
        return next((start for start, _ in split(text)), None)
    except Unterminated as error:
        return error.offset


def read_node(files: Files, _: Options, found: Findings) -> list[Old]:
    """node-pg-migrate's SQL files."""
    olds = []
    for name in files.names:
        match = _NUMBERED.fullmatch(name)
        if match is None:
            continue
        text = ""
        if match[3] == "sql":
            text = found.text(files, name)
        else:
            found.refuse(name, None, "is a program, and only SQL can be carried over")
        up, down = _UP.search(text), _DOWN.search(text)
        start = up.end() if up else 0
        end = down.start() if down else len(text)
        if down is not None and end < start:
            found.refuse(name, None, "has its way back before its way forward")
        line = text.count("\n", 0, down.end() if down else 0) + 1
        olds.append(
            Old(
                key=name.rpartition(".")[0],
                version=whole_number(match[1]),
                title=name,
                description=described(match[2], "migration"),
                up=Part(text[start:end], name, text.count("\n", 0, start) + 1),
                down=Part(text[down.end() :], name, line) if down else None,
                origin=(name,),
            )
        )
    return olds


def read_postgrator(files: Files, _: Options, found: Findings) -> list[Old]:
    """Postgrator's pairs."""
    pairs: dict[int, Pair] = {}
    for name in files.names:
        match = _DO.fullmatch(name)
        if match is None:
            continue
        if match[4] != "sql":
            found.refuse(name, None, "is a program, and only SQL can be carried over")
        number = int(match[1])
        pair = pairs.setdefault(number, Pair(str(number), number, match[3] or ""))
        pair.add("up" if match[2] == "do" else "down", name, found)
    return paired(files, pairs, found)


def _applied_ids(rows: Rows, _: Sequence[Old], __: Findings) -> list[Applied]:
    return [Applied(str(row["key"]), row["at"]) for row in rows]


def _applied_by_postgrator(rows: Rows, _: Sequence[Old], __: Findings) -> list[Applied]:
    return [Applied(str(row["key"]), row["at"]) for row in rows if int(row["key"]) > 0]


SQL_MIGRATE = Reader(
    "sql-migrate",
    read_sql_migrate,
    Ledger(
        lambda table: f"SELECT id AS key, applied_at::TIMESTAMPTZ AS at FROM {table} ORDER BY id",
        _applied_ids,
        tables=("gorp_migrations",),
        columns="id TEXT NOT NULL PRIMARY KEY, applied_at TIMESTAMPTZ",
    ),
    "<name>.sql with a line -- +migrate Up",
)
NODE = Reader(
    "node-pg-migrate",
    read_node,
    Ledger(
        lambda table: (
            f"SELECT name AS key, run_on::TIMESTAMPTZ AS at FROM {table} ORDER BY run_on, id"
        ),
        _applied_ids,
        tables=("pgmigrations",),
    ),
    "<number>_<name>.sql with a line -- Up Migration",
)
POSTGRATOR = Reader(
    "postgrator",
    read_postgrator,
    Ledger(
        lambda table: (
            f"SELECT version AS key, run_at::TIMESTAMPTZ AS at FROM {table} ORDER BY version"
        ),
        _applied_by_postgrator,
        tables=("schemaversion",),
    ),
    "<number>.do.<name>.sql and <number>.undo.<name>.sql",
)
