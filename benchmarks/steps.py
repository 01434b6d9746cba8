"""A history of schema changes that run step by step, and each tool's files for it.

Twenty tables, ten migrations each, one statement a migration: what real histories are made of
once the tables are there. Every other table gets 10,000 rows first. On PostgreSQL indexes are
built CONCURRENTLY and constraints validated after they were added; CockroachDB changes online
what it changes, and runs nearly every one of these as a job.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from manticore_cockroachdb.local.place import Engine

from .clock import Command, CommandFailed, run
from .peers import Alembic, Dbmate
from .servers import Place
from .tools import Ours, Published, Tool

EACH = 10
ROWS = 10_000


def statements(number: int, engine: Engine) -> tuple[str, str]:
    """Migration `number`, from 1: its statement, and the one that takes it back."""
    index, kind = divmod(number - 1, EACH)
    crdb = engine == "cockroachdb"
    t = f"t{index:05d}"
    at_once = "" if crdb else "CONCURRENTLY "
    rows = 0 if index % 2 else ROWS
    reference = (
        f"ALTER TABLE {t} ADD CONSTRAINT {t}_first FOREIGN KEY (amount) REFERENCES t00000 (id)",
        f"ALTER TABLE {t} DROP CONSTRAINT {t}_first",
    )
    if index == 0:
        reference = (
            f"ALTER TABLE {t} ADD COLUMN extra BIGINT",
            f"ALTER TABLE {t} DROP COLUMN extra",
        )
    not_null = (
        f"ALTER TABLE {t} ALTER COLUMN amount SET NOT NULL",
        f"ALTER TABLE {t} ALTER COLUMN amount DROP NOT NULL",
    )
    return (
        (
            f"CREATE TABLE {t} (id BIGINT PRIMARY KEY, name VARCHAR(100) NOT NULL,"
            " amount BIGINT, old TEXT)",
            f"DROP TABLE {t}",
        ),
        (
            f"INSERT INTO {t} SELECT g, 'name', g, '' FROM generate_series(1, {rows}) AS g",
            f"DELETE FROM {t} WHERE id > 0",
        ),
        (
            f"ALTER TABLE {t} ADD COLUMN noted TEXT DEFAULT 'nothing'",
            f"ALTER TABLE {t} DROP COLUMN noted",
        ),
        (f"CREATE INDEX {at_once}{t}_amount ON {t} (amount)", f"DROP INDEX {at_once}{t}_amount"),
        (
            f"ALTER TABLE {t} ADD CONSTRAINT {t}_some CHECK (amount > 0)"
            + ("" if crdb else " NOT VALID"),
            f"ALTER TABLE {t} DROP CONSTRAINT {t}_some",
        ),
        not_null if crdb else (f"ALTER TABLE {t} VALIDATE CONSTRAINT {t}_some", "SELECT 1"),
        (f"ALTER TABLE {t} DROP COLUMN old", f"ALTER TABLE {t} ADD COLUMN old TEXT"),
        # CockroachDB 20.2 makes a type wider, and not narrower again.
        (
            f"ALTER TABLE {t} ALTER COLUMN name TYPE VARCHAR(200)",
            "SELECT 1" if crdb else f"ALTER TABLE {t} ALTER COLUMN name TYPE VARCHAR(100)",
        ),
        reference,
        (
            f"ALTER TABLE {t} RENAME COLUMN noted TO remark",
            f"ALTER TABLE {t} RENAME COLUMN remark TO noted",
        ),
    )[kind]


_BARE = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True, prepare_threshold=None) as connection:
    for statement in open(sys.argv[2]).read().split(";\\n"):
        if statement.strip():
            connection.execute(statement.encode())
"""


