"""``python -m faults``: strike migrations with faults on real servers, and print what became of it.

    python -m faults --faults 500                     a sample, on every engine there is
    python -m faults --every-message --engine postgresql
    python -m faults --only postgresql:sync:up:5:cut-after:client:12
    python -m faults race --runners 50
    python -m faults cluster --tries 16              on three nodes of a `cockroach` binary
    python -m faults cancellations --count 10000      tasks of a program, cancelled at random
    python -m faults backfills --tries 1000           workers of one backfill, struck at random
    python -m faults fleets --runs 100                fleets of tenants, killed and taken up again
    python -m faults objects --runs 100               repeatable files and hooks, struck at random
    python -m faults model                            every interleaving of a backfill's workers

Exit code 1 when anything was lost, doubled, falsely recorded or otherwise wrong.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from faults import harness_migrations as migrations
from faults.backfills import main as backfills
from faults.harness import KINDS, parse
from faults.harness_race import race
from faults.harness_servers import engines
from faults.harness_session import Session, Wanted
from faults.harness_table import around, write
from faults.model import main as model


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["race"]:
        return race(given[1:])
    if given[:1] == ["cluster"]:
        from faults import harness_cluster

        return harness_cluster.run(given[1:])
    if given[:1] == ["cancellations"]:
        from faults import cancellations

        return cancellations.run(given[1:])
    if given[:1] == ["backfills"]:
        return backfills(given[1:])
    if given[:1] == ["fleets"]:
        from faults import fleets

        return fleets.main(given[1:])
    if given[:1] == ["objects"]:
        from faults import objects

        return objects.main(given[1:])
    if given[:1] == ["model"]:
        return model(given[1:])
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__.split("\n")[0])
    parser.add_argument("--faults", type=int, default=200, metavar="N", help="how many to draw")
    parser.add_argument(
        "--every-message",
        action="store_true",
        help="also cut at every message of either side, on real servers",
    )
    parser.add_argument(
        "--engine",
        action="append",
        metavar="NAME",
        help="postgresql, cockroachdb or imitated; may be repeated; default all there are",
    )
    parser.add_argument("--kinds", metavar="A,B", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server-kills", type=int, default=0, metavar="N", help="of each server")
    parser.add_argument(
        "--versions",
        metavar="A-B",
        help="of the twenty migrations; 21: seven short ones in one run; 22: four in steps;"
        " 23: four in Python",
    )
    parser.add_argument("--workers", type=int, default=6, help="shared by the engines")
    parser.add_argument("--minutes", type=float, default=1440.0, help="stop after so many")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into a page")
    parser.add_argument("--only", metavar="TRY", help="repeat one try")
    options = parser.parse_args(given)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # that a cut connection is closed
    if options.write:
        around(options.write)  # before hours of work, not after
    if options.only:
        try:
            one = parse(options.only)
        except ValueError as error:
            parser.error(str(error))
        session = Session(Wanted((one.engine,), (one.kind,), 1, options.seed))
        session.only(one)
    else:
        session = Session(_wanted(options, parser))
        print(f"seed {options.seed}", flush=True)
        session.run()
    return report(session, given, options.write)


def _wanted(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Wanted:
    found = engines(options.engine)
    if not found:
        parser.error("no such engine here")
    kinds = tuple(options.kinds.split(",")) if options.kinds else tuple(KINDS)
    for kind in kinds:
        if kind not in KINDS:
            parser.error(f"no such kind: {kind}")
    first, _, last = (options.versions or f"1-{migrations.LEGS}").partition("-")
    return Wanted(
        tuple(found),
        kinds,
        options.faults,
        options.seed,
        options.every_message,
        options.server_kills,
        tuple(range(int(first), int(last or first) + 1)),
        workers=options.workers,
        seconds=options.minutes * 60,
    )


def report(session: Session, given: Sequence[str], page: Path | None) -> int:
    """Print the table, write it where it was asked for, and return the exit code."""
    table = session.table
    whole = len(session.wanted.versions) * len(session.wanted.colours)
    lines = [
        f"`python -m faults {' '.join(given)}`: {table.sum().tries} tries, {table.kills()} kills,"
        f" {session.seconds / 60:.0f} minutes, seed {session.wanted.seed}."
        f" {table.missed} faults whose message never came are not counted.",
        *(
            f"{title}: all tries made in {session.walked.get(engine, 0)} of {whole} walks."
            for engine, title in session.titles.items()
            if session.walked
        ),
        *(
            f"{one}: the server came back and then ended by itself; not counted."
            for one in session.gone
        ),
        *(f"Cut short: {' '.join(str(error).split())[:200]}" for error in session.errors),
    ]
    text = "\n\n".join((" ".join(lines), table.markdown(session.titles)))
    print(f"\n{text}")
    if page is not None:
        write(page, text)
    return 1 if table.bad or session.errors else 0


if __name__ == "__main__":
    sys.exit(main())
