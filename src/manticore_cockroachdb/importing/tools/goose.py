"""goose: ``1_x.sql`` with ``-- +goose Up`` and ``-- +goose Down``. rockhopper reads the like.

Read in goose's sources (internal/sqlparser/parser.go). It works line by line, without a lexer: an
annotation counts in a string and in a dollar-quoted body too, and outside of ``StatementBegin`` and
``StatementEnd`` a statement ends at a line that ends in ``;``, whatever that is inside of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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

_NAME = re.compile(r"(\d+)_([^/]*)\.(sql|go)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(:?[-?+=][^}]*)?\}|(\w+))")
_COMMANDS = {
    "up": "up",
    "down": "down",
    "statementbegin": "begin",
    "statementend": "end",
    "no transaction": "off",
    "envsub on": "on",
    "envsub off": "env off",
}


@dataclass(slots=True)
class _State:
    """What has been read of a file so far. Lines that are no SQL stay as empty ones."""

    name: str
    direction: str | None = None
    lines: dict[str, list[str]] = field(default_factory=lambda: {"up": [], "down": []})
    first: dict[str, int] = field(default_factory=dict)
    sent: dict[str, list[str]] = field(default_factory=lambda: {"up": [], "down": []})
    buffer: list[str] = field(default_factory=list)
    begun: int | None = None
    substitutes: bool = False
    off: bool = False


def read(files: Files, options: Options, found: Findings) -> list[Old]:
    """The migrations, in order of number."""
    return _read(files, options, found, rockhopper=False)


def read_rockhopper(files: Files, options: Options, found: Findings) -> list[Old]:
    """The same with rockhopper's marks; a second package is refused."""
    return _read(files, options, found, rockhopper=True)


def _read(files: Files, options: Options, found: Findings, *, rockhopper: bool) -> list[Old]:
    olds: dict[int, Old] = {}
    packages: dict[str, str] = {}
    for name in files.names:
        match = _NAME.fullmatch(name)
        if match is None or name.endswith("_test.go"):
            continue
        number = int(match[1])
        if match[3] == "go":
            if b"goose" not in files.data(name):
                continue
            found.refuse(name, None, "is a program in Go, and only SQL can be carried over")
        if number in olds:
            found.refuse(name, None, f"has the same version as {olds[number].title}")
            continue
        state = _State(name)
        if match[3] == "sql":
            text = found.text(files, name)
            if rockhopper and (package := re.search(r"^--\s*@package\s+(\S+)", text, re.M)):
                packages.setdefault(package[1], name)
                text = re.sub(r"^--\s*@package\b.*$", "--", text, flags=re.M)
            _parse(state, text, options.variables, found, rockhopper=rockhopper)
        olds[number] = Old(
            key=str(number),
            version=whole_number(match[1]),
            title=name,
            description=described(match[2], "migration"),
            up=_part(state, "up"),
            down=_part(state, "down") if "down" in state.first else None,
            transaction=False if state.off else None,
            origin=(name,),
        )
    if len(packages) > 1:
        one, two, *_ = packages.values()
        found.refuse(
            two, None, f"is of another package than {one}; ours has one directory for each"
        )
    return [olds[number] for number in sorted(olds)]


def _part(state: _State, direction: str) -> Part:
    return Part(
        "\n".join(state.lines[direction]),
        state.name,
        state.first.get(direction, 1),
        tuple(state.sent[direction]),
    )


def _parse(
    state: _State,
    text: str,
    variables: Mapping[str, str],
    found: Findings,
    *,
    rockhopper: bool,
) -> None:
    """Read a file as goose does; what goose refuses is refused here."""
    lines = text.split("\n")
    for number, raw in enumerate(lines, 1):
        line = raw.removesuffix("\r")
        command = _command(line, rockhopper=rockhopper)
        if command is None:
            if line.strip().startswith("--") and "+goose" in line.lstrip("- \t")[:6]:
                found.refuse(state.name, number, f"{line.strip()!r} is no annotation of goose's")
            _content(state, line, number, variables, found)
            continue
        if line[:1] in " \t":
            found.refuse(state.name, number, "an annotation has blanks before it; goose refuses it")
        _obey(state, command, number, found)
        if state.direction is not None and number != state.first[state.direction] - 1:
            state.lines[state.direction].append("")
    _finish(state, len(lines), found)


def _command(line: str, *, rockhopper: bool) -> str | None:
    stripped = line.strip()
    if not stripped.startswith("--"):
        return None
    inner = " ".join(stripped[2:].split())
    if inner.startswith("+goose"):
        return _COMMANDS.get(inner.removeprefix("+goose").strip().lower())
    if rockhopper and inner.startswith("+"):
        return _COMMANDS.get(inner[1:].strip().lower())
    return None


