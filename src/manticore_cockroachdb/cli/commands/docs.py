"""manticore docs"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errors import ConfigError, SchemaError
from ..arguments import engine_of, named_schema
from ..call import Call
from ..index import Exit
from ..options import MIGRATIONS, OUTPUT, SOURCES, VARIABLES
from ..result import Result
from ..verb import verb
from .dump import write

if TYPE_CHECKING:
    from ...docs.document import Document

FORMATS = {"html": "schema.html", "markdown": "schema.md", "svg": "schema.svg"}
FORMATS["mermaid"] = "schema.mmd"


@verb(*(MIGRATIONS, SOURCES, VARIABLES, OUTPUT))
@click.argument("schema", required=False)
@click.option(
    "--output",
    "-o",
    metavar="DIRECTORY",
    type=click.Path(),
    help="Where to write schema.html, schema.md and schema.svg.  [default: docs/schema]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    help="Only this one; to stdout, or to the file that --output names.",
)
@click.option("--title", metavar="TEXT", help="Instead of the database's name.")
@click.option(
    "--times",
    is_flag=True,
    help="Say in schema.html when each migration was applied to this database.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; exit with 5 when a file is not what would be written.",
)
def command(
    call: Call,
    schema: str | None,
    output: str | None,
    form: str | None,
    title: str | None,
    times: bool,
    check: bool,
    on: str | None,
    python: str | None,
) -> Result:
    """Write documentation of the schema: tables, keys, comments, diagrams, migrations.

    Of the database, or of SCHEMA, which is as for manticore diff and has no timeline.

    schema.html is one page that needs nothing else: search, diagram, all tables, the timeline of
    migrations. schema.md has a section for each table and the diagram as Mermaid; schema.svg is
    the diagram alone. They change only when the schema or its migrations do, and are the same for
    every database that is migrated alike, so --check can be run on a fresh one in CI.
    """
    if times and check:
        raise ConfigError(
            "--times and --check exclude each other: no two databases have the same times.",
            hint="commit the documentation without --times",
        )
    document: Document
    if schema is None:
        from ...docs.gather import gather_document

        with call.migration() as migration:
            document = gather_document(migration, title, times=times)
    else:
        from ...docs.document import Document
        from ...docs.timeline import timeline

        found = named_schema(call, schema, on=engine_of(on), python=python)
        document = Document(title or schema, found, timeline([], {}))
    if form is not None and output is None:
        if check:
            raise ConfigError("--check needs --output: the file to look at.")
        text = _writer(form)(document)
        return Result({"format": form, "text": text}, text.rstrip("\n").split("\n"))
    if form is not None:
        targets = {Path(str(output)): form}
    else:
        directory = Path(output or "docs/schema")
        targets = {directory / FORMATS[name]: name for name in ("html", "markdown", "svg")}
    texts = {path: _writer(name)(document) for path, name in targets.items()}
    return _checked(texts) if check else _written(texts)


def _writer(form: str) -> Callable[[Document], str]:
    if form == "html":
        from ...docs.page import page

        return page
    if form == "markdown":
        from ...docs.markdown import markdown

        return markdown
    if form == "svg":
        from ...docs.svg import svg

        return lambda document: svg(document.schema)
    from ...docs.mermaid import mermaid

    return lambda document: mermaid(document.schema)


def _written(texts: dict[Path, str]) -> Result:
    changed = []
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SchemaError(f"{path.parent} cannot be made: {error.strerror}.") from error
        if write(text, path):
            changed.append(str(path))
    data = {"files": [str(path) for path in texts], "changed": changed}
    lines = [f"Wrote {path}." for path in changed] or ["The documentation is as it should be."]
    return Result(data, lines, quiet=True)


def _checked(texts: dict[Path, str]) -> Result:
    stale = [str(path) for path, text in texts.items() if _is_stale(path, text)]
    data = {"files": [str(path) for path in texts], "stale": stale}
    if not stale:
        return Result(data, ["The documentation is up to date."], quiet=True)
    return Result(data, [f"{path} is not up to date." for path in stale], Exit.FINDINGS)


def _is_stale(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") != text
    except FileNotFoundError:
        return True
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
