"""Tools whose files are plain SQL, one a version: Supabase, Atlas; and our own 0.3.1."""

from __future__ import annotations

import base64
import hashlib
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
from .pairs import numbered

_NAME = re.compile(r"([0-9]+)_([^/]*)\.sql")
_ATLAS = re.compile(r"([^_/]+)(?:_([^/]*))?\.sql")
_DIRECTIVE = re.compile(r"^--[ \t]*atlas:(\w+)[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE)
_OLD = re.compile(r"V(\d+)__([^/]*)\.sql")
_DOWN = re.compile(r"^--\s*DOWN\s*$", re.MULTILINE)


def read_supabase(files: Files, _: Options, found: Findings) -> list[Old]:
    """Supabase's migrations, in order of version."""
    return [
        Old(
            key=match[1],
            version=whole_number(match[1]),
            title=name,
            description=described(match[2], "migration"),
            up=Part(found.text(files, name), name),
            origin=(name,),
        )
        for name in sorted(
            files.names,
            key=lambda n: (
                int(n.split("_")[0]) if n[:1].isdigit() and n.split("_")[0].isdigit() else 0,
                n,
            ),
        )
        if (match := _NAME.fullmatch(name))
    ]


def read_atlas(files: Files, _: Options, found: Findings) -> list[Old]:
    """Atlas' migrations, once they are what ``atlas.sum`` says."""
    olds = []
    sums = _sums(files, found)
    for name in files.names:
        match = _ATLAS.fullmatch(name)
        if match is None:
            continue
        text = found.text(files, name)
        if sums is not None and sums.get(name) != _hash(files, name, sums):
            found.refuse(
                name,
                None,
                "is not what atlas.sum says",
                "`atlas migrate hash`, if the change is right",
            )
        mode: bool | None = None
        for one in _DIRECTIVE.finditer(text):
            line = text.count("\n", 0, one.start()) + 1
            match one[1], one[2]:
                case "txmode", "none":
                    mode = False
                case "txmode", "file" | "all":
                    pass
                case "nolint", _:
                    found.note(name, line, f"{one[0].strip()} is a mere comment to manticore lint")
                case key, _:
                    found.refuse(name, line, f"atlas:{key} has nothing like it here")
        text = _DIRECTIVE.sub(lambda one: f"-- (was) atlas:{one[1]} {one[2]}".rstrip(), text)
        found_name = _ATLAS.fullmatch(name)
        assert found_name is not None
        olds.append(
            Old(
                key=found_name[1],
                version=whole_number(found_name[1]),
                title=name,
                description=described(found_name[2] or "migration", "migration"),
                up=Part(text, name),
                transaction=mode,
                origin=(name,),
            )
        )
    return olds


def _sums(files: Files, found: Findings) -> dict[str, str] | None:
    if "atlas.sum" not in files:
        return None
    lines = [line.split() for line in found.text(files, "atlas.sum").splitlines()]
    return {words[0]: words[1] for words in lines if len(words) == 2}


def _hash(files: Files, name: str, sums: dict[str, str]) -> str:
    """The hash of a file in ``atlas.sum``: it runs on from file to file in their order."""
    digest = hashlib.sha256()
    for one in sums:
        if one not in files:
            continue
        digest.update(one.encode() + files.data(one))
        if one == name:
            break
    return "h1:" + base64.b64encode(digest.digest()).decode()


def read_manticore(files: Files, _: Options, found: Findings) -> list[Old]:
    """The files of manticore 0.3.1: ``V1__x.sql`` with a line ``-- DOWN``."""
    olds: dict[int, Old] = {}
    for number, name, match in numbered(files, _OLD, olds, found):
        text = found.text(files, name)
        mark = _DOWN.search(text)
        up, down = (text, None) if mark is None else (text[: mark.start()], text[mark.end() :])
        olds[number] = Old(
            key=str(number),
            version=whole_number(match[1]),
            title=name,
            description=described(match[2], "migration"),
            up=Part(up, name),
            down=None if down is None else Part(down, name, up.count("\n") + 1),
            origin=(name,),
        )
    return [olds[number] for number in sorted(olds)]


def _applied(rows: Rows, _: Sequence[Old], __: Findings) -> list[Applied]:
    return [Applied(str(row["version"])) for row in rows]


def _applied_by_atlas(rows: Rows, _: Sequence[Old], found: Findings) -> list[Applied]:
    applied = []
    for row in rows:
        if str(row["version"]).startswith("."):
            continue
        if row["error"] or row["applied"] < row["total"]:
            found.refuse(
                "",
                None,
                f"version {row['version']} stopped after {row['applied']} of"
                f" {row['total']} statements",
                "settle it, `atlas migrate set`, then import",
            )
        applied.append(Applied(str(row["version"]), row["at"]))
    return applied


SUPABASE = Reader(
    "supabase",
    read_supabase,
    Ledger(
        lambda table: f"SELECT version FROM {table} ORDER BY version",
        _applied,
        schemas=("supabase_migrations",),
    ),
    "<14 digits>_<name>.sql",
)
ATLAS = Reader(
    "atlas",
    read_atlas,
    Ledger(
        lambda table: (
            "SELECT version, applied, total, error, executed_at::TIMESTAMPTZ AS at"
            f" FROM {table} ORDER BY version"
        ),
        _applied_by_atlas,
        tables=("atlas_schema_revisions",),
        schemas=("atlas_schema_revisions",),
    ),
    "<version>_<description>.sql beside atlas.sum",
)
MANTICORE = Reader("manticore-0.3", read_manticore, None, "V<version>__<description>.sql")
