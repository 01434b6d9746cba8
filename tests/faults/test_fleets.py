"""A slice of ``python -m faults fleets``: fleets killed at random, and what was said of them."""

from __future__ import annotations

import pytest

from faults.fleets import walks
from faults.harness_servers import engines, served

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", [e for e in engines() if not e.startswith("imitated")])
def test_a_fleet_that_is_killed_is_finished_by_the_next_run(engine):
    """With a fixed seed; bounded in time, since a busy machine makes fewer runs."""
    with served([engine]) as servers:
        tally = walks(servers[engine], 12, seed=5, minutes=0.5)
    assert not tally.wrong, "\n".join(tally.wrong)
    assert tally.reports
