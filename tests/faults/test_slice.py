"""A slice of the fault harness, with every server there is; ``python -m faults`` is the whole."""

from __future__ import annotations

import pytest

from faults.harness import KINDS
from faults.harness_race import run as race
from faults.harness_runner import Runners
from faults.harness_servers import engines, served
from faults.harness_session import Session, Wanted
from faults.harness_walk import Directories

pytestmark = pytest.mark.slow


def test_a_slice_of_all_faults_loses_and_doubles_nothing():
    """Drawn with a fixed seed, so that a failure comes again; each is told with its replay.

    Migration 2 runs in a transaction everywhere, migration 5 in steps, and 21 stands for several
    that share messages. Bounded in time: a busy machine makes fewer tries.
    """
    wanted = Wanted(
        tuple(engines()), tuple(KINDS), 80, 3, versions=(2, 5, 21), workers=4, seconds=60
    )
    session = Session(wanted, quiet=True)
    session.run()
    table = session.table
    assert not session.errors
    assert not table.bad, "\n\n".join(result.told() for result in table.bad)
    assert table.sum().tries
    assert {result.one.kind for result in table.people} <= {"XXA00"}


@pytest.mark.parametrize("engine", [e for e in engines() if not e.startswith("imitated")])
def test_a_dozen_processes_at_once(engine, tmp_path):
    with served([engine]) as servers, Runners() as runners:
        assert race(servers[engine], Directories(tmp_path), runners, 12) == []
