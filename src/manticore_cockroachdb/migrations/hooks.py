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

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..dialect import Capabilities
from ..errors import FileError
from ..suggest import meant
from .file import at
from .objects import round_script
from .plan import plan_script
from .repeatable import Repeatable
from .results import HookStatus
from .script import MigrationPlan, Script

HOOK = -2
"""The version under which a hook's steps stand in the journal."""

WHEN = {
    "before_migrate": "before the first migration",
    "before_each": "before each migration",
    "after_each": "after each migration",
    "after_migrate": "after the last one, and after repeatable files",
    "on_failure": "when something has failed",
}
NAMES = tuple(WHEN)
Hooks = Mapping[str, Repeatable]
"""By name, without the ending."""


def hooks_of(files: Iterable[Repeatable]) -> Hooks:
    """The hooks in a folder. Raises FileError for a file that is none."""
    found: dict[str, Repeatable] = {}
    for file in files:
        name = file.name.removesuffix(".sql")
        if name not in NAMES:
            raise FileError(
                f"There is no hook {name!r}.",
                path=file.path,
                hint=meant(name, NAMES, "{}.sql".format, likeness=0.5),
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


def runs(name: str, migrations: int, repeatable: int) -> int:
    """How often a hook runs in a run over so many migrations and repeatable files, if all goes
    well."""
    if name in ("before_each", "after_each"):
        return migrations
    return int(bool(migrations or repeatable)) if name != "on_failure" else 0


def statuses(hooks: Hooks, rows: Iterable[Sequence[object]]) -> tuple[HookStatus, ...]:
    """Hooks in the order in which they run; ``rows`` are name, time and detail, as recorded."""
    ran = {str(name): (at, json.loads(str(detail or "{}"))) for name, at, detail in rows}
    found = []
    for name, when in WHEN.items():
        if (file := hooks.get(name)) is not None:
            at, detail = ran.get(name, (None, {}))
            found.append(HookStatus(name, file.path, when, at, detail.get("version")))  # type: ignore[arg-type]
    return tuple(found)


def hook_script(file: Repeatable) -> Script:
    """A hook as a script."""
    return round_script(file.origins, version=HOOK, name=f"the hook {file.name}")


def hook_plan(file: Repeatable, caps: Capabilities) -> MigrationPlan:
    """How a hook runs. Raises Refused where no transaction covers it and one should."""
    script = hook_script(file)
    return plan_script(replace(script, wish=True) if caps.transactional_ddl else script, caps)
