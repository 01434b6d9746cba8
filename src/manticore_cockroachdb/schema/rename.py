"""Renames that somebody names: the statements, and those of what is called after what they rename.

Nobody can see in two catalogs that a column was renamed rather than dropped and made anew; so a
rename is never guessed, only proposed (`proposals`). What the *server* named after the renamed
thing, such as the key ``users_pkey``, follows by itself (`followers`) where the other catalog has
it under the new name and otherwise the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..dialect import LONGEST_NAME
from ..errors import ConfigError
from ..parser.quoting import cut, qualified, quote
from ..suggest import nearest
from . import model as m


@dataclass(frozen=True, slots=True)
class Rename:
    """One statement and the one that takes it back. ``old`` and ``new`` are plain names."""

    sql: str
    back: str
    old: str
    new: str


def rename(schema: m.Schema, wish: str) -> Rename:
    """What ``a=b`` means in a catalog: ``users=people``, ``users.name=full_name``, with a schema
    before the table where it is not ``public``. Raises ConfigError for what is not there."""
    left, equals, right = (part.strip() for part in wish.partition("="))
    if not equals or not left or not right:
        raise ConfigError(
            f"--rename takes OLD=NEW, not {wish!r}.",
            hint="write for example --rename users.name=full_name",
        )
    if schema.engine == "postgresql":
        left, right = (
            ".".join(cut(part, LONGEST_NAME) for part in side.split(".")) for side in (left, right)
        )
    new = right.rpartition(".")[2]
    if right != new and right.rpartition(".")[0] != left.rpartition(".")[0]:
        raise ConfigError(f"{wish!r} moves something; a rename only gives it another name.")
    known: dict[str, tuple[str, str, str]] = {}
    for kind, keys in (
        ("TABLE", [t.key for t in schema.tables]),
        ("MATERIALIZED VIEW", [v.key for v in schema.views if v.materialized]),
        ("VIEW", [v.key for v in schema.views if not v.materialized]),
        ("SEQUENCE", [s.key for s in schema.sequences]),
        ("TYPE", [e.key for e in schema.enums]),
    ):
        for key in keys:
            for name in _names(key):
                known.setdefault(name, (kind, *key))
    if left in known:
        kind, space, old = known[left]
        return Rename(
            f"ALTER {kind} {qualified(space, old)} RENAME TO {quote(new)}",
            f"ALTER {kind} {qualified(space, new)} RENAME TO {quote(old)}",
            old,
            new,
        )
    columns = {
        f"{name}.{column.name}": (table, column.name)
        for table in schema.tables
        for name in _names(table.key)
        for column in table.columns
    }
    if left not in columns:
        near = nearest(left, [*known, *columns])
        raise ConfigError(
            f"There is no {left} to be renamed.", hint=f"did you mean {near}?" if near else None
        )
    table, old = columns[left]
    return Rename(*_of_column(table.key, old, new), old, new)


def _names(key: m.Key) -> tuple[str, ...]:
    plain = f"{key[0]}.{key[1]}"
    return (key[1], plain) if key[0] == "public" else (plain,)


def _of_column(table: m.Key, old: str, new: str) -> tuple[str, str]:
    head = f"ALTER TABLE {qualified(*table)} RENAME COLUMN"
    return f"{head} {quote(old)} TO {quote(new)}", f"{head} {quote(new)} TO {quote(old)}"


def followers(now: m.Schema, wanted: m.Schema, done: Sequence[Rename]) -> Iterator[Rename]:
    """What is still called after the old names, where ``wanted`` calls it after the new ones."""
    others = {table.key: table for table in wanted.tables}
    for table in now.tables:
        other = others.get(table.key)
        if other is None:
            continue
        there = {c.name for c in table.constraints}
        for one in table.constraints:
            for two in other.constraints:
                if two.name not in there and _follows(one, two, done):
                    head = f"ALTER TABLE {qualified(*table.key)} RENAME CONSTRAINT"
                    yield Rename(
                        f"{head} {quote(one.name)} TO {quote(two.name)}",
                        f"{head} {quote(two.name)} TO {quote(one.name)}",
                        one.name,
                        two.name,
                    )
        for index in table.indexes:
            for twin in other.indexes:
                if _follows(index, twin, done):
                    yield _of_index(now, table, index.name, twin.name)
    sequences = {s.key: s for s in wanted.sequences}
    for sequence in now.sequences:
        for successor in sequences.values():
            if sequence.schema == successor.schema and _follows(sequence, successor, done):
                head = "ALTER SEQUENCE"
                yield Rename(
                    f"{head} {qualified(*sequence.key)} RENAME TO {quote(successor.name)}",
                    f"{head} {qualified(*successor.key)} RENAME TO {quote(sequence.name)}",
                    sequence.name,
                    successor.name,
                )


def _of_index(schema: m.Schema, table: m.Table, old: str, new: str) -> Rename:
    space = quote(table.schema)
    on = f"{qualified(*table.key)}@" if schema.engine == "cockroachdb" else f"{space}."
    return Rename(
        f"ALTER INDEX {on}{quote(old)} RENAME TO {quote(new)}",
        f"ALTER INDEX {on}{quote(new)} RENAME TO {quote(old)}",
        old,
        new,
    )


def _follows(
    one: m.Constraint | m.Index | m.Sequence,
    two: m.Constraint | m.Index | m.Sequence,
    done: Sequence[Rename],
) -> bool:
    """Whether they are the same but for a name that changed as somebody said."""
    if one.name == two.name or not _called_after(one.name, two.name, done):
        return False
    return replace(one, name=two.name) == two


def _called_after(old: str, new: str, done: Sequence[Rename]) -> bool:
    for one in done:
        old = old.replace(one.old, one.new, 1) if one.old in old else old
    return old == new


def proposals(before: m.Schema, after: m.Schema) -> list[str]:
    """What may be a rename, each as ``--rename`` takes it: one thing gone, one like it new."""
    found = []
    old = {t.key: t for t in before.tables}
    new = {t.key: t for t in after.tables}
    gone = [t for key, t in old.items() if key not in new]
    fresh = [t for key, t in new.items() if key not in old]
    for table in gone:
        twins = [t for t in fresh if t.schema == table.schema and _alike(t.columns, table.columns)]
        if len(twins) == 1 and table.columns:
            found.append(f"{_names(table.key)[0]}={twins[0].name}")
    for key in old.keys() & new.keys():
        lost = [c for c in old[key].columns if new[key].column(c.name) is None]
        made = [c for c in new[key].columns if old[key].column(c.name) is None]
        for column in lost:
            likes = [c for c in made if (c.type, c.generated) == (column.type, column.generated)]
            rivals = [c for c in lost if c.type == column.type]
            if len(likes) == 1 and len(rivals) == 1:
                found.append(f"{_names(key)[0]}.{column.name}={likes[0].name}")
    return sorted(found)


def _alike(one: Iterable[m.Column], two: Iterable[m.Column]) -> bool:
    return {(c.name, c.type) for c in one} == {(c.name, c.type) for c in two}
