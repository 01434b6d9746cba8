"""manticore diff"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...errors import ConfigError
from ..arguments import named_schemas
from ..call import Call
from ..index import Exit
from ..options import MIGRATIONS, OUTPUT
from ..result import Result
from ..verb import verb

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _complete(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from ..complete import schemas

    return schemas(context, parameter, incomplete)


@verb(*(MIGRATIONS, OUTPUT))
@click.argument("schemas", nargs=-1, required=True, metavar="[A] B", shell_complete=_complete)
def command(call: Call, schemas: tuple[str, ...]) -> Result:
    """Compare schema A with schema B: what B has more is shown with +, what it lacks with -.

    Each is a URL, the name of an environment of the configuration, a dump (a file that ends in
    .sql) or a directory of migrations. Without A it is the configured database. Dumps and
    migrations are run on a scratch database, which is dropped again. Exits with 5 when there is
    a difference.
    """
    if len(schemas) > 2:
        raise ConfigError("Two schemas can be compared, not more.")
    from ...schema.changes import as_json, as_text, summary
    from ...schema.diff import compare

    found = compare(*named_schemas(call, schemas))
    data = {"differs": bool(found), "changes": as_json(found)}
    if not found:
        return Result(data, ["No difference."], quiet=True)
    lines = [*call.layout().changes(as_text(found)), "", summary(found)]
    return Result(data, lines, Exit.FINDINGS)
