"""manticore drift"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...errors import ConfigError
from ..arguments import engine_of, named_schemas
from ..call import Call
from ..index import Exit
from ..options import FLEET, MIGRATIONS, OUTPUT, SETTINGS, SOURCES, VARIABLES
from ..result import Result, plain
from ..terminal.text import count, safe
from ..verb import verb

if TYPE_CHECKING:
    from ...fleet.report import FleetReport
    from ...schema.changes import Drift


@verb(*(MIGRATIONS, SETTINGS, VARIABLES, FLEET, SOURCES, OUTPUT))
@click.argument("schema", required=False)
@click.option(
    "--ignore",
    metavar="PATTERN",
    multiple=True,
    help="What to leave out, such as audit.* or public.users.legacy_*; may be repeated.",
)
def command(
    call: Call, schema: str | None, ignore: tuple[str, ...], on: str | None, python: str | None
) -> Result:
    """Compare the database with what its applied migrations make, or with SCHEMA.

    They are replayed on a scratch database of the same server, which is dropped again; nothing
    else is touched. SCHEMA is as for manticore diff: models, a file or folder of CREATE statements,
    a dump, a directory, a database. What the database has more or otherwise is shown with +, what
    it lacks with -. Exits with 5 when there is a difference.
    """
    if call.fleet.fleet is not None:
        if schema is not None:
            raise ConfigError("A fleet is compared with its migrations; leave SCHEMA out.")
        return _of_fleet(call, ignore)
    from ...schema.changes import as_text, summary

    if schema is None:
        with call.migration() as migration:
            drift = migration.drift(ignore=ignore)
    else:
        drift = _against(call, schema, ignore, on, python)
    for note in drift.notes:
        call.console.warn(note)
    data = _data(drift)
    replayed = count(len(drift.versions), "migration") if schema is None else safe(schema)
    if not drift.differs:
        makes = "makes" if len(drift.versions) == 1 or schema is not None else "make"
        return Result(data, [f"No drift: the database is what {replayed} {makes}."], quiet=True)
    lines = [*call.layout().changes(as_text(drift.changes)), ""]
    lines.append(f"{summary(drift.changes)}, against {replayed}")
    return Result(data, lines, Exit.FINDINGS)


def _against(
    call: Call, schema: str, ignore: tuple[str, ...], on: str | None, python: str | None
) -> Drift:
    """The database against another schema."""
    from ...schema.changes import Drift, without
    from ...schema.diff import compare

    both = named_schemas(call, (schema,), on=engine_of(on), python=python)
    return Drift(without(compare(both.after, both.before), ignore), ())


def _data(drift: Drift) -> dict[str, object]:
    from ...schema.changes import as_json

    return {
        "differs": drift.differs,
        "changes": as_json(drift.changes),
        "versions": plain(drift.versions),
        "notes": plain(drift.notes),
    }


def _of_fleet(call: Call, ignore: tuple[str, ...]) -> Result:
    """The drift of every target of a fleet, those that differ alike together."""
    from .. import fleets

    def show(report: FleetReport) -> Result:
        return _shown(call, fleet.where, report)

    with fleets.fleet_of(call, progress=True) as fleet:
        return fleets.ran(
            call,
            fleet,
            lambda: fleet.drift(ignore=ignore, **call.fleet.whom),
            show,
        )


def _shown(call: Call, title: str, report: FleetReport) -> Result:
    from ...schema.changes import as_text, summary
    from .. import fleets

    layout = call.layout()
    alike: dict[str, list[str]] = {}
    differing: dict[str, Drift] = {}
    for one in report.done:
        drift: Drift = one.result  # type: ignore[assignment]
        if drift.differs:
            text = as_text(drift.changes)
            if one.place.startswith("schema "):  # the same in another schema
                text = text.replace(f"{one.place.removeprefix('schema ')}.", "")
            alike.setdefault(text, []).append(one.name)
            differing[one.name] = drift
    lines = [f"{safe(title)}: {count(len(report.targets), 'target')}, {len(differing):,} differ"]
    for text, names in alike.items():
        lines += ["", layout.style(safe(fleets.names_of(names)), "bold"), *layout.changes(text)]
        lines.append(summary(differing[names[0]].changes))
    failed = [(one.name, one.error) for one in report.failed]
    lines += fleets.error_lines("Cannot be compared", failed, layout)
    data = fleets.data_of(call, report, lambda found: _data(found))  # type: ignore[arg-type]
    code = fleets.code_of(report)
    if code == Exit.OK and differing:
        code = Exit.FINDINGS
    return Result(data | {"differ": len(differing)}, lines, code, quiet=code == Exit.OK)
