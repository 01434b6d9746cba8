"""The tools: one module each, with its reader under the name ``READER``.

A tool's name is that of `migrations.foreign`, which also tells whose a directory or a table is.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from ...errors import ConfigError
from ...migrations import foreign
from ...suggest import meant
from ..model import Files, Reader

MODULES: dict[str, str] = {
    "golang-migrate": "golang_migrate",
    "dbmate": "dbmate",
    "goose": "goose",
    "flyway": "flyway",
    "liquibase": "liquibase",
    "prisma": "prisma",
    "tern": "tern",
    "sqlx": "sqlx",
    "diesel": "diesel",
    "sqitch": "sqitch",
    "yoyo": "yoyo",
    "pop": "pop",
    "refinery": "flyway",
    "rockhopper": "goose",
    "supabase": "plain",
    "atlas": "plain",
    "manticore-0.3": "plain",
    "sql-migrate": "marked",
    "node-pg-migrate": "marked",
    "postgrator": "marked",
    "alembic": "alembic",
    "django": "django",
    "rails": "baseline",
    "ecto": "baseline",
    "knex": "baseline",
    "hasura": "baseline",
    "sequelize": "baseline",
    "typeorm": "baseline",
}


def reader_of(name: str) -> Reader:
    """The reader of a tool, by its name. Raises ConfigError for an unknown one."""
    if name not in MODULES:
        raise ConfigError(
            f"There is no tool {name!r} to import from.",
            hint=meant(name, MODULES),
        )
    module = import_module(f".{MODULES[name]}", __package__)
    for one in vars(module).values():
        if isinstance(one, Reader) and one.name == name:
            return one
    raise AssertionError(f"{MODULES[name]} has no reader {name}")


def tools_of(files: Files, histories: Iterable[str] = ()) -> list[str]:
    """The names of the tools that a directory may be, the likeliest first.

    ``histories`` are the tools whose tables a database has: they decide between candidates.
    """
    trace = foreign.detect(files.names, lambda name: _beginning(files, name))
    names = [tool.name for tool in trace.tools] if trace else []
    return [name for name in names if name in set(histories)] or names


def _beginning(files: Files, name: str) -> str:
    return files.data(name)[:65_536].decode("utf-8", "replace")
