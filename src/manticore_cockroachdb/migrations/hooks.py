"""Hooks: SQL of the project's own around a run of `migrate`, from the folder ``hooks``.

    before_migrate.sql   once, before the first migration, where there is something to apply
    before_each.sql      before each migration
    after_each.sql       after each migration
    after_migrate.sql    once, after the last one, only where something was applied
    on_failure.sql       when a migration, a repeatable file or another hook has failed

Each is a script of its own, in a transaction of its own where the server covers it, under the same
lease and with the same fence; `_migrations_scripts` says when it last ran, and for which run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import FileError
from ..suggest import nearest
from .file import at
from .objects import round_script
from .repeatable import Repeatable
from .script import Script

HOOK = -2
"""The version under which a hook's steps stand in the journal."""

NAMES = ("before_migrate", "after_migrate", "before_each", "after_each", "on_failure")
Hooks = Mapping[str, Repeatable]
"""By name, without the ending."""


def hooks_of(files: Iterable[Repeatable]) -> Hooks:
    """The hooks in a folder. Raises FileError for a file that is none."""
    found: dict[str, Repeatable] = {}
    for file in files:
        name = file.name.removesuffix(".sql")
        if name not in NAMES:
            near = nearest(name, NAMES, likeness=0.5)
            raise FileError(
                f"There is no hook {name!r}.",
                path=file.path,
                hint=f"did you mean {near}.sql?" if near else "known: " + ", ".join(NAMES),
            )
        if file.drops:
            raise at(
                file.path,
                file.text,
                file.drops[0][2],
                "-- @drop is for repeatable files.",
                hint="write the DROP itself",
            )
        found[name] = file
    return found


def hook_script(file: Repeatable) -> Script:
    """A hook as a script."""
    return round_script(file.origins, version=HOOK, name=f"the hook {file.name}")
