"""manticore diff"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...errors import ConfigError
from ..arguments import engine_of, named_schemas
from ..call import Call
from ..index import Exit
from ..options import MIGRATIONS, OUTPUT, RENAMES, SOURCES, VARIABLES
from ..result import Result
from ..verb import verb

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _complete(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from ..complete import schemas

    return schemas(context, parameter, incomplete)


@verb(*(MIGRATIONS, SOURCES, RENAMES, VARIABLES, OUTPUT))
@click.argument("schemas", nargs=-1, required=True, metavar="[A] B", shell_complete=_complete)
@click.option(
    "--exit-code", is_flag=True, help="Exit with 5 when there is a difference, as without it."
)
def command(
    call: Call,
    schemas: tuple[str, ...],
    exit_code: bool,
    on: str | None,
    python: str | None,
    rename: tuple[str, ...],
) -> Result:
    """Compare schema A with schema B: what B has more is shown with +, what it lacks with -.

    Each is a URL, the name of an environment of the configuration, a dump (a file that ends in
    .sql), a directory of migrations, history (those of --dir), a folder of CREATE statements, or
    models: sqlalchemy:package.module:Base, django:settings.module. Without A it is the configured
    database. What is no database is made on a scratch one, which is dropped again. Exits with 5
    when there is a difference.
    """
    if len(schemas) > 2:
        raise ConfigError("Two schemas can be compared, not more.")
    from ...schema.changes import as_json, as_text, summary
    from ...schema.diff import compare
    from ...schema.rename import proposals

    both = named_schemas(call, schemas, on=engine_of(on), renames=rename, python=python)
    found = compare(both.before, both.after)
    likely = proposals(both.before, both.after)
    data = {
        "differs": bool(found or both.renames),
        "changes": as_json(found),
        "renames": [one.sql for one in both.renames],
        "proposals": likely,
    }
    if not found and not both.renames:
        return Result(data, ["No difference."], quiet=True)
    lines = [f"~ {one.sql}" for one in both.renames]
    lines += [*call.layout().changes(as_text(found)), "", summary(found)] if found else []
    if likely:
        words = " ".join(f"--rename {one}" for one in likely)
        lines.append(f"if that is a rename, say so: {words}")
    return Result(data, lines, Exit.FINDINGS)
