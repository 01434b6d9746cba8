"""A slice of ``python -m faults objects``: repeatable files and hooks, struck at random."""

from __future__ import annotations

import random

import pytest

from faults import objects
from faults.harness_servers import engines, served

pytestmark = pytest.mark.slow
REAL = [one for one in engines() if not one.startswith("imitated")]


@pytest.mark.parametrize("engine", REAL)
def test_what_is_struck_is_finished_by_the_next_run(engine):
    """With a fixed seed; bounded in time, since a busy machine makes fewer runs."""
    with served([engine]) as servers:
        tally = objects.walks(servers[engine], 16, seed=3, minutes=0.5)
    assert not tally.wrong, "\n".join(tally.wrong)
    assert tally.rounds


@pytest.mark.parametrize(
    ("spoil", "seen"),
    [
        ("UPDATE hooks SET n = n + 1 WHERE name = 'after_each'", "doubled: the hook after_each"),
        ("UPDATE hooks SET n = n - 1 WHERE name = 'after_each'", "falsely recorded: the hook"),
        ("UPDATE counters SET n = 2 WHERE id = 1", "doubled: migration 1"),
        ("UPDATE counters SET n = 0 WHERE id = 1", "lost: migration 1"),
        ("DROP VIEW top", "lost: a view is away"),
        ("REVOKE SELECT ON top FROM PUBLIC", "lost: a view has lost its grant"),
        ("UPDATE _migrations_scripts SET checksum = 'x' WHERE kind = 'repeatable'", "falsely"),
        ("DELETE FROM _migrations WHERE version = 1", "not everything is applied"),
    ],
)
def test_it_sees_what_is_wrong(spoil, seen, tmp_path):
    with served([REAL[0]]) as servers:
        server = servers[REAL[0]]
        url = server.fresh()
        try:
            tally = objects.Tally()
            walk = objects.Walk(server, url, tmp_path / "m", random.Random(1), tally)
            assert walk.once(last=True)
            assert walk.once(last=True)
            before = walk.look()
            with walk.connect() as connection:
                connection.execute(spoil.encode())
            walk.hold(before, walk.look(), ended=True)
        finally:
            server.drop(url)
    assert any(seen in one for one in tally.wrong), tally.wrong
