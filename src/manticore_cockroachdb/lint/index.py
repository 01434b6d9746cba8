"""Every rule by name, in the order of the documentation; a rule is imported when it is asked for.

A rule is one file, ``rules/<name>.py`` (``-`` in the name becomes ``_``), with a `Rule` under the
name ``RULE`` and a function ``check(context)`` that yields findings. To add one: the file, a line
here, and ``python tools/lintdocs.py`` for its page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from ..errors import ConfigError
from ..suggest import meant
from .context import Context
from .model import Finding, Rule

GROUPS: dict[str, tuple[str, ...]] = {
    "Columns": (
        "add-column-not-null",
        "add-column-check",
        "add-column-default",
        "add-column-volatile-default",
        "add-column-stored",
        "add-column-unique",
        "add-column-sequence",
        "alter-column-type",
        "drop-column",
        "drop-column-combined",
        "set-not-null",
    ),
    "Keys, constraints and indexes": (
        "no-primary-key",
        "sequential-primary-key",
        "sequential-index",
        "alter-primary-key",
        "replace-primary-key",
        "constraint-scan",
        "not-valid-at-once",
        "add-unique",
        "unique-without-index",
        "drop-unique",
        "drop-index",
        "index-backfill",
        "create-index-blocks",
        "drop-index-blocks",
        "reindex-blocks",
        "vector-index",
    ),
    "Types": (
        "sequence",
        "int4-primary-key",
        "timestamp-without-zone",
        "char-n",
        "enum-value-at-once",
        "drop-enum-value",
    ),
    "Tables": (
        "rename",
        "set-locality",
        "ttl-on-existing-table",
        "table-rewrite",
        "vacuum-full",
        "refresh-blocks",
        "detach-partition-blocks",
        "lock-timeout",
        "too-many-objects",
    ),
    "Data": (
        "drop-table",
        "drop-cascade",
        "truncate",
        "delete-without-where",
        "update-without-where",
        "unbatched-change",
        "select-star",
        "python-bulk-change",
    ),
    "Transactions": (
        "transaction-control",
        "transaction-on",
        "savepoint",
        "several-schema-changes",
        "mixed-schema-and-data",
        "foreign-key-splits",
        "statement-timeout",
    ),
    "What a server does not take": (
        "advisory-lock",
        "ddl-in-routine",
        "internal-tables",
        "cluster-setting",
        "unsupported-on-cockroachdb",
        "unsupported-on-postgresql",
        "psql-command",
        "template",
        "copy-from-stdin",
        "refused",
        "unparsed",
    ),
    "Good practice": (
        "no-undo",
        "undo-incomplete",
        "undo-drops-more",
        "vague-name",
        "needs-comment",
        "unfocused",
        "hard-coded-database",
    ),
    "Files and allowances": (
        "invalid-file",
        "foreign-file",
        "allow-without-reason",
        "unknown-allow",
        "unused-allow",
    ),
}
NAMES: tuple[str, ...] = tuple(name for group in GROUPS.values() for name in group)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A rule and the function that looks for it."""

    rule: Rule
    check: Callable[[Context], Iterable[Finding]]


@cache
def load(name: str) -> Loaded:
    """The rule of this name. Raises ConfigError, which suggests the nearest."""
    known(name)
    module = import_module(f".rules.{name.replace('-', '_')}", __package__)
    return Loaded(module.RULE, module.check)


def known(name: str, where: str = "") -> str:
    """The name itself. Raises ConfigError when no rule has it."""
    if name not in NAMES:
        raise ConfigError(f"There is no lint rule {name!r}{where}.", hint=suggestion(name))
    return name


def suggestion(name: str) -> str:
    """What somebody who wrote ``name`` may have meant."""
    plain = name.replace("_", "-").lower()
    return meant(plain, NAMES, otherwise="manticore lint --rules lists them")


def load_all(names: Iterable[str] = NAMES) -> Iterator[Loaded]:
    """Rules in the order of the documentation."""
    chosen = frozenset(names)
    return (load(name) for name in NAMES if name in chosen)
