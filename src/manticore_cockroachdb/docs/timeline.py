"""Which migration made or changed which table: read from the files of what was applied.

A statement says which tables it is about (`analysis.changes.tables_of`). A table that was
renamed takes its past along under its new name; one that was dropped and made again begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ..analysis.changes import tables_of
from ..migrations.file import MigrationFile
from ..migrations.script import script_of, stood_in
from ..parser import nodes as n
from ..schema.model import Key

_DONE = {
    n.CreateTable: "made",
    n.AlterTable: "changed",
    n.CreateIndex: "indexed",
    n.CreateObject: "made",
    n.Drop: "dropped",
    n.Dml: "filled",
    n.Truncate: "emptied",
    n.RenameObject: "changed",
    n.Maintenance: "maintained",
}
_ON_TABLE = "changed"


@dataclass(frozen=True, slots=True)
class Touch:
    """What a migration did to a table: "made", "changed", "indexed", "filled" …"""

    table: Key
    done: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One applied migration. ``applied_at`` None: it is not known when."""

    version: int
    description: str
    applied_at: datetime | None = None
    touches: tuple[Touch, ...] = ()


def timeline(
    files: Iterable[MigrationFile],
    applied: Mapping[int, tuple[str, datetime | None]],
    longest: int | None = None,
) -> tuple[Entry, ...]:
    """The applied migrations in order of version, under the tables' present names.

    ``applied`` has for each version its description and when it was applied; a version without
    a file has an entry that touches nothing. ``longest``: bytes that the server keeps of a name.
    """
    by_version = {file.version: file for file in files}
    past: list[dict[Key, list[str]]] = []
    versions = sorted(applied)
    for version in versions:
        done: dict[Key, list[str]] = {}
        past.append(done)
        if version in by_version:
            _read(by_version[version], done, past, longest)
    return tuple(
        Entry(
            version,
            applied[version][0],
            applied[version][1],
            tuple(Touch(key, tuple(dict.fromkeys(words))) for key, words in sorted(done.items())),
        )
        for version, done in zip(versions, past, strict=True)
    )


def _read(
    file: MigrationFile,
    done: dict[Key, list[str]],
    past: list[dict[Key, list[str]]],
    longest: int | None,
) -> None:
    for node in script_of(stood_in(file)).nodes(longest):
        new = _renamed(node)
        for name in tables_of(node):
            done.setdefault(_key(name), []).append(_word(node))
        if new is not None:
            for entry in past:
                if new[0] in entry:
                    entry.setdefault(new[1], []).extend(entry.pop(new[0]))
        if isinstance(node, n.Drop) and node.kind in ("table", "view", "materialized view"):
            for name in node.names:
                for entry in past[:-1]:
                    entry.pop(_key(name), None)


def _word(node: n.Node) -> str:
    if isinstance(node, n.CreateObject) and node.table is not None:
        return _ON_TABLE
    return _DONE.get(type(node), _ON_TABLE)


def _renamed(node: n.Node) -> tuple[Key, Key] | None:
    """The old and the new name of a table that a statement renames or moves."""
    if not isinstance(node, n.AlterTable):
        return None
    schema, name = _key(node.name)
    for action in node.actions:
        if isinstance(action, n.RenameTo):
            return (schema, name), (schema, action.new.name)
        if isinstance(action, n.SetSchema):
            return (schema, name), (action.schema, name)
    return None


def _key(name: n.QName) -> Key:
    return name.schema or "public", name.name


def of_table(entries: Iterable[Entry], key: Key) -> list[tuple[Entry, tuple[str, ...]]]:
    """The migrations that touched a table and what they did, in order."""
    return [(e, t.done) for e in entries for t in e.touches if t.table == key]
