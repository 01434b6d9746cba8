"""Tools with the plainest of markers: sql-migrate, node-pg-migrate in SQL, Postgrator.

sql-migrate (sqlparse/sqlparse.go) cuts statements as goose does, at a line's end; its marks are
``-- +migrate Up``, with ``notransaction`` behind it. node-pg-migrate (src/sqlMigration.ts) sends
each part whole. Postgrator keeps the directions in files ``1.do.x.sql`` and ``1.undo.x.sql``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

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


def _one(name: str, text: str, found: Findings) -> Old:
    lines: dict[str, list[str]] = {"up": [], "down": []}
    first: dict[str, int] = {}
    sent: dict[str, list[str]] = {"up": [], "down": []}
    modes: dict[str, bool] = {}
    current: str | None = None
    buffer: list[str] = []
    inside = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r")
        command = _COMMAND.fullmatch(line)
        if command is not None:
            word = command[1].lower()
            if word in ("up", "down"):
                if buffer and any(
                    one.strip() and not one.strip().startswith("--") for one in buffer
                ):
                    found.refuse(name, number, "the statement above does not end in `;`")
                buffer = []
                current = word
                if word in first:
                    found.refuse(name, number, f"a second {word.title()}")
                first.setdefault(word, number + 1)
                modes[word] = "notransaction" in command[2].lower().split()
                continue
            if word == "statementbegin":
                inside = True
            elif word == "statementend":
                inside = False
                if current is not None:
                    sent[current].append("\n".join(buffer))
                buffer = []
            else:
                found.refuse(name, number, f"{line.strip()!r} is no command of sql-migrate's")
            line = ""
        if current is None:
            if line.strip() and not line.strip().startswith("--"):
                found.refuse(name, number, "has SQL before -- +migrate Up")
            continue
        lines[current].append(line)
        if not line.strip() or (not buffer and line.strip().startswith("--")):
            continue
        buffer.append(line)
        bare = line.split("--")[0].rstrip()
        if not inside and bare.endswith(";"):
            sent[current].append("\n".join(buffer))
            buffer = []
    if "up" not in first:
        found.refuse(name, None, "has no line -- +migrate Up")
    if any(one.strip() and not one.strip().startswith("--") for one in buffer):
        found.refuse(name, None, "its last statement does not end in `;`")
    if len(set(modes.values())) > 1:
        found.refuse(name, None, "has one direction with notransaction; ours has one mode a file")
    parts = {
        kind: Part("\n".join(lines[kind]), name, first.get(kind, 1), tuple(sent[kind]))
        for kind in ("up", "down")
    }
    match = re.match(r"(\d+)[_-]?", name)
    return Old(
        key=name,
        version=whole_number(match[1]) if match else None,
        title=name,
        description=described(
            name[match.end() if match else 0 :].removesuffix(".sql"), "migration"
        ),
        up=parts["up"],
        down=parts["down"] if "down" in first else None,
        transaction=False if True in modes.values() else None,
        origin=(name,),
    )


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
