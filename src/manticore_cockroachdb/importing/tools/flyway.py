"""Flyway: ``V1.2__x.sql``, ``U1.2__x.sql``, ``R__x.sql``, ``B5__x.sql``; and refinery's likeness.

Read in Flyway's sources (flyway-core, resolver and schemahistory). Versions are compared part by
part. Placeholders ``${name}`` are on by default. The checksum is a CRC32 of the lines, without
their ends. Repeatable migrations become repeatable files.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import FileError
from ...migrations.repeatable import parse_repeatable
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

Version = tuple[int, ...]

_NAME = re.compile(r"(?:.*/)?([VUBR])([^/]*?)__([^/]*)\.(sql|java|class|py|sh|ps1|bash|cmd|bat)")
_NUMBERS = re.compile(r"\d+(?:[._]\d+)*")
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_CALLBACK = re.compile(
    r"(?:.*/)?((?:before|after)(?:Each)?(?:Migrate|Undo|Clean|Validate|Baseline|Repair|Info|Connect"
    r"|Versioned|Repeatables|Deploy)\w*)(?:__[^/]*)?\.sql"
)
_LINE = re.compile(r"\r\n|\r|\n")
_PROGRAM = "is a program, and only SQL can be carried over"


def read(files: Files, options: Options, found: Findings) -> list[Old]:
    """The migrations, in order of version."""
    ups: dict[Version, Old] = {}
    undos: dict[Version, tuple[str, Part]] = {}
    for name in files.names:
        if callback := _CALLBACK.fullmatch(name):
            found.refuse(name, None, f"is the callback {callback[1]}, which ours has not")
            continue
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        kind, version, description, extension = match.groups()
        if kind == "R":
            _repeatable(files, name, options, found)
            continue
        if not _NUMBERS.fullmatch(version):
            found.refuse(name, None, f"the version {version!r} is no number")
            continue
        if extension != "sql":
            found.refuse(name, None, _PROGRAM)
            continue
        key = _parts(version)
        text = found.text(files, name)
        part = Part(_filled(files, name, text, options, found), name)
        if kind == "U":
            undos[key] = (name, part)
        elif key in ups:
            found.refuse(name, None, f"has the same version as {ups[key].title}")
        else:
            old = Old(
                key=_canonical(version),
                version=None,
                title=name.rpartition("/")[2],
                description=described(description, "migration"),
                up=part,
                transaction=_mode(files, name, options, found),
                checksum=str(checksum(text)),
                origin=(name,),
            )
            ups[key] = old
            if kind == "B":
                found.refuse(
                    name,
                    None,
                    "is a baseline, which Flyway runs instead of what is older",
                    "begin with the schema as it is: --baseline-from VERSION",
                )
    for key, (name, part) in undos.items():
        if key not in ups:
            found.refuse(name, None, "undoes a version that has no file")
            continue
        ups[key] = replace(ups[key], down=part, origin=(*ups[key].origin, name))
    return _versioned(ups)


def _repeatable(files: Files, name: str, options: Options, found: Findings) -> None:
    """``R__x.sql`` becomes ``repeatable/x.sql``, in the folder that it is in."""
    folder, _, own = name.rpartition("/")
    target = "/".join(filter(None, (folder, own.partition("__")[2])))
    if not own.endswith(".sql"):
        found.refuse(name, None, _PROGRAM)
        return
    if any(one.name == target for one in found.repeatable):
        found.refuse(name, None, f"becomes repeatable/{target}, as another file does")
        return
    text = _filled(files, name, found.text(files, name), options, found)
    try:
        one = parse_repeatable(target, text, files.path(name))
        _ = one.made  # what could not run again is told here
    except FileError as error:
        found.refuse(name, error.line, error.message, error.hint)
        return
    found.repeatable.append(one)
    found.note(
        name,
        None,
        f"becomes repeatable/{target}, which runs in the order of what it needs, not of names;"
        " the next migrate runs it once more",
    )


def _parts(version: str) -> Version:
    """A version as Flyway compares it: without zeros at its end."""
    parts = [int(part) for part in re.split(r"[._]", version)]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _canonical(version: str) -> str:
    return ".".join(map(str, _parts(version)))


def _versioned(ups: dict[Version, Old]) -> list[Old]:
    """Whole numbers stay; 1.2.3 becomes 1002003 where every part has three digits at most."""
    order = sorted(ups)
    longest = max(map(len, order), default=1)
    # What is a timestamp or a plain count is kept; the rest needs room for each part.
    fits = all(part < 1000 for key in order for part in key[1:]) and longest <= 4
    olds = []
    for key in order:
        number: int | None = None
        if longest == 1:
            number = key[0] if key[0] < 2**63 else None
        elif fits and key[0] < 10**6:
            padded = [*key, *([0] * (longest - len(key)))]
            number = sum(part * 1000 ** (longest - 1 - i) for i, part in enumerate(padded))
        old = ups[key]
        remark = (f"was {old.title}",) if longest > 1 and number is not None else ()
        olds.append(replace(old, version=number, remarks=remark))
    return olds


def _mode(files: Files, name: str, options: Options, found: Findings) -> bool | None:
    """What the file ``x.sql.conf`` beside a migration says."""
    conf = f"{name}.conf"
    if conf not in files:
        return None
    mode: bool | None = None
    for number, line in enumerate(found.text(files, conf).splitlines(), 1):
        key, equals, value = (word.strip() for word in line.partition("="))
        if not equals or key.startswith("#"):
            continue
        if key == "executeInTransaction":
            mode = None if value.lower() == "true" else False
        elif key not in ("placeholderReplacement", "encoding"):
            found.refuse(conf, number, f"the setting {key} has nothing like it here")
    return mode


def _filled(files: Files, name: str, text: str, options: Options, found: Findings) -> str:
    """The text with its placeholders; one without a value is refused."""
    conf = f"{name}.conf"
    if conf in files and re.search(
        r"^\s*placeholderReplacement\s*=\s*false\s*$", files.text(conf), re.MULTILINE
    ):
        return text
    names = {key.lower(): key for key in options.variables}

    def value(match: re.Match[str]) -> str:
        line = text.count("\n", 0, match.start()) + 1
        key = match[1]
        if key.lower() in names:
            found_value = options.variables[names[key.lower()]]
            found.note(name, line, f"{match[0]} is {found_value!r} for good now")
            return found_value
        if key.lower() == "flyway:filename":
            return name.rpartition("/")[2]
        found.refuse(
            name,
            line,
            f"{match[0]} has no value",
            f"give it one: --var {key}=VALUE; it is then the same in every environment",
        )
        return match[0]

    return _PLACEHOLDER.sub(value, text)


def checksum(text: str) -> int:
    """Flyway's checksum of a text: CRC32 of its lines without their ends, as a signed number."""
    crc = 0
    lines = _LINE.split(text)
    if lines and not lines[-1]:
        lines.pop()
    for line in lines:
        crc = zlib.crc32(line.encode(), crc)
    return crc - 2**32 if crc >= 2**31 else crc


