"""manticore verify: one verdict, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from ..call import Call
from ..index import Exit
from ..options import FLEET, MIGRATIONS, OUTPUT, SETTINGS, VARIABLES
from ..result import Result, plain
from ..terminal.layout import Layout
from ..terminal.text import columns, count, one_line, safe, took
from ..verb import verb

if TYPE_CHECKING:
    from ...dialect import Engine
    from ...fleet.report import FleetReport
    from ...runner.events import Event
    from ...shadow.verification import Failing, Verification, Verified


@verb(*(MIGRATIONS, SETTINGS, VARIABLES, FLEET, OUTPUT))
@click.option(
    "--newest",
    metavar="N",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="How many of the newest migrations go through simulated crashes.",
)
@click.option("--strict", is_flag=True, help="A migration without undo part is a failure too.")
@click.option(
    "--on",
    type=click.Choice(["postgresql", "cockroachdb"]),
    help="Use a throwaway server of this engine; none is connected to.",
)
def command(call: Call, newest: int, strict: bool, on: str | None) -> Result:
    """Prove that every migration applies, is undone by its undo part, and survives a crash.

    On scratch databases of the same server, which are dropped again; nothing else is touched.
    Each migration goes up, down, up; then all are undone and applied again; the newest are cut
    off wherever a run could die, and taken up by another. Exits with 5 when something fails.
    """
    if call.fleet.fleet is not None:
        return _of_fleet(call, newest, on, strict=strict)
    from ...migrations.directory import nothing_in

    def told(event: Event) -> None:
        from ...runner.events import MigrationStarted

        if isinstance(event, MigrationStarted):
            way = "up" if event.direction == "up" else "down"
            call.console.transient(f"verifying {event.version} {event.description} ({way}) …")

    with call.migration() as migration:
        migration.on_event = told
        try:
            engine = _engine(on)
            found = migration.verify(newest=newest, strict=strict, on=engine)
        finally:
            call.console.clear()
        nothing = None if found.migrations else nothing_in(migration.migrations_dir)
    return presented(found, call.layout(), nothing)


def _of_fleet(call: Call, newest: int, on: str | None, *, strict: bool) -> Result:
    """Verify as the targets of a fleet run, once a server."""
    from .. import fleets

    fleets.refuse(on=on)

    def show(report: FleetReport) -> Result:
        layout = call.layout()
        lines: list[str] = []
        told: list[object] = []
        holds: dict[int, list[str]] = {}
        for one in report.done:
            holds.setdefault(id(one.result), []).append(one.name)
            if one.result not in told:
                told.append(one.result)
        for found in told:
            assert isinstance(found, Verification)
            lines += _lines(found, layout, None)
            lines += [f"for {safe(fleets.names_of(holds[id(found)]))}", ""]
        failed = [(one.name, one.error) for one in report.failed]
        lines += fleets.error_lines("Cannot be verified", failed, layout)
        code = fleets.code_of(report)
        if code == Exit.OK and not all(isinstance(f, Verification) and f.ok for f in told):
            code = Exit.FINDINGS
        data = fleets.data_of(call, report, lambda found: presented(found, layout).data)  # type: ignore[arg-type]
        return Result(data, lines, code)

    from ...shadow.verification import Verification

    with fleets.fleet_of(call) as fleet:
        return fleets.ran(
            call,
            fleet,
            lambda: fleet.verify(newest=newest, strict=strict, **call.fleet.whom),
            show,
        )


def _engine(name: str | None) -> Engine | None:
    """The engine of an option that only has engines to choose from."""
    return "cockroachdb" if name == "cockroachdb" else "postgresql" if name else None


def presented(found: Verification, layout: Layout, nothing: str | None = None) -> Result:
    """The verification as a command's result; ``nothing`` is said of a directory without any."""
    data = {
        "ok": found.ok,
        "irreversible": plain(found.irreversible),
        "migrations": plain(found.migrations),
        "failures": plain(found.failures),
        "skipped": plain(found.skipped),
        "notes": plain(found.notes),
        "strict": found.strict,
        "server": found.server,
        "seconds": found.seconds,
    }
    code = Exit.OK if found.ok else Exit.FINDINGS
    return Result(data, [*_lines(found, layout, nothing)], code)


def _lines(found: Verification, layout: Layout, nothing: str | None) -> Iterator[str]:
    style = layout.style
    yield from _table(found, layout)
    for note in found.notes:
        yield style(safe(f"note: {note}"), "dim")
    if found.skipped:
        numbers = ", ".join(map(str, found.skipped))
        yield style(f"note: left out, for other environments: {numbers}", "dim")
    for one in found.migrations:
        for note in one.notes:
            yield style(safe(f"note: {one.version}: {note}"), "dim")
        for failing in one.failures:
            yield from (
                "",
                *_failing(f"{one.version} {one_line(one.description)}", failing, layout),
            )
    for failing in found.failures:
        yield from ("", *_failing("all", failing, layout))
    if found.migrations:
        yield ""
    yield from _verdict(found, layout, nothing)


def _table(found: Verification, layout: Layout) -> Iterator[str]:
    if not found.migrations:
        return
    head = ("", "version", "up", "down", "again", "crashes", "description")
    rows = [_row(one, strict=found.strict) for one in found.migrations]
    first, *rest = columns([head, *rows], limit=layout.width, indent="")
    yield layout.style(first, "dim")
    for one, line in zip(found.migrations, rest, strict=True):
        if one.failures or (found.strict and not one.reversible):
            yield layout.style(line, "red")
        else:
            yield layout.style(line, *(() if one.reversible else ("yellow",)))


def _row(one: Verified, *, strict: bool) -> Sequence[str]:
    failed = one.failures or (strict and not one.reversible)
    crashes = f"{one.crashes} in {took(one.resume)}" if one.crashes else ""
    return (
        "FAILED" if failed else "ok" if one.reversible else "no undo",
        str(one.version),
        took(one.up) if one.up else "",
        took(one.down) if one.down else "",
        took(one.again) if one.again else "",
        crashes,
        one.description,
    )


def _failing(what: str, failing: Failing, layout: Layout) -> Iterator[str]:
    yield f"{layout.style(safe(what), 'bold')}  {layout.style(f'{failing.stage} failed', 'red')}"
    yield from layout.wrapped(failing.message, "  ")
    if failing.hint:
        yield from layout.hint(failing.hint, "  ")
    if failing.changes:
        from ...schema.changes import as_text

        for line in layout.changes(as_text(failing.changes)):
            yield f"    {line}"


def _verdict(found: Verification, layout: Layout, nothing: str | None) -> Iterator[str]:
    number = count(len(found.migrations), "migration")
    where = f"{one_line(found.server)}, {took(found.seconds)}"
    if not found.migrations:
        yield safe(nothing or "Nothing to verify: there are no migrations.")
        return
    lasting = len(found.irreversible)
    without = f"; {lasting} without undo part" if lasting else ""
    if found.ok:
        yield layout.style(f"Verified: {number} ({where}){without}.", "green")
        return
    failed = sum(bool(m.failures) for m in found.migrations)
    yield layout.style(f"Not verified: {failed} of {number} failed ({where}){without}.", "red")
