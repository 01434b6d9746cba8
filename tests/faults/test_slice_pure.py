"""The harness itself: what it draws, sweeps, compares and believes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from faults import harness_migrations as migrations
from faults.harness import KINDS, Leg, Try, draw, fault, parse, sweep, tries
from faults.harness_state import State
from faults.harness_table import BEGIN, END, Table, write
from faults.harness_truth import untruths
from faults.harness_walk import Directories, Result
from faults.proxy import Call, Cut
from manticore_cockroachdb.dialect import Server, capabilities
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.plan import plan_script
from manticore_cockroachdb.migrations.script import script_of

LEG = Leg(
    "postgresql",
    "sync",
    "up",
    5,
    {"client": 6, "server": 20, "query": 4, "commit": 2, "moment": 9, "step": 1},
    {"client": range(3, 6), "server": range(10, 16)},
)
EVERY = list(KINDS.values())


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.name)
def test_the_name_of_a_try_leads_back_to_it(kind):
    for one in tries(LEG, kind):
        assert parse(str(one)) == one


@pytest.mark.parametrize("name", ["", "a:b:c", "postgresql:sync:up:1:cut-before:query:1"])
def test_what_names_no_try(name):
    with pytest.raises(ValueError, match=r"."):
        parse(name)


def test_drawing_is_repeatable_and_draws_nothing_twice():
    once = draw(LEG, EVERY, 50, random.Random(7))
    assert once == draw(LEG, EVERY, 50, random.Random(7))
    assert len(set(once)) == len(once) == 50
    assert not [one for one in once if one.kind.startswith("server-kill")]


def test_a_sweep_cuts_at_each_of_a_legs_own_messages():
    swept = sweep(LEG, EVERY, thorough=True)
    assert {one.number for one in swept if one.point == "client"} == {3, 4, 5}
    assert {one.number for one in swept if one.point == "server"} == set(range(10, 16))


def test_what_the_proxy_does_where_a_process_is_killed():
    def hook(_):
        return None

    kill = Try("postgresql", "sync", "up", 5, "kill", "client", 2)
    assert fault(kill, hook).what == Call(hook)
    cut = Try("postgresql", "sync", "up", 5, "cut-hold", "client", 2)
    assert fault(cut, hook).what == Cut(forward=True, server="hold")
    assert fault(Try("e", "sync", "up", 5, "kill-random", "moment", 2), hook) is None


def test_twenty_migrations_with_a_counter_each(tmp_path):
    directories = Directories(tmp_path)
    paths = sorted(Path(directories.of(migrations.COUNT)).glob("*.sql"))
    assert migrations.COUNT == len(paths) == 20
    assert max(path.stat().st_size for path in paths) > 3_000_000
    versions = range(2, migrations.last_of(migrations.LEGS) + 1)
    bare = [version for version in versions if not migrations.counters_of(version)]
    last = Path(directories.of(migrations.LEGS))
    for text in [next(last.glob(f"{version}_*.sql")).read_text() for version in bare]:
        # What runs alone leaves its trace in the catalog, and a counter would not be alone.
        up = text.partition("-- @UNDO")[0].split(";")[:-1]
        assert all(one.strip().startswith("CREATE INDEX CONCURRENTLY") for one in up)
    assert len(bare) == 2


def test_states_are_compared_by_what_is_in_them():
    one = State(frozenset({"column|t|a"}), frozenset(), {101: 1}, (1,))
    other = State(frozenset({"column|t|b"}), frozenset(), {101: 2}, (1, 2))
    assert one.differences(one) == []
    assert one.differences(other) == [
        "missing column|t|b",
        "extra column|t|a",
        "counter 101 is 1, not 2",
        "history (1,), not (1, 2)",
    ]


def test_what_an_error_says_is_held_against_the_counters():
    text = (
        "UPDATE counters SET n = n + 1 WHERE id = 501;\n"
        "CREATE INDEX CONCURRENTLY i ON t (a);\n"
        "UPDATE counters SET n = n + 1 WHERE id = 502;\n"
    )
    plan = plan_script(
        script_of(parse_file("5_a.sql", text, "5_a.sql")),
        capabilities(Server("postgresql", (18, 0))),
    )
    start, goal = State(counters={501: 0, 502: 0}), State(counters={501: 1, 502: 1})
    done = ((5, "up", 0, "done"), (5, "up", 1, "stuck"))
    true = State(counters={501: 1, 502: 0}, journal=done)
    false = State(counters={501: 0, 502: 1}, journal=done)
    assert untruths("hint: look", plan, start, goal, true) == []
    assert len(untruths("hint: look", plan, start, goal, false)) == 2
    assert untruths("no way", plan, start, goal, true) == ["no way forward is shown"]


def test_the_table_is_written_between_its_marks(tmp_path):
    table = Table()
    one = Try("postgresql", "sync", "up", 5, "kill", "client", 2)
    table.note(Result(one, "steps"))
    table.note(Result(one, "steps", lost=["counter"]))
    table.note(Result(one, "steps", struck=False))
    text = table.markdown({"postgresql": "PostgreSQL 18"})
    assert "| PostgreSQL 18 | 0 + 0 | 2 + 0 | 1 | 0 | 0 | 0 | 0 |" in text
    assert (table.missed, table.kills(), len(table.bad)) == (1, 2, 1)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(page, text)
    assert page.read_text() == f"before\n{BEGIN}\n\n{text}\n\n{END}\nafter\n"
    (tmp_path / "other.md").write_text("nothing")
    with pytest.raises(SystemExit):
        write(tmp_path / "other.md", text)
