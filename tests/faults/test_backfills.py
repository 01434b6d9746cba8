"""A slice of `python -m faults backfills`: what it draws, notes and goes on with; some tries."""

from __future__ import annotations

import json

import pytest

from faults.backfills import KINDS, SERVER, SERVER_TRIES, Outcome, Plan, Session, main, table


def test_each_try_is_drawn_from_its_number():
    plan = Plan("postgresql", 1, 50, 3)
    again = Plan("postgresql", 1, 500, 3, done=frozenset({1, 2}))
    for number in (*range(1, 51), SERVER_TRIES + 1):
        one, two = plan.drawn(number), again.drawn(number)
        assert one[1:] == two[1:] and one[0].random() == two[0].random()
    assert plan.drawn(SERVER_TRIES + 1)[1] == SERVER
    assert len({plan.drawn(number)[1] for number in range(1, 51)}) > 5
    other = Plan("cockroachdb", 1, 50, 3)
    assert [plan.drawn(n)[1] for n in range(50)] != [other.drawn(n)[1] for n in range(50)]


def test_what_has_ended_is_not_done_again(tmp_path):
    state = tmp_path / "state.jsonl"
    ended = [("postgresql", 1), ("postgresql", SERVER_TRIES + 1), ("cockroachdb", 2)]
    lines = [
        {
            "engine": e,
            "title": e,
            "number": n,
            "fate": "kill",
            "workers": 1,
            "kills": 1,
            "problems": [],
        }
        for e, n in ended
    ]
    state.write_text("".join(json.dumps(line) + "\n" for line in lines))
    session = Session("", state, 1.0, 1)
    plan = Plan("postgresql", 1, 3, 2, session.done("postgresql"))
    assert plan.left(server=False) == [2, 3]
    assert plan.left(server=True) == [SERVER_TRIES + 2]
    assert Plan("postgresql", 1, 3, 2, only=3).left(server=False) == [3]


def test_the_table_counts_what_was_wrong():
    outcomes = [
        Outcome("postgresql", "PostgreSQL 18", 1, "kill", 4, 1),
        Outcome("postgresql", "PostgreSQL 18", 2, "kill", 1, 1, ("doubled: 1", "missed: 2")),
        Outcome("postgresql", "PostgreSQL 18", SERVER_TRIES + 1, SERVER, 1, 1),
    ]
    lines = table(outcomes).splitlines()
    assert lines[0] == f"|  | tries | kills | {' | '.join(KINDS)} |"
    assert lines[2:] == [
        "| **PostgreSQL 18** | 3 | 3 | 1 | 1 | 0 | 0 |",
        "| kill | 2 | 2 | 1 | 1 | 0 | 0 |",
        f"| {SERVER} | 1 | 1 | 0 | 0 | 0 | 0 |",
    ]


def test_some_tries(server, tmp_path, capsys):
    """Three runs struck at random, and a server that is killed in the middle."""
    given = ["--tries", "3", "--server-kills", "1", "--engine", server.engine, "--at-once", "1"]
    assert main([*given, "--state", str(tmp_path / "state.jsonl")]) == 0
    assert f"| {SERVER} | 1 | 1 | 0 | 0 | 0 | 0 |" in capsys.readouterr().out
    assert len((tmp_path / "state.jsonl").read_text().splitlines()) == 4
    assert main([*given, "--state", str(tmp_path / "state.jsonl")]) == 0
    assert ": 4 tries, " in capsys.readouterr().out, "nothing was left to do"


@pytest.mark.parametrize("name", ["nothing", "imitated-v25.4.3"])
def test_engines_that_it_cannot_strike(name, capsys):
    assert main(["--tries", "1", "--engine", name]) == 0
    assert ": 0 tries, 0 kills" in capsys.readouterr().out
