"""manticore dump"""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import click

from ...errors import ConfigError, SchemaError
from ..arguments import engine_of, named_schema
from ..call import Call
from ..index import Exit
from ..options import MIGRATIONS, OUTPUT, SOURCES, VARIABLES
from ..result import Result
from ..verb import verb


@verb(*(MIGRATIONS, SOURCES, VARIABLES, OUTPUT))
@click.argument("schema", required=False)
@click.option("--output", "-o", metavar="FILE", type=click.Path(), help="Write it to a file.")
@click.option(
    "--check",
    metavar="FILE",
    type=click.Path(),
    help="Write nothing; exit with 5 when the file is not what would be written.",
)
def command(
    call: Call,
    schema: str | None,
    output: str | None,
    check: str | None,
    on: str | None,
    python: str | None,
) -> Result:
    """Print the schema as SQL: that of the database, or SCHEMA, which is as for manticore diff.

    The same schema always gives the same text, so that it can be committed and compared. Run on
    an empty database, it makes the same schema. manticore's own tables are not in it.
    """
    if output is not None and check is not None:
        raise ConfigError("--output and --check cannot both be given.")
    if schema is None:
        with call.migration() as migration:
            text = migration.dump()
    else:
        from ...schema.render import render

        text = render(named_schema(call, schema, on=engine_of(on), python=python))
    if check is not None:
        return compared(text, Path(check))
    if output is None:
        return Result({"sql": text}, text.rstrip("\n").split("\n"))
    changed = write(text, Path(output))
    line = f"Wrote {output}." if changed else f"{output} is as it should be."
    return Result({"sql": text, "path": output, "changed": changed}, [line], quiet=True)


def compared(text: str, path: Path) -> Result:
    """Whether a file is the dump, and how it differs. Raises ConfigError if it cannot be read."""
    try:
        there = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", hint=f"manticore dump -o {path} writes it"
        ) from error
    if there == text:
        return Result({"path": str(path), "same": True}, [f"{path} is up to date."], quiet=True)
    lines = list(unified_diff(there.splitlines(), text.splitlines(), str(path), "database", n=2))
    lines = [line.rstrip("\n") for line in lines]
    return Result({"path": str(path), "same": False, "diff": lines}, lines, Exit.FINDINGS)


def write(text: str, path: Path) -> bool:
    """Write a file whole or not at all; return whether it had to be. Raises SchemaError."""
    try:
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") == text:
            return False
        part = path.with_name(f".{path.name}.part")
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise SchemaError(f"{path} cannot be written: {error.strerror}.") from error
    return True
