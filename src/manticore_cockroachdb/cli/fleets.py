"""``--fleet NAME``: a command for every database or schema of a fleet, and its report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..configfile import unknown
from ..errors import ConfigError
from .call import Call
from .failure import failure
from .index import Exit
from .result import Result, plain
from .settings import VARIABLES
from .signals import exit_code as stopped_code
from .terminal.text import count, one_line, safe, took

if TYPE_CHECKING:
    from ..fleet.fleet import Fleet
    from ..fleet.report import FleetReport, FleetStatus, Outcome, TargetStatus
    from ..fleet.spec import FleetSpec
    from ..runner.deadline import When
    from ..runner.events import Event
    from .terminal.fleet import FleetProgress
    from .terminal.layout import Layout


# --- the commands ------------------------------------------------------------------------------


def migrate(
    call: Call,
    target: str | None,
    *,
    fresh: bool,
    finish_backfills: bool,
    deadline: When | None,
) -> Result:
    """``manticore migrate --fleet``."""
    chosen = call.fleet
    with fleet_of(call, progress=True) as fleet:
        return ran(
            call,
            fleet,
            lambda: fleet.migrate(
                target,
                fresh=fresh,
                finish_backfills=finish_backfills,
                canary=chosen.canary,
                waves=chosen.waves,
                max_failures=chosen.max_failures,
                deadline=deadline,
                **chosen.whom,
            ),
        )


def rollback(call: Call, number: int, version: str | None, deadline: When | None) -> Result:
    """``manticore rollback --fleet``."""
    chosen = call.fleet
    with fleet_of(call, progress=True) as fleet:
        going = fleet.rolled_back_by(number, target_version=version, **chosen.whom)
        if going:
            _agree(call, fleet.where, going)
        return ran(
            call,
            fleet,
            lambda: fleet.rollback(
                number,
                target_version=version,
                shown=going,
                canary=chosen.canary,
                waves=chosen.waves,
                max_failures=chosen.max_failures,
                deadline=deadline,
                **chosen.whom,
            ),
        )


def _agree(call: Call, title: str, going: Mapping[str, tuple[int, ...]]) -> None:
    """Say what will be reverted where, and ask. Raises Declined."""
    from . import ask

    alike: dict[tuple[int, ...], list[str]] = {}
    for name, versions in going.items():
        alike.setdefault(versions, []).append(name)
    lines = [f"{safe(title)}: {count(len(going), 'target')} will be rolled back"]
    for versions, names in alike.items():
        shown = ", ".join(map(str, versions[:5])) + (", …" if len(versions) > 5 else "")
        which = f"{count(len(versions), 'migration')} ({shown})"
        lines.append(f"  {which} of {safe(names_of(names, everything=call.console.verbose))}")
    refused = "Rolling back a fleet needs an answer."
    ask.permission(call, lines, "Roll them back?", refused=refused)


def run_backfills(
    call: Call, names: Sequence[str], workers: int | None, deadline: When | None
) -> Result:
    """``manticore backfill run --fleet``."""
    chosen = call.fleet
    with fleet_of(call, progress=True) as fleet:
        return ran(
            call,
            fleet,
            lambda: fleet.run_backfills(
                *names,
                workers=workers,
                max_failures=chosen.max_failures,
                deadline=deadline,
                **chosen.whom,
            ),
        )


def status(call: Call, *, exit_code: bool, require_complete: bool) -> Result:
    """``manticore status --fleet``."""
    with fleet_of(call) as fleet:
        found = fleet.status(**call.fleet.whom)
        title = fleet.where
    code = Exit.OK
    if any(one.error is not None for one in found.targets):
        code = Exit.ERROR  # of these nobody knows how they stand
    elif exit_code or require_complete:
        left = require_complete and any(one.backfills for one in found.targets)
        behind = Exit.PENDING if found.behind or left else Exit.OK
        code = Exit.PERSON if found.problems else behind
    data = {
        "fleet": call.fleet.fleet,
        "targets": len(found.targets),
        "up_to_date": len(found.of("up to date")),
        "behind": len(found.behind),
        "problems": len(found.problems),
        "outcomes": [_standing(one) for one in found.targets],
    }
    return Result(data, [*_status_lines(title, found, call.layout())], code=code)


def refuse(**options: object) -> None:
    """Raise ConfigError for an option that means nothing for a fleet."""
    for name, value in options.items():
        if value:
            raise ConfigError(
                f"--{name.replace('_', '-')} and --fleet exclude each other.",
                hint="it is about a single database; --url names one",
            )


# --- a fleet of the configuration ----------------------------------------------------------------


@contextmanager
def fleet_of(call: Call, *, progress: bool = False) -> Iterator[Fleet]:
    """Lend the fleet that the command line names. Raises ConfigError."""
    from ..fleet.fleet import Fleet

    name = str(call.fleet.fleet)
    spec = _spec(call, name)
    with call.database() as database:
        yield Fleet(
            database,
            _directory(call, spec),
            spec=spec,
            name=name,
            on_event=_listener(call, progress=progress),
            **call.migrator_options(),
        )


def _spec(call: Call, name: str) -> FleetSpec:
    from ..fleet.spec import spec_of

    fleets = call.settings.tables.get("fleets", {})
    if not isinstance(fleets, Mapping) or not fleets:
        raise ConfigError(
            "The configuration has no fleets.",
            hint=f"write [tool.manticore.fleets.{name}] into it; docs/fleets.md shows how",
        )
    if name not in fleets:
        raise unknown("fleet", name, fleets, "in the configuration")
    table = fleets[name]
    if not isinstance(table, Mapping):
        raise ConfigError(
            f"The fleet {name} in the configuration is not a table.",
            hint=f"write [tool.manticore.fleets.{name}] and its values below it",
        )
    spec = spec_of(table, f"the fleet {name}")
    return replace(spec, create=True) if call.given.create else spec


def _directory(call: Call, spec: FleetSpec) -> str:
    """The directory of the fleet's migrations: what a person names for this run comes first."""
    run = call.settings
    if spec.dir is None or run.dir_from in ("--dir", VARIABLES["dir"]):
        return run.dir
    return str(call.root / spec.dir)