@dataclass(frozen=True, slots=True)
class Bare:
    """psycopg and the statements, each by itself: what the server needs, and nothing recorded."""

    engine: Engine
    down: bool = False
    name: str = "bare psycopg"
    remark: str = "psycopg, in autocommit mode; nothing is recorded."

    def refuses(self, engine: Engine, version: str) -> str | None:
        return None

    def write(self, directory: Path, count: int) -> None:
        each = [statements(number, self.engine) for number in range(1, count + 1)]
        (directory / "up.sql").write_text("".join(f"{up};\n" for up, _ in each))
        (directory / "down.sql").write_text("".join(f"{down};\n" for _, down in reversed(each)))

    def migrate(self, directory: Path, place: Place) -> Command:
        file = directory / ("down.sql" if self.down else "up.sql")
        return Command((sys.executable, "-c", _BARE, place.url(sslmode="disable"), str(file)))

    def recorded(self, first: int, last: int) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class OursInSteps(Ours):
    """This package, on these migrations."""

    engine: Engine = "cockroachdb"

    def write(self, directory: Path, count: int) -> None:
        for number in range(1, count + 1):
            up, down = statements(number, self.engine)
            (directory / f"{number:05d}_step.sql").write_text(f"{up};\n-- @UNDO\n{down};\n")


@dataclass(frozen=True, slots=True)
class AlembicInSteps(Alembic):
    """Alembic, with `op.execute`, and an `autocommit_block` where PostgreSQL wants it."""

    engine: Engine = "cockroachdb"

    def write(self, directory: Path, count: int) -> None:
        Alembic.write(self, directory, 0)
        for number in range(1, count + 1):
            up, _ = statements(number, self.engine)
            down = f'"{number - 1:05d}"' if number > 1 else "None"
            lines = [f'    op.execute("""{up}""")']
            if "CONCURRENTLY" in up:
                lines = ["    with op.get_context().autocommit_block():", f"    {lines[0]}"]
            body = (
                f'from alembic import op\nrevision = "{number:05d}"\ndown_revision = {down}\n\n\n'
                "def upgrade():\n" + "\n".join(lines) + "\n\n\ndef downgrade():\n    pass\n"
            )
            path = directory / "project" / "versions" / f"{number:05d}_step.py"
            path.write_text(body)


@dataclass(frozen=True, slots=True)
class DbmateInSteps(Dbmate):
    """dbmate, with `transaction:false` where PostgreSQL wants it."""

    engine: Engine = "cockroachdb"

    def write(self, directory: Path, count: int) -> None:
        for number in range(1, count + 1):
            up, down = statements(number, self.engine)
            how = " transaction:false" if "CONCURRENTLY" in up else ""
            text = f"-- migrate:up{how}\n{up};\n\n-- migrate:down{how}\n{down};\n"
            (directory / f"{number:05d}_step.sql").write_text(text)


@dataclass(frozen=True, slots=True)
class PublishedInSteps(Published):
    """The release before."""

    engine: Engine = "cockroachdb"

    def write(self, directory: Path, count: int) -> None:
        for number in range(1, count + 1):
            up, down = statements(number, self.engine)
            (directory / f"V{number}__step.sql").write_text(f"{up};\n\n-- DOWN\n{down};\n")


def in_steps(tools: tuple[Tool, ...], engine: Engine) -> list[Tool]:
    """The tools that are measured on this work."""
    found: list[Tool] = [OursInSteps(engine=engine), Bare(engine)]
    for tool in tools:
        match tool:
            case Alembic(single=False):
                found.append(AlembicInSteps(tool.bin, tool.name, engine=engine))
            case Dbmate():
                found.append(DbmateInSteps(tool.bin, tool.name, engine=engine))
            case Published():
                found.append(PublishedInSteps(tool.python, engine=engine))
    return found


def why_not(tool: Tool, directory: Path, place: Place) -> str | None:
    """Why a tool cannot do this work, as it says itself; None if it can."""
    try:
        run(tool.migrate(directory, place))
    except CommandFailed as error:
        return " ".join(str(error).split())[-160:]
    return None
