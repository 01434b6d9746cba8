"""manticore verify"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..call import Call
from ..options import MIGRATIONS, OUTPUT, SETTINGS
from ..render import Result
from ..verb import verb

if TYPE_CHECKING:
    from ...runner.events import Event


@verb(*(MIGRATIONS, SETTINGS, OUTPUT))
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
    from .. import verdict

    def told(event: Event) -> None:
        from ...runner.events import MigrationStarted

        if isinstance(event, MigrationStarted):
            way = "up" if event.direction == "up" else "down"
            call.voice.half(f"verifying {event.version} {event.description} ({way}) …")

    with call.migration() as migration:
        migration.on_event = told
        try:
            engine = verdict.engine(on)
            found = migration.verify(newest=newest, strict=strict, on=engine)
        finally:
            call.voice.settle()
    return verdict.result(found, call.page())
