"""What each tool does: write its files for the work, and the command that applies them.

Here are the interface, this package itself, psql and the release before; `peers` has the others.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from manticore_cockroachdb.local.place import Engine

from . import work
from .clock import Command
from .servers import Place

OURS = "manticore"


class Tool(Protocol):
    """A way to apply migrations."""

    @property
    def name(self) -> str:
        """What it is called in tables, with its version."""

    @property
    def remark(self) -> str:
        """How it is set up, and where that is not its default."""

    def refuses(self, engine: Engine, version: str) -> str | None:
        """Why it can't be measured on a server; None if it can."""

    def write(self, directory: Path, count: int) -> None:
        """Write migrations 1 to `count` into an empty directory, and what else it wants."""

    def migrate(self, directory: Path, place: Place) -> Command:
        """Its command that applies what is pending."""

    def recorded(self, first: int, last: int) -> str | None:
        """SQL that records migrations as applied after others were; None if it has a command."""


def manticore() -> str:
    """The `manticore` of this Python's environment."""
    script = Path(sys.executable).with_name("manticore")
    return str(script) if script.exists() else shutil.which("manticore") or "manticore"


@dataclass(frozen=True, slots=True)
class Ours:
    """This package."""

    name: str = OURS
    remark: str = (
        "`manticore migrate`, as it is: short migrations travel several in a message, each in a"
        " transaction of its own with its row in the history."
    )

    def refuses(self, engine: Engine, version: str) -> str | None:
        return None

    def write(self, directory: Path, count: int) -> None:
        work.write_ours(directory, count)

    def migrate(self, directory: Path, place: Place) -> Command:
        return self.command(directory, place, "migrate")

    def command(
        self, directory: Path, place: Place, *words: str, codes: tuple[int, ...] = (0,)
    ) -> Command:
        """Any of its commands."""
        argv = (manticore(), *words, "--url", place.url(sslmode="disable"), "--dir", str(directory))
        return Command(argv, cwd=directory, codes=codes)

    def recorded(self, first: int, last: int) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class Psql:
    """The floor: the same transactions in one file, no tool at all."""

    name: str = "psql"
    remark: str = (
        "The floor: one file with `BEGIN; CREATE TABLE …; INSERT …; COMMIT;` for each. Against"
        " 1,000 migrations beside the server, the very statements that `manticore` sends."
    )
    columns: str = "version, description, checksum, undo, mode, duration_ms, applied_by"

    def refuses(self, engine: Engine, version: str) -> str | None:
        return None if shutil.which("psql") else "there is no psql on this machine"

    def write(self, directory: Path, count: int) -> None:
        with (directory / "all.sql").open("w") as file:
            file.write(
                "CREATE TABLE _migrations (version INT8 PRIMARY KEY, description TEXT NOT NULL,"
                " applied_at TIMESTAMPTZ NOT NULL DEFAULT now(), checksum TEXT, undo TEXT,"
                " mode TEXT, duration_ms INT8, applied_by TEXT);\n"
            )
            for number in range(1, count + 1):
                file.write(
                    f"BEGIN;\n{work.create(number)};\n"
                    f"INSERT INTO _migrations ({self.columns}) VALUES ({number},"
                    f" 'create {work.table(number)}', '{'0' * 64}', '{work.drop(number)};',"
                    " 'transaction', 1, current_user);\nCOMMIT;\n"
                )

    def migrate(self, directory: Path, place: Place) -> Command:
        return self.file(directory / "all.sql", place)

    def file(self, path: Path, place: Place) -> Command:
        """The command that runs any file."""
        argv = ("psql", "-X", "-q", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", "-f", str(path))
        return Command((*argv, place.url(sslmode="disable")))

    def recorded(self, first: int, last: int) -> str | None:
        return None


_PUBLISHED = """
import sys
from manticore_cockroachdb import Database, Migrator
host, port, user, database, directory = sys.argv[1:]
db = Database(database=database, host=host, port=int(port), user=user)
Migrator(db, directory).migrate()
db.close()
"""


@dataclass(frozen=True, slots=True)
class Published:
    """The release before this one."""

    python: Path
    name: str = "manticore 0.3.1"
    remark: str = (
        "The release before: `Migrator(db, directory).migrate()` in a script, since it has no"
        " command. It keeps no checksum and no undo."
    )

    def refuses(self, engine: Engine, version: str) -> str | None:
        return None

    def write(self, directory: Path, count: int) -> None:
        for number in range(1, count + 1):
            text = f"{work.create(number)};\n\n-- DOWN\n{work.drop(number)};\n"
            (directory / f"V{number}__create_{work.table(number)}.sql").write_text(text)

    def migrate(self, directory: Path, place: Place) -> Command:
        host = quote(place.host, safe="")
        where = (host, str(place.port), place.user, place.database, str(directory))
        return Command((str(self.python), "-c", _PUBLISHED, *where))

    def recorded(self, first: int, last: int) -> str | None:
        values = ", ".join(f"({n}, 'create_{work.table(n)}')" for n in range(first, last + 1))
        return f"INSERT INTO _migrations (version, description) VALUES {values}"
