"""manticore backfill"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import click

from .. import ask
from ..call import Call
from ..index import Exit
from ..options import (
    DEADLINE,
    FLEET,
    LEASE,
    MIGRATIONS,
    OUTPUT,
    REPORTS,
    SETTINGS,
    VARIABLES,
    YES,
)
from ..result import Result, plain
from ..terminal.text import count, one_line, safe, took
from ..verb import Family, verb

if TYPE_CHECKING:
    from ...backfill.results import BackfillStatus
    from ...fleet.report import FleetReport
    from ...runner.deadline import When
    from ..terminal.layout import Layout

_SHOWN = 5
_WATCH = 1.0


@click.group(cls=Family)
def command() -> None:
    """Work on backfills, and see how far they are.

    A migration with -- @backfill changes its table batch by batch. One with -- @background is only
    registered by migrate; any number of machines may run it.
    """


@verb(*(MIGRATIONS, SETTINGS, VARIABLES, LEASE, DEADLINE, REPORTS, FLEET, OUTPUT), name="run")
@click.argument("names", nargs=-1, metavar="[VERSION]...")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Workers of this process.  [default: as the file says, else 1]",
)
@click.option("--until-idle", is_flag=True, help="End when nothing is left to do.")
def run(
    call: Call,
    names: Sequence[str],
    workers: int | None,
    until_idle: bool,
    deadline: When | None,
) -> Result:
    """Work on backfills: those named, or all that are registered, and those to come.

    Run it on any number of machines: they share the work. Stop it at any moment.
    """
    if call.fleet.fleet is not None:
        from .. import fleets

        return fleets.run_backfills(call, names, workers, deadline)
    with call.migration(progress=True, changes=True) as migration:
        done = migration.run_backfills(
            *names,
            workers=workers,
            until_idle=until_idle or bool(names),
            deadline=deadline,
        )
    line = f"Complete: {', '.join(done)}." if done else "Nothing to do."
    return Result({"complete": done}, [line], quiet=True)


@verb(*(MIGRATIONS, FLEET, OUTPUT), name="status")
@click.argument("name", required=False, metavar="[VERSION]")
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when one is not complete.")
@click.option("--prometheus", is_flag=True, help="Print it as Prometheus reads it.")
def status(call: Call, name: str | None, watch: bool, exit_code: bool, prometheus: bool) -> Result:
    """Show how far each backfill is, who works on it, and which rows failed."""
    if prometheus and (watch or call.as_json):
        raise click.UsageError("--prometheus is a format of its own, without --json or --watch.")
    if call.fleet.fleet is not None:
        from .. import fleets

        fleets.refuse(watch=watch, prometheus=prometheus, version=name)
        return _of_fleet(call, exit_code=exit_code)
    with call.migration() as migration:
        found = migration.backfills(name)
        while watch and any(one.state == "running" for one in found):
            from time import sleep

            for one in found:
                call.console.line("\n".join(_lines(one, call.layout(), brief=True)))
            sleep(_WATCH)
            found = migration.backfills(name)
        if name is not None and not found:
            migration.pause_backfill(name)  # says which there are
        database = migration.db.settings.database or ""
    lines = [line for one in found for line in _lines(one, call.layout())]
    if prometheus:
        from ..reports.metrics import of_backfills, text

        lines = text(of_backfills(found, database)).splitlines()
    code = Exit.PENDING if exit_code and not all(one.complete for one in found) else Exit.OK
    return Result(plain(found), lines or ["No backfill was ever registered here."], code=code)


def _of_fleet(call: Call, *, exit_code: bool) -> Result:
    """Backfills that are not complete, of every target of a fleet."""
    from .. import fleets

    with fleets.fleet_of(call) as fleet:
        report = fleet.backfills(**call.fleet.whom)
    lines: list[str] = []
    for one in report.done:
        lines.append(call.layout().style(safe(one_line(one.name)), "bold"))
        found: Sequence[BackfillStatus] = one.result  # type: ignore[assignment]
        lines += [f"  {line}" for status in found for line in _lines(status, call.layout())]
    lines += fleets.error_lines(
        "Failed", [(one.name, one.error) for one in report.failed], call.layout()
    )
    code = fleets.code_of(report)
    if code == Exit.OK and exit_code and report.done:
        code = Exit.PENDING
    return Result(fleets.data_of(call, report), lines or ["Every backfill is complete."], code)


@verb(*(MIGRATIONS, FLEET, OUTPUT), name="pause")
@click.argument("name", metavar="VERSION")
def pause(call: Call, name: str) -> Result:
    """Let all workers stop after the batch that they are at."""
    if call.fleet.fleet is not None:
        from .. import fleets

        with fleets.fleet_of(call) as fleet:
            return fleets.ran(call, fleet, lambda: fleet.pause_backfill(name, **call.fleet.whom))
    with call.migration(changes=True) as migration:
        return _said(migration.pause_backfill(name), name)


@verb(*(MIGRATIONS, FLEET, OUTPUT), name="resume")
@click.argument("name", metavar="VERSION")
def resume(call: Call, name: str) -> Result:
    """Let one go on that is paused, failed or cancelled."""
    if call.fleet.fleet is not None:
        from .. import fleets

        with fleets.fleet_of(call) as fleet:
            return fleets.ran(call, fleet, lambda: fleet.resume_backfill(name, **call.fleet.whom))
    with call.migration(changes=True) as migration:
        return _said(migration.resume_backfill(name), name)


@verb(*(MIGRATIONS, YES, FLEET, OUTPUT), name="cancel")
@click.argument("name", metavar="VERSION")
def cancel(call: Call, name: str) -> Result:
    """Give one up: rows that are done stay as they are, the others too."""
    if call.fleet.fleet is not None:
        from .. import fleets

        ask.permission(
            call,
            [f"Backfill {safe(name)} will be given up in every target of the fleet."],
            "Rows that are done stay done. Cancel it?",
            refused=f"Backfill {name} goes on.",
        )
        with fleets.fleet_of(call) as fleet:
            return fleets.ran(call, fleet, lambda: fleet.cancel_backfill(name, **call.fleet.whom))
    with call.migration(changes=True) as migration:
        found = migration.backfills(name)
        if found and found[0].rows and not found[0].complete:
            ask.permission(
                call,
                list(_lines(found[0], call.layout())),
                "Rows that are done stay done. Cancel it?",
                refused=f"Backfill {name} goes on.",
            )
        return _said(migration.cancel_backfill(name), name)


@verb(*(MIGRATIONS, SETTINGS, VARIABLES, FLEET, OUTPUT), name="retry")
@click.argument("name", metavar="VERSION")
def retry(call: Call, name: str) -> Result:
    """Try the rows again that could not be changed."""
    if call.fleet.fleet is not None:
        return _retried_everywhere(call, name)
    with call.migration(changes=True) as migration:
        done, failed = migration.retry_backfill(name)
    code = Exit.PERSON if failed else Exit.OK
    return Result({"done": done, "failed": failed}, [_retried(done, failed)], code=code)


def _retried(done: int, failed: int) -> str:
    return f"{count(done, 'row')} done, {count(failed, 'row')} failed again."


def _retried_everywhere(call: Call, name: str) -> Result:
    """What became of the rows of each target in which there were any to try."""
    from .. import fleets

    def show(report: FleetReport) -> Result:
        lines, left = [*fleets.report_lines(fleet.where, report, call.layout())], False
        for one in report.done:
            done, failed = cast("tuple[int, int]", one.result)
            lines.append(f"{safe(one_line(one.name))}: {_retried(done, failed)}")
            left = left or failed > 0
        code = fleets.code_of(report) or (Exit.PERSON if left else Exit.OK)
        return Result(fleets.data_of(call, report), lines, code=code)

    with fleets.fleet_of(call) as fleet:
        return fleets.ran(call, fleet, lambda: fleet.retry_backfill(name, **call.fleet.whom), show)


def _said(sentence: str, name: str) -> Result:
    return Result({"backfill": name, "done": sentence}, [safe(sentence)], quiet=True)


def _lines(one: BackfillStatus, layout: Layout, *, brief: bool = False) -> Iterator[str]:
    style = layout.style
    colour = {"complete": "green", "failed": "red"}.get(one.state, "yellow")
    yield f"{style(safe(one_line(one.name)), 'bold')}  {style(one.state, colour)}  {_far(one)}"
    if brief:
        return
    if one.note:
        yield f"  {safe(one_line(one.note))}"
    batches = "1 batch" if one.batches == 1 else f"{one.batches:,} batches"
    ranges = f"{one.ranges_done:,} of {count(one.ranges, 'range')} done"
    yield f"  {safe(one_line(one.relation))}; {batches}, {ranges}"
    for worker in one.workers:
        lease = "expired" if worker.remaining <= 0 else f"lease {took(worker.remaining)}"
        yield (
            f"  worker {safe(one_line(worker.owner))}: batches of {worker.size:,} rows in"
            f" {took(worker.seconds)}; {lease}"
        )
    if one.failed:
        yield f"  {count(one.failed, 'row')} failed; `manticore backfill retry` tries them again"
    for row in one.failures[:_SHOWN]:
        state = f" ({row.sqlstate})" if row.sqlstate else ""
        yield f"    {safe(', '.join(row.key))}: {safe(one_line(row.message))}{state}"


def _far(one: BackfillStatus) -> str:
    """How far it is, in words."""
    text = f"{one.rows:,} rows"
    if one.estimate is not None and not one.complete:
        text = f"{one.rows:,} of about {one.estimate:,} rows"
    if one.rate:
        text += f", {one.rate:,.0f}/s"
    if one.remaining is not None:
        text += f", {took(one.remaining)} left"
    return text


for _one in (run, status, pause, resume, cancel, retry):
    command.add_command(_one)