def _listener(call: Call, *, progress: bool) -> Callable[[Event], None]:
    from ..fleet.events import FilesRead

    tell: FleetProgress | None = None
    if progress:
        from .terminal.fleet import FleetProgress

        tell = call.fleet_progress = FleetProgress(call.console, _reason)
        call.stopping = (
            "stopping: what is under way ends its statement, nothing more is begun; once more to"
            " stop at once"
        )

    def hear(event: Event) -> None:
        if isinstance(event, FilesRead):
            files = event.migrations
            call.check_environments([(f.path, f.environments) for f in files if f.environments])
        elif tell is not None:
            tell(event)
            if call.reports is not None:
                call.reports(event)

    return hear


# --- reports -------------------------------------------------------------------------------------


def ran(
    call: Call,
    fleet: Fleet,
    run: Callable[[], FleetReport],
    show: Callable[[FleetReport], Result] | None = None,
) -> Result:
    """Run, and report on every target, also where it was interrupted; ``show`` makes the result of
    a report, where it is not only about what became of each."""
    code = None
    try:
        report = run()
    except KeyboardInterrupt as stop:
        if fleet.report is None:  # nobody was looked at yet
            raise
        report, code = fleet.report, stopped_code(stop)
    finally:
        if call.fleet_progress is not None:
            call.fleet_progress.close()
    if call.console.verbose:
        import traceback

        for one in report.failed:
            if one.error is not None:
                call.console.debug("".join(traceback.format_exception(one.error)).rstrip())
    if code is None:
        if show is not None:
            return show(report)
        code = code_of(report)
    lines = [*report_lines(fleet.where, report, call.layout())]
    return Result(data_of(call, report), lines, code=code, quiet=report.ok)


def code_of(report: FleetReport) -> int:
    """The exit code: that of the failures, where all have one; else that of an error."""
    from ..fleet.crew import TIME_IS_UP

    if report.ok:
        return Exit.OK
    if not report.failed and report.stopped == TIME_IS_UP:
        return Exit.DEADLINE
    return code_of_errors(one.error for one in report.failed if one.error is not None)


def code_of_errors(errors: Iterable[Exception]) -> int:
    """The exit code of what went wrong: theirs, where all have one; else that of an error."""
    codes = {failure(error)[1] for error in errors}
    return codes.pop() if len(codes) == 1 else Exit.ERROR


def failed(name: str, error: Exception) -> dict[str, object]:
    """A target and what is wrong with it, for ``--json``."""
    return {"name": name, "error": plain(failure(error)[0])}


def data_of(
    call: Call, report: FleetReport, result: Callable[[object], object] = plain
) -> dict[str, object]:
    """A report for ``--json``; ``result`` makes JSON of what a command found in a target."""
    return {
        "fleet": call.fleet.fleet,
        "command": report.command,
        "targets": len(report.targets),
        "done": len(report.done),
        "nothing_to_do": len(report.nothing),
        "failed": len(report.failed),
        "never_tried": len(report.never_tried),
        "stopped": report.stopped,
        "seconds": round(report.seconds, 6),
        "outcomes": [_outcome(one, result) for one in report.outcomes],
    }


def _outcome(one: Outcome, result: Callable[[object], object]) -> dict[str, object]:
    return {
        "name": one.name,
        "place": one.place,
        "state": one.state.replace(" ", "_"),
        "versions": list(one.versions),
        "wave": one.wave,
        "seconds": round(one.seconds, 6),
        "error": None if one.error is None else plain(failure(one.error)[0]),
        "result": None if one.result is None else result(one.result),
    }