def _obey(state: _State, command: str, number: int, found: Findings) -> None:
    def wrong(message: str) -> None:
        found.refuse(state.name, number, f"{message}; goose refuses it")

    match command:
        case "up" | "down":
            if command in state.first:
                wrong(f"a second {command.title()}")
            if command == "down" and "up" not in state.first:
                wrong("Down comes before Up")
            if state.direction is not None:
                _flush(state, number, found)
            state.direction = command
            state.first.setdefault(command, number + 1)
        case "begin":
            if state.direction is None:
                wrong("StatementBegin comes before Up")
            if state.begun is not None:
                wrong("StatementBegin inside of another")
            if any(line.strip() for line in state.buffer):
                wrong("StatementBegin before the statement above has ended")
            state.begun, state.buffer = number, []
        case "end":
            if state.begun is None:
                wrong("StatementEnd without StatementBegin")
            elif state.direction is not None:
                state.sent[state.direction].append("\n".join(state.buffer))
            state.begun, state.buffer = None, []
        case "off":
            state.off = True
        case "on":
            state.substitutes = True
        case _:
            state.substitutes = False


def _content(
    state: _State, line: str, number: int, variables: Mapping[str, str], found: Findings
) -> None:
    """A line of SQL, or a comment."""
    if state.direction is None:
        if line.strip() and not line.strip().startswith("--"):
            found.refuse(state.name, number, "has SQL before -- +goose Up, which goose refuses")
        return
    if state.substitutes:
        line = _substituted(state.name, line, number, variables, found)
    state.lines[state.direction].append(line)
    stripped = line.strip()
    if state.begun is not None:
        state.buffer.append(line)
        return
    if not state.buffer and (not stripped or stripped.startswith("--")):
        return
    state.buffer.append(line)
    if _ends(line):
        state.sent[state.direction].append("\n".join(state.buffer))
        state.buffer = []


def _ends(line: str) -> bool:
    """Whether goose ends a statement with a line: its last word before a comment ends in ``;``."""
    last = ""
    for word in line.split():
        if word.startswith("--"):
            break
        last = word
    return last.endswith(";")


def _flush(state: _State, number: int, found: Findings) -> None:
    rest = [line for line in state.buffer if line.strip() and not line.strip().startswith("--")]
    if rest:
        found.refuse(
            state.name, number, "the statement above does not end in `;`; goose refuses it"
        )
    state.buffer = []


def _finish(state: _State, number: int, found: Findings) -> None:
    if state.direction is None:
        found.refuse(state.name, None, "has no line -- +goose Up")
        return
    if state.begun is not None:
        found.refuse(state.name, state.begun, "StatementBegin without StatementEnd")
    # What is left at the end goose sends if it is the way forward of the last part, or refuses.
    _flush(state, number, found)


def _substituted(
    name: str, line: str, number: int, variables: Mapping[str, str], found: Findings
) -> str:
    """A line with its environment variables, as ENVSUB has it; only given ones are known."""

    def value(match: re.Match[str]) -> str:
        key, rest = match[1] or match[3], match[2] or ""
        if key in variables:
            found.note(name, number, f"{match[0]} is {variables[key]!r} for good now")
            return variables[key]
        if rest.startswith((":-", "-")):
            found.note(name, number, f"{match[0]} is its default for good now")
            return rest.lstrip(":").removeprefix("-")
        found.refuse(name, number, f"{match[0]} has no value", f"give it one: --var {key}=VALUE")
        return match[0]

    return _VARIABLE.sub(value, line)


def _applied(rows: Rows, _: Sequence[Old], __: Findings) -> list[Applied]:
    """The newest row of each version says whether it is applied."""
    newest: dict[str, Applied | None] = {}
    for row in rows:
        key = str(row["version_id"])
        newest[key] = Applied(key, row["at"]) if row["is_applied"] else None
    return [one for key, one in newest.items() if one is not None and key != "0"]


def _applied_by_rockhopper(rows: Rows, _: Sequence[Old], __: Findings) -> list[Applied]:
    return [Applied(str(row["version_id"])) for row in rows if str(row["version_id"]) != "0"]


READER = Reader(
    "goose",
    read,
    Ledger(
        lambda table: (
            f"SELECT version_id, is_applied, tstamp::TIMESTAMPTZ AS at FROM {table} ORDER BY id"
        ),
        _applied,
        tables=("goose_db_version",),
        columns="id SERIAL PRIMARY KEY, version_id BIGINT NOT NULL, is_applied BOOLEAN NOT NULL,"
        " tstamp TIMESTAMP NOT NULL DEFAULT now()",
    ),
    "<number>_<name>.sql with a line -- +goose Up",
)
ROCKHOPPER = Reader(
    "rockhopper",
    read_rockhopper,
    Ledger(
        lambda table: f"SELECT DISTINCT version_id FROM {table} ORDER BY 1",
        _applied_by_rockhopper,
        tables=("rockhopper_versions", "rockhopper_data_migrations"),
    ),
    "<number>_<name>.sql with a line -- +up",
)
