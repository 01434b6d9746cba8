"""manticore import: another tool's migrations and history, with what was proven of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errors import ConfigError
from ..call import Call
from ..index import Exit
from ..options import LEASE, MIGRATIONS, OUTPUT, SETTINGS
from ..result import Result, plain
from ..terminal.text import count, safe
from ..verb import verb

if TYPE_CHECKING:
    from ...importing.adopt import Adoption
    from ...importing.convert import Conversion
    from ...importing.model import Files, Finding, Options, Reader
    from ...migration import Migration

_SHOWN = 20


@verb(*(MIGRATIONS, SETTINGS, LEASE, OUTPUT))
@click.argument("names", nargs=-1, required=True, metavar="[TOOL] DIRECTORY")
@click.option(
    "--output",
    "-o",
    metavar="DIRECTORY",
    type=click.Path(),
    help="Where the new files go.  [default: what --dir says]",
)
@click.option("--dry-run", is_flag=True, help="Prove and report; write no file and no history.")
@click.option(
    "--partial", is_flag=True, help="Write what comes before the first file that is refused."
)
@click.option(
    "--var",
    "variables",
    metavar="NAME=VALUE",
    multiple=True,
    help="A value for a placeholder of the old files; may be repeated.",
)
@click.option(
    "--dialect", metavar="NAME", help="Whose files count, where the tool has some for each server."
)
@click.option(
    "--linearize", is_flag=True, help="Accept Alembic's order of branches that never met."
)
@click.option(
    "--multi-statement",
    is_flag=True,
    help="golang-migrate ran with x-multi-statement=true, and so cut files at each semicolon.",
)
@click.option(
    "--python", metavar="PATH", help="The Python that has Alembic or Django.  [default: this one]"
)
@click.option(
    "--baseline-from",
    metavar="VERSION",
    help="Let one file, the schema as it is, stand for all that is applied; this is its version.",
)
@click.option("--table", metavar="NAME", help="The old history's table, where it has another name.")
@click.option(
    "--ignore",
    metavar="PATTERN",
    multiple=True,
    help="What the comparison leaves out, such as audit.*; may be repeated.",
)
@click.option(
    "--accept-differences",
    is_flag=True,
    help="Record the history although the database is not what the files make.",
)
def command(
    call: Call,
    names: tuple[str, ...],
    output: str | None,
    dry_run: bool,
    partial: bool,
    variables: tuple[str, ...],
    dialect: str | None,
    linearize: bool,
    multi_statement: bool,
    python: str | None,
    baseline_from: str | None,
    table: str | None,
    ignore: tuple[str, ...],
    accept_differences: bool,
) -> Result:
    """Take over the migrations of another tool: files, undo parts, and with --url its history.

    Without TOOL it is told from the files. Files are read as the old tool reads them, and what
    cannot be carried over faithfully is refused with file and line; then nothing is written. With
    --url (or --env) the old history is read, the applied files are replayed on a scratch database
    and compared with the live one, and what was applied is recorded with its times; the old table
    stays as it is. Running it again changes nothing.

    Exits with 1 when something is refused, with 5 when the database is not what the files make.
    """
    from ...importing import disk
    from ...importing.model import Options, Values
    from ...importing.read import read_directory
    from ...importing.tools import reader_of

    *tools, place = names
    if len(tools) > 1:
        raise ConfigError("One tool and one directory can be named, not more.")
    source = Path(place)
    target = Path(output if output is not None else call.settings.dir)
    connects = call.given.url is not None or call.given.env is not None
    for option, value in (("--table", table), ("--baseline-from", baseline_from)):
        if value is not None and not connects:
            raise ConfigError(f"{option} is about a database; name that with --url.")
    files = disk.open_directory(source)
    reader = reader_of(tools[0] if tools else _told(call, files, source, connects))
    values = Values(_values(variables))
    options = Options(values, dialect, linearize, python, multi_statement)
    if multi_statement and reader.name != "golang-migrate":
        raise ConfigError(f"--multi-statement is golang-migrate's, and these are {reader.name}'s.")
    disk.check_output(source, target)
    done = _Done(call, target, files, dry_run)
    if baseline_from is not None:
        with call.migration(changes=not dry_run, adopts=True) as migration:
            conversion, found = _baseline(
                migration, files, reader, options, baseline_from, table, ignore
            )
            return done.with_history(
                migration, conversion, found, accept_differences, partial=False
            )
    conversion = read_directory(files, reader, options, partial=partial)
    for name in sorted(set(values) - values.used):
        call.console.warn(
            f"nothing asks for the value of {name}", "the names are those in the files"
        )
    if not connects or not conversion.files:
        return done.without_history(conversion)
    from ...importing.adopt import examine

    with call.migration(changes=not dry_run, adopts=True) as migration:
        found = examine(migration, conversion, reader, table=table, ignore=ignore)
        return done.with_history(migration, conversion, found, accept_differences, partial=partial)


def _baseline(
    migration: Migration,
    files: Files,
    reader: Reader,
    options: Options,
    text: str,
    table: str | None,
    ignore: Sequence[str],
) -> tuple[Conversion, Adoption]:
    from ...importing.adopt import baseline
    from ...importing.model import Findings
    from ...importing.read import read_olds
    from ...migrations.choose import parse_version

    version = parse_version(text, "version")
    assert version is not None
    olds, said = read_olds(files, reader, options) if reader.read else ([], Findings())
    return baseline(migration, reader, olds, said, version, table=table, ignore=ignore)


@dataclass(frozen=True, slots=True)
class _Done:
    """Writes what was proven, and tells of it."""

    call: Call
    target: Path
    files: Files
    dry_run: bool

    def without_history(self, conversion: Conversion) -> Result:
        """The files alone."""
        from ...importing import disk

        due = disk.to_write(conversion, self.target)
        if not self.dry_run:
            disk.write(due, self.target)
        return self._presented(conversion, None, len(due), True)

    def with_history(
        self,
        migration: Migration,
        conversion: Conversion,
        found: Adoption,
        accept: bool,
        *,
        partial: bool,
    ) -> Result:
        """Files and history, if nothing stands in the way: first the files, then the rows."""
        from ...importing import disk

        due = disk.to_write(conversion, self.target)
        refused = found.refused or (conversion.refused and not partial)
        proven = not refused and (not found.changes or accept)
        if proven and not self.dry_run:
            disk.write(due, self.target)
            migration.carry_over(found.new)
        return self._presented(conversion, found, len(due), proven)

    def _presented(
        self, conversion: Conversion, found: Adoption | None, due: int, proven: bool
    ) -> Result:
        return _presented(
            self.call, conversion, found, self.target, due, self.files, self.dry_run, proven
        )


def _told(call: Call, files: Files, source: Path, connects: bool) -> str:
    """The tool whose the directory is. Raises ConfigError where that is not certain."""
    from ...importing.tools import MODULES, tools_of

    tools = tools_of(files)
    if len(tools) > 1 and connects:
        from ...importing.adopt import histories

        with call.database() as database:
            tools = tools_of(files, [tool for tool, _, _ in histories(database)])
    if not tools:
        raise ConfigError(
            f"Nothing in {source} says which tool's it is.",
            hint=f"say it: manticore import TOOL {source}; known: {', '.join(MODULES)}",
        )
    if len(tools) > 1:
        raise ConfigError(
            f"{source} may be {' or '.join(tools)}.",
            hint=f"say which: manticore import {tools[0]} {source}",
        )
    return tools[0]


def _values(pairs: Sequence[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--var takes NAME=VALUE, not {pair!r}.")
        found[name.strip()] = value
    return found


def _presented(
    call: Call,
    conversion: Conversion,
    adoption: Adoption | None,
    target: Path,
    due: int,
    files: Files,
    dry_run: bool,
    proven: bool,
) -> Result:
    from ...schema.changes import as_json

    refused = [*conversion.refused, *(adoption.refused if adoption else ())]
    notes = [*conversion.notes, *(adoption.notes if adoption else ())]
    data = {
        "tool": conversion.tool,
        "output": str(target),
        "migrations": conversion.renamed(),
        "refused": plain(refused),
        "notes": plain(notes),
        "written": due if proven and not dry_run else 0,
        "history": None
        if adoption is None
        else {
            "table": adoption.table,
            "applied": plain(adoption.applied),
            "pending": plain(adoption.pending),
            "recorded": [one.file.version for one in adoption.new]
            if proven and not dry_run
            else [],
            "identical": None if adoption.refused else not adoption.changes,
            "changes": as_json(adoption.changes),
        },
    }
    code = Exit.ERROR if refused else Exit.OK if proven else Exit.FINDINGS
    lines = [*_lines(call, conversion, adoption, target, due, files, dry_run, proven)]
    return Result(data, lines, code)


def _lines(
    call: Call,
    conversion: Conversion,
    adoption: Adoption | None,
    target: Path,
    due: int,
    files: Files,
    dry_run: bool,
    proven: bool,
) -> Iterator[str]:
    layout = call.layout()
    style = layout.style
    notes = [*conversion.notes, *(adoption.notes if adoption else ())]
    shown = notes if layout.everything else notes[:_SHOWN]
    for note in shown:
        yield style(safe(f"note: {_where(note, files)}{note.message}"), "dim")
    if len(notes) > len(shown):
        yield style(f"note: {len(notes) - len(shown):,} more with --verbose", "dim")
    refused = [*conversion.refused, *(adoption.refused if adoption else ())]
    for one in refused:
        yield f"{style('refused', 'red')} {safe(_where(one, files) + one.message)}"
        if one.hint:
            yield from layout.hint(one.hint, "  ")
    number = count(len(conversion.files), "migration")
    undo = sum(one.file.down_sql is not None for one in conversion.files)
    if conversion.files:
        yield f"{number} of {conversion.tool}'s, {undo} with an undo part"
    if adoption is not None and not adoption.refused:
        yield from _history(call, adoption, dry_run, proven)
    if refused:
        yield style(f"{count(len(refused), 'refusal')}.", "red")
    if not proven or not conversion.files:
        yield "Nothing was written."
    elif dry_run:
        yield f"Would write {count(due, 'file')} to {safe(str(target))}."
    elif due:
        yield f"Wrote {count(due, 'file')} to {safe(str(target))}."
    else:
        yield f"{safe(str(target))} is as it should be."


def _history(call: Call, adoption: Adoption, dry_run: bool, proven: bool) -> Iterator[str]:
    from ...schema.changes import as_text, summary

    layout = call.layout()
    applied = count(len(adoption.applied), "applied migration")
    if not adoption.changes:
        makes = "makes" if len(adoption.applied) == 1 else "make"
        yield layout.style(
            f"Identical: the database is what {applied} {makes} on a scratch database.", "green"
        )
    else:
        yield from layout.changes(as_text(adoption.changes))
        yield ""
        yield f"Not identical: {summary(adoption.changes)}, against {applied}."
        if not proven:
            yield (
                f"  {layout.style('hint:', 'cyan')} a file that was never run, or a change that no"
                " file made: settle it, leave it out with --ignore, or --accept-differences"
            )
    if proven:
        word = "Would record" if dry_run else "Recorded"
        if adoption.new:
            yield f"{word} {count(len(adoption.new), 'migration')} as applied."
        else:
            yield "The history is as it should be."
    if adoption.pending:
        yield f"{count(len(adoption.pending), 'migration')} pending."


def _where(one: Finding, files: Files) -> str:
    if not one.name:
        return ""
    path = files.path(one.name)
    return f"{path}: " if one.line is None else f"{path}:{one.line}: "