def _applied(rows: Rows, olds: Sequence[Old], found: Findings) -> list[Applied]:
    applied: dict[str, Applied] = {}
    for row in rows:
        if row["description"] == "flyway-lock":
            found.refuse("", None, "Flyway is at work, or died at it: its table has a flyway-lock")
            continue
        if not row["success"]:
            found.refuse(
                "",
                None,
                f"{row['script']} failed and is not repaired",
                "settle the database, then `flyway repair`, then import",
            )
            continue
        if row["version"] is None:
            if row["type"] != "SCHEMA":
                found.note(
                    "",
                    None,
                    f"{row['script']}, a repeatable migration, is not recorded: it runs once more",
                )
            continue
        key, kind = _canonical(str(row["version"])), str(row["type"])
        if kind.startswith("UNDO_") or kind == "DELETE":
            applied.pop(key, None)
        elif kind in ("BASELINE", "SQL_BASELINE"):
            _below(key, olds, row, applied, found)
        elif kind not in ("SQL", "SCHEMA"):
            found.refuse("", None, f"{row['script']} is of type {kind}, no SQL")
        else:
            code = None if row["checksum"] is None else str(row["checksum"])
            applied[key] = Applied(key, row["at"], row["installed_by"], code)
    return list(applied.values())


def _below(
    key: str,
    olds: Sequence[Old],
    row: Mapping[str, Any],
    applied: dict[str, Applied],
    found: Findings,
) -> None:
    """A baseline: every version up to it counts as applied, though none of them ran."""
    for old in olds:
        if _parts(old.key) <= _parts(key):
            applied[old.key] = Applied(old.key, row["at"], row["installed_by"])
    found.note("", None, f"{key} is a baseline: what is not newer counts as applied without a run")


# --- refinery ------------------------------------------------------------------------------------

_REFINERY = re.compile(r"(?:.*/)?([UV])(\d+(?:\.\d+)?)__(\w+)\.(sql|rs)")


def read_refinery(files: Files, _: Options, found: Findings) -> list[Old]:
    """refinery's migrations. A ``U`` is no undo here: it may come late, and goes forward."""
    ups: dict[Version, Old] = {}
    for name in files.names:
        match = _REFINERY.fullmatch(name)
        if match is None:
            continue
        kind, version, description, extension = match.groups()
        if extension == "rs":
            found.refuse(name, None, "is a program in Rust, and only SQL can be carried over")
        key = tuple(int(part) for part in version.split("."))
        if key in ups:
            found.refuse(name, None, f"has the same version as {ups[key].title}")
            continue
        if kind == "U":
            found.note(name, None, "may come late with refinery; ours applies it in its order")
        ups[key] = Old(
            key=".".join(map(str, key)),
            version=None,
            title=name.rpartition("/")[2],
            description=described(description, "migration"),
            up=Part(found.text(files, name), name),
            origin=(name,),
        )
    return _versioned(ups)


def _applied_by_refinery(rows: Rows, _: Sequence[Old], __: Findings) -> list[Applied]:
    return [Applied(str(row["version"]), row["at"]) for row in rows]


READER = Reader(
    "flyway",
    read,
    Ledger(
        lambda table: (
            "SELECT version, description, type, script, checksum, installed_by,"
            f" installed_on::TIMESTAMPTZ AS at, success FROM {table} ORDER BY installed_rank"
        ),
        _applied,
        tables=("flyway_schema_history",),
        columns="installed_rank INT NOT NULL PRIMARY KEY, version VARCHAR(50), description"
        " VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, checksum"
        " INTEGER, installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT"
        " now(), execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL",
    ),
    "V<version>__<description>.sql",
)
REFINERY = Reader(
    "refinery",
    read_refinery,
    Ledger(
        lambda table: (
            f"SELECT version, applied_on::TIMESTAMPTZ AS at FROM {table} ORDER BY version"
        ),
        _applied_by_refinery,
        tables=("refinery_schema_history",),
        columns="version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum"
        " VARCHAR(255)",
    ),
    "V<version>__<name>.sql or U<version>__<name>.sql",
)