def _standing(one: TargetStatus) -> dict[str, object]:
    return {
        "name": one.name,
        "place": one.place,
        "state": one.state.replace(" ", "_"),
        "current": one.current,
        "applied": one.applied,
        "pending": list(one.pending),
        "repeatable": list(one.repeatable),
        "backfills": [{"name": name, "state": state} for name, state in one.backfills],
        "problems": plain(one.problems),
        "error": None if one.error is None else plain(failure(one.error)[0]),
    }


def report_lines(title: str, report: FleetReport, layout: Layout) -> Iterator[str]:
    style = layout.style
    targets = count(len(report.targets), "target")
    yield f"{style(safe(title), 'bold')}: {targets} in {took(report.seconds)}"
    colours = {"done": "green", "failed": "red", "never tried": "yellow"}
    for state in ("failed", "never tried", "done", "nothing to do"):
        number = sum(one.state == state for one in report.outcomes)
        if number:
            colour = (colours[state],) if state in colours else ()
            why = f"  ({safe(report.stopped)})" if state == "never tried" and report.stopped else ""
            yield f"  {style(f'{state:<13}', *colour)} {number:>6,}{why}"
    failed = [(one.name, one.error) for one in report.failed]
    yield from error_lines("Failed", failed, layout)


def _status_lines(title: str, found: FleetStatus, layout: Layout) -> Iterator[str]:
    style = layout.style
    yield f"{style(safe(title), 'bold')}: {count(len(found.targets), 'target')}"
    for state, colour in (("problem", "red"), ("behind", "yellow"), ("up to date", "green")):
        number = sum(one.state == state for one in found.targets)
        if number:
            yield f"  {style(f'{state:<10}', colour)} {number:>6,}"
    errors = [(one.name, one.error) for one in found.problems if one.error is not None]
    yield from error_lines("Cannot be looked at", errors, layout)
    wrong = [one for one in found.problems if one.error is None]
    if wrong:
        yield from ("", style("Problems", "red", "bold"))
        yield from layout.listed([(one.name, one.problems[0].message) for one in wrong])
    if found.behind:
        yield from ("", style("Behind", "bold"))
        yield from layout.listed([(one.name, _at(one), _pending(one)) for one in found.behind])
    left = [one for one in found.targets if one.backfills]
    if left:
        yield from ("", style("Backfills that are not complete", "bold"))
        rows = [(one.name, ", ".join(" ".join(b) for b in one.backfills)) for one in left]
        yield from layout.listed(rows)
    if found.ok:
        yield from ("", style("Everything is applied everywhere.", "green"))


def error_lines(
    title: str, errors: Sequence[tuple[str, Exception | None]], layout: Layout
) -> Iterator[str]:
    """What went wrong, each error once, with those that it happened to.

    Errors that differ by the target's name alone are one.
    """
    if not errors:
        return
    yield from ("", layout.style(title, "red", "bold"))
    told = [(name, None if error is None else failure(error)[0]) for name, error in errors]
    texts = [(name, t.placed if t else "", t.hint if t else None) for name, t in told]
    often = Counter(text for _, text, _ in texts)
    same: dict[tuple[str, str | None], list[tuple[str, str]]] = {}
    for name, text, hint in texts:
        key = text if often[text] > 1 else _without(name, text)
        same.setdefault((key, hint), []).append((name, text))
    for (_, hint), alike in same.items():
        names = [name for name, _ in alike]
        yield f"  {safe(names_of(names, everything=layout.everything))}"
        yield from layout.wrapped(alike[0][1], "    ")
        if alike[-1][1] != alike[0][1]:
            yield "    The others likewise, each with its own name."
        if hint:
            yield from layout.hint(hint, "    ")


def _without(name: str, message: str) -> str:
    """A message without a target's name, also where that is a part of a schema's."""
    return re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", "\0", message)


def names_of(names: Sequence[str], *, everything: bool = False) -> str:
    """Names in a few words, so that a thousand are no page."""
    shown = names if everything else names[:5]
    more = f" and {len(names) - len(shown):,} more" if len(shown) < len(names) else ""
    return ", ".join(map(one_line, shown)) + more


def _at(one: TargetStatus) -> str:
    return "never migrated" if one.current is None else f"at {one.current}"


def _pending(one: TargetStatus) -> str:
    parts = [f"{len(one.pending):,} pending"] if one.pending else []
    if one.repeatable:
        parts.append(f"{count(len(one.repeatable), 'repeatable file')} to run")
    return ", ".join(parts)


def _reason(outcome: Outcome) -> str:
    """Why a target failed, on one line."""
    if outcome.error is None:
        return ""
    return safe(one_line(failure(outcome.error)[0].placed))
