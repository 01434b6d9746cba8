"""A slice of the fault harness, with every server there is; ``python -m faults`` is the whole."""

from __future__ import annotations

import pytest

from faults.harness import KINDS
from faults.harness_race import run as race
from faults.harness_runner import Runners
from faults.harness_servers import engines, served
from faults.harness_session import Session, Wanted
from faults.harness_walk import Directories


def test_a_slice_of_all_faults_loses_and_doubles_nothing():
    """Drawn with a fixed seed, so that a failure comes again; each is told with its replay."""
    wanted = Wanted(
        engines=tuple(engines()),
        kinds=tuple(KINDS),
        count=120,
        seed=3,
        versions=(3, 4, 5),
        seconds=40,
    )
    session = Session(wanted, quiet=True)
    session.run()
    table = session.table
    assert not table.bad, "\n\n".join(result.told() for result in table.bad)
    for engine in wanted.engines:
        assert table.sum(engine=engine).tries, f"no fault struck on {engine}"
    for colour in wanted.colours:
        assert table.sum(colour=colour).tries, f"no fault struck in the {colour} half"
    people = {result.one.kind for result in table.people}
    assert people <= {"XXA00"}


@pytest.mark.parametrize("engine", [e for e in engines() if not e.startswith("imitated")])
def test_a_dozen_processes_at_once(engine, tmp_path):
    with served([engine]) as servers, Runners() as runners:
        assert race(servers[engine], Directories(tmp_path), runners, 12) == []
