"""Options that several commands share, in groups; `verb` adds them and `call` reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Group: TypeAlias = tuple[click.Option, ...]


def _seconds(
    context: click.Context, parameter: click.Parameter, value: float | None
) -> float | None:
    if value is not None and not 0 <= value < float("inf"):
        raise click.BadParameter(f"{value} is not a number of seconds.")
    return value


def _deadline(context: click.Context, parameter: click.Parameter, value: str | None) -> object:
    from .durations import deadline

    return deadline(context, parameter, value)


def _environments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from .complete import environments

    return environments(context, parameter, incomplete)


def complete_versions(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the versions of the directory."""
    from .complete import versions

    return versions(context, parameter, incomplete)


CONFIG: Group = (
    click.Option(
        ["--env"],
        metavar="NAME",
        shell_complete=_environments,
        help="The environment: chooses values of the configuration, and migrations.",
    ),
    click.Option(
        ["--config"], metavar="FILE", help="The configuration, instead of the nearest there is."
    ),
)
URL: Group = (
    click.Option(
        ["--url"],
        metavar="URL",
        help="The database: postgresql://…, cockroachdb://…, local: or env:VARIABLE.",
    ),
)
DIR: Group = (
    click.Option(
        ["--dir"],
        metavar="DIRECTORY",
        type=click.Path(),
        help="The directory of migrations.  [default: ./migrations]",
    ),
)
SETTINGS: Group = (
    click.Option(
        ["--set"],
        metavar="NAME=VALUE",
        multiple=True,
        help="A session setting for the migrations, such as app.environment=production.",
    ),
)
VARIABLES: Group = (
    click.Option(
        ["--var"],
        metavar="NAME=VALUE",
        multiple=True,
        help="The value of a variable that files declare, such as region=eu; may be repeated.",
    ),
)
LEASE: Group = (
    click.Option(
        ["--lease-ttl"],
        type=float,
        metavar="SECONDS",
        callback=_seconds,
        help="How long a runner that died can keep others waiting.  [default: 30]",
    ),
    click.Option(
        ["--lease-wait"],
        type=float,
        metavar="SECONDS",
        callback=_seconds,
        help="How long to wait for another runner.  [default: 300]",
    ),
    click.Option(
        ["--reconnect-wait"],
        type=float,
        metavar="SECONDS",
        callback=_seconds,
        help="How long to go on trying after the connection was lost.  [default: 60]",
    ),
)
REPORTS: Group = (
    click.Option(
        ["--events"],
        metavar="FILE",
        type=click.Path(dir_okay=False, allow_dash=True),
        help="Append a line of JSON for each event; - is stdout, and the rest goes to stderr.",
    ),
    click.Option(
        ["--on-event"],
        metavar="COMMAND",
        help="Run this for each event, its JSON on stdin; without a shell, never stopping the run.",
    ),
    click.Option(
        ["--metrics"],
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help="Write numbers for Prometheus's node_exporter, such as manticore.prom.",
    ),
)
ALLOWANCES: Group = (
    click.Option(
        ["--allow-out-of-order"],
        is_flag=True,
        help="Apply a migration although a newer one is applied.",
    ),
    click.Option(["--allow-changed"], is_flag=True, help="Go on although an applied file changed."),
    click.Option(["--allow-missing"], is_flag=True, help="Go on although an applied file is gone."),
)
MISSING: Group = (
    click.Option(
        ["--allow-missing"],
        is_flag=True,
        help="Revert one without a file by the undo part that was stored when it was applied.",
    ),
)
DEADLINE: Group = (
    click.Option(
        ["--deadline"],
        metavar="DURATION|TIME",
        callback=_deadline,
        help="Stop in good order then, such as 10m from now or 2026-01-31T12:00:00Z.",
    ),
)
YES: Group = (click.Option(["--yes", "-y"], is_flag=True, help="Answer questions with yes."),)
TALK: Group = (
    click.Option(["--quiet", "-q"], is_flag=True, help="Say nothing but warnings and errors."),
    click.Option(
        ["--verbose", "-v"], is_flag=True, help="Say more; show where an error came from."
    ),
)
OUTPUT: Group = (
    click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON."),
    *TALK,
)

SOURCES: Group = (
    click.Option(
        ["--on"],
        type=click.Choice(["postgresql", "cockroachdb"]),
        help="Make what has to be made on a throwaway server of this engine.",
    ),
    click.Option(
        ["--python"],
        metavar="PATH",
        help="The Python that has the models, where it is not this one.",
    ),
)
RENAMES: Group = (
    click.Option(
        ["--rename"],
        metavar="OLD=NEW",
        multiple=True,
        help="What was renamed, such as users.name=full_name or users=people; may be repeated.",
    ),
)


def _fleets(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from .complete import fleets

    return fleets(context, parameter, incomplete)


FLEET: Group = (
    click.Option(
        ["--fleet"],
        metavar="NAME",
        shell_complete=_fleets,
        help="Every database or schema of this fleet of the configuration's.",
    ),
    click.Option(
        ["--only"],
        metavar="PATTERN",
        multiple=True,
        help="Of a fleet only the targets whose names match, such as acme*; may be repeated.",
    ),
    click.Option(
        ["--except", "leave_out"],
        metavar="PATTERN",
        multiple=True,
        help="Of a fleet not these targets; may be repeated.",
    ),
    click.Option(
        ["--parallel"],
        type=click.IntRange(1),
        metavar="N",
        help="How many targets of a fleet to work on at once.  [default: as configured, else 8]",
    ),
)
ROLLOUT: Group = (
    click.Option(
        ["--canary"],
        type=click.IntRange(1),
        metavar="N",
        help="So many targets of a fleet first; the rest only if all is well.",
    ),
    click.Option(
        ["--waves"],
        metavar="N,N%,rest",
        help="The targets of a fleet in waves, each only if all is well.",
    ),
    click.Option(
        ["--max-failures"],
        metavar="N|N%",
        help="How many targets of a fleet may fail before no more are begun.  [default: 0]",
    ),
)

DATABASE: Group = (*URL, *CONFIG)
MIGRATIONS: Group = (*URL, *DIR, *CONFIG)
