"""Django: its migrations are Python; their SQL is what ``manage.py sqlmigrate`` prints.

The project's own Django is asked (`interpreter.programs.django_sql`), with its database, since
names of constraints are made there. What only Python can do (``RunPython``) is refused; Django's
own apps have some that change nothing but rows that Django itself made, and those are said and
left.

Django's own apps come along, since others refer to their tables. After that Django must not run its
own migrations on such a database: import beside Django, for a database that manticore keeps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ConfigError
from ...interpreter import above, ask, relative
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

_SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"]([\w.]+)['\"]")
_OPAQUE = "-- THIS OPERATION CANNOT BE WRITTEN AS SQL"


def read(files: Files, options: Options, found: Findings) -> list[Old]:
    """The migrations of all apps, in the order in which Django would run them."""
    manage = above(files.root, "manage.py")
    if manage is None:
        raise ConfigError(
            f"There is no manage.py in {files.root} or above.",
            hint="name the directory of the project",
        )
    settings = _SETTINGS.search(manage.read_text(encoding="utf-8", errors="replace"))
    answer = ask(
        "django_sql",
        {"database": "default"},
        python=options.python,
        directory=manage.parent,
        environment={"DJANGO_SETTINGS_MODULE": settings[1]} if settings else None,
        keep=("DJANGO_SETTINGS_MODULE",),
    )
    return [_one(files, row, found) for row in answer["migrations"]]


def _one(files: Files, row: Mapping[str, Any], found: Findings) -> Old:
    name = relative(files.root, row["path"] or row["module"])
    title = f"{row['app']}.{row['name']}"
    own = row["module"].startswith("django.contrib.")
    for operation in row["opaque"]:
        if own:
            found.note("", None, f"{title}: {operation} changes rows of Django's own, and was left")
        else:
            found.refuse(
                name,
                None,
                f"{operation} cannot be written as SQL",
                "write the change of the rows as SQL, or begin with the schema as it is:"
                " --baseline-from VERSION",
            )
    if row["error"] is not None:
        found.refuse(name, None, f"has no SQL: {row['error']}")
    return Old(
        key=title,
        version=None,
        title=title,
        description=described(f"{row['app']} " + re.sub(r"^\d+_?", "", row["name"]), "migration"),
        up=_part(name, row.get("up") or []),
        down=None if row["down"] is None else _part(name, row["down"]),
        transaction=None if row["atomic"] else False,
        origin=(name,),
        remarks=(f"was {title}",),
        parents=tuple(f"{app}.{one}" for app, one in row["replaces"]),
    )


def _part(name: str, lines: Sequence[str]) -> Part:
    kept = [line for line in lines if line != _OPAQUE]
    return Part("\n".join(kept), name)


def _applied(rows: Rows, olds: Sequence[Old], found: Findings) -> list[Applied]:
    times = {f"{row['app']}.{row['name']}": row["applied"] for row in rows}
    applied = []
    for old in olds:
        if old.key in times:
            applied.append(Applied(old.key, times.pop(old.key)))
        elif old.parents and all(one in times for one in old.parents):
            # A squashed migration is applied once all that it replaces are.
            applied.append(Applied(old.key, max(times[one] for one in old.parents)))
        for one in old.parents:
            times.pop(one, None)
    return applied + [Applied(key, at) for key, at in times.items()]


READER = Reader(
    "django",
    read,
    Ledger(
        lambda table: f"SELECT app, name, applied FROM {table} ORDER BY applied, id",
        _applied,
        tables=("django_migrations",),
    ),
    "manage.py, and apps with a folder migrations",
)
