"""manticore lock"""

from __future__ import annotations

import click

from .. import ask, present
from ..call import Call
from ..options import DATABASE, OUTPUT, YES
from ..render import Result, safe
from ..terminal import one_line
from ..verb import Family, verb


@click.group(cls=Family)
def command() -> None:
    """See or take the right to migrate.

    One runner at a time has it, for a limited time that it prolongs while it lives.
    """


@verb(*(DATABASE, OUTPUT), name="status")
def status(call: Call) -> Result:
    """Show who may migrate now."""
    with call.migration() as migration:
        return present.lease(migration.lease_status())


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
                present.lease(held).lines,
                "It may still be running. End it?",
                refused=f"{one_line(held.owner)} may still be running.",
            )
        owner = migration.release_lease()
    line = "Nobody had it." if owner is None else f"Taken from {safe(one_line(owner))}."
    return Result({"released": owner}, [line], quiet=True)


command.add_command(status)
command.add_command(release)
