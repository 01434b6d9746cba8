"""manticore new"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errors import ConfigError
from ..call import Call
from ..options import CONFIG, DIR, OUTPUT, RENAMES, SOURCES, VARIABLES
from ..result import Result
from ..terminal.text import count
from ..verb import Verb, verb

if TYPE_CHECKING:
    from ...migration import Migration

UP = """\
-- The change, for example
--   ALTER TABLE users ADD COLUMN age INT8;
"""
PROGRAM = """\
\"\"\"{what}\"\"\"


def migrate(connection):
    raise NotImplementedError("what is to be done, in one transaction: connection.execute(…)")


def undo(connection):
    raise NotImplementedError("what takes it back; without this function nothing does")
"""
DOWN = """\
-- What takes it back, for example
--   ALTER TABLE users DROP COLUMN age;
"""


class New(Verb):
    """`--python` takes a path with `--from-diff`, and none without."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        if not any(arg.partition("=")[0] == "--from-diff" for arg in args):
            args = [f"{arg}=" if arg == "--python" else arg for arg in args]
        return super().parse_args(ctx, args)


@verb(*(DIR, CONFIG, SOURCES[:1], RENAMES, VARIABLES, OUTPUT), kind=New)
@click.argument("description", nargs=-1, required=True)
@click.option("--up", metavar="SQL", help="The change.")
@click.option("--down", metavar="SQL", help="What takes it back.")
@click.option(
    "--from-diff",
    nargs=2,
    metavar="A B",
    help="Write what makes schema B of schema A, and back, for you to review; A and B as for"
    " manticore diff.",
)
@click.option(
    "--python",
    metavar="[PATH]",
    help="Write a Python migration, for what SQL cannot do; with --from-diff, the Python that has"
    " the models.",
)
@click.option(
    "--exist-ok",
    is_flag=True,
    help="Leave it at the file that has this description and this SQL already.",
)
def command(
    call: Call,
    description: tuple[str, ...],
    up: str | None,
    down: str | None,
    from_diff: tuple[str, str] | None,
    exist_ok: bool,
    on: str | None,
    python: str | None,
    rename: tuple[str, ...],
) -> Result:
    """Write a new migration file and print its path.

    Its version is the present second in UTC, or the next number in a directory that counts
    1, 2, 3. Without --up it is a template to be filled in, with --python one in Python.
    """
    if python is not None and not from_diff:
        if up is not None or down is not None:
            raise ConfigError("--python writes a Python migration; leave --up and --down out.")
        if python:
            raise ConfigError(f"--python takes no path without --from-diff, but {python!r}.")
        text = PROGRAM.format(what=" ".join(description).replace("\\", "/").replace('"', "'"))
        path = _nowhere(call).create_migration(
            " ".join(description), text, exist_ok=exist_ok, python=True
        )
        return Result({"path": path}, [path])
    if from_diff and (up is not None or down is not None):
        raise ConfigError("--from-diff writes both parts; leave --up and --down out.")
    both = None
    if rename and not from_diff:
        raise ConfigError("--rename belongs to --from-diff.")
    if from_diff:
        from ...schema.draft import draft
        from ...schema.rename import proposals
        from ..arguments import HISTORY, engine_of, named_schemas

        if HISTORY in from_diff:
            Path(call.settings.dir).mkdir(parents=True, exist_ok=True)  # a project begins
        both = named_schemas(call, from_diff, on=engine_of(on), renames=rename, python=python)
        found = draft(both.before, both.after, both.renames)
        up, down = found.up, found.down
        if likely := proposals(both.before, both.after):
            words = " ".join(f"--rename {one}" for one in likely)
            call.console.warn("something is dropped, and something like it made", words)
        if found.notes:
            call.console.warn(f"{count(found.notes, 'remark')} in it to look at before it runs")
    elif up is None and down is None:
        up, down = UP, DOWN
    migration = _nowhere(call)
    path = migration.create_migration(
        " ".join(description), UP if up is None else up, down, exist_ok=exist_ok
    )
    if both is not None:
        found_wrong = [
            one
            for one in migration.lint(target=both.after.engine)
            if one.path == path and one.level != "info"
        ]
        if found_wrong:
            call.console.warn(
                f"{count(len(found_wrong), 'finding')} of the linter in it",
                "manticore lint shows them, with the safe way",
            )
    return Result({"path": path}, [path])


def _nowhere(call: Call) -> Migration:
    """The migrations of the directory, without a database: nothing connects, whatever the URL."""
    from ...config import Settings
    from ...database import Database

    return call.migration_on(Database.from_settings(Settings()))
