"""manticore lock"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .. import ask
from ..call import Call
from ..options import DATABASE, OUTPUT, YES
from ..result import Result
from ..terminal.text import one_line, safe, when
from ..verb import Family, verb

if TYPE_CHECKING:
    from ...migrations.results import LeaseStatus


@click.group(cls=Family)
def command() -> None:
    """See or take the right to migrate.

    One runner at a time has it, for a limited time that it prolongs while it lives.
    """


@verb(*(DATABASE, OUTPUT), name="status")
def status(call: Call) -> Result:
    """Show who may migrate now."""
    with call.migration() as migration:
        return presented(migration.lease_status())


@verb(*(DATABASE, YES, OUTPUT), name="release")
def release(call: Call) -> Result:
    """Take the right to migrate from whoever has it, and end their session.

    For a runner that is known to be dead; nobody has to wait for it then. Should it still live,
    it can record nothing more and stops before its next statement.
    """
    with call.migration(changes=True) as migration:
        held = migration.lease_status()
        if held.owner is not None and (held.remaining or 0) > 0:
            ask.permission(
                call,
                presented(held).lines,
                "It may still be running. End it?",
                refused=f"{one_line(held.owner)} may still be running.",
            )
        owner = migration.release_lease()
    line = "Nobody had it." if owner is None else f"Taken from {safe(one_line(owner))}."
    return Result({"released": owner}, [line], quiet=True)


def presented(found: LeaseStatus) -> Result:
    """Who may migrate now."""
    data = {
        "owner": found.owner,
        "session": found.session,
        "acquired_at": found.acquired_at,
        "remaining": found.remaining,
        "expired": found.remaining is not None and found.remaining <= 0,
        "version": found.version,
        "statement": found.statement,
        "blocked_by": found.blocked_by,
    }
    if found.owner is None or found.remaining is None:
        return Result(data, ["Nobody is migrating."])
    owner = safe(one_line(found.owner))
    since = f", since {when(found.acquired_at)} UTC" if found.acquired_at else ""
    if found.remaining <= 0:
        line = f"{owner} had the right to migrate{since}; it expired and can be taken."
    else:
        line = f"{owner} has the right to migrate{since}, for {found.remaining:.0f} s more."
    return Result(data, [line, *at_work(found)])


def at_work(found: LeaseStatus) -> list[str]:
    """What whoever has the right to migrate is doing."""
    lines = []
    if found.version is not None:
        lines.append(f"  at migration {found.version}")
    if found.statement is not None:
        lines.append(f"  {safe(one_line(found.statement))}")
    lines += [f"  waiting for {safe(one_line(one))}" for one in found.blocked_by]
    return lines


command.add_command(status)
command.add_command(release)
