"""The benchmark's own judgement: what counts as met, and what the page and its charts say."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks import page, plot
from benchmarks.clock import Command, CommandFailed, in_turns, run
from benchmarks.findings import Bar, Chart, Section, Table, measure
from benchmarks.rows import ROWS, row

CHART = Chart("far", "a < b", "s", (("ours", 1.0), ("theirs & more", 4.25)), frozenset({"ours"}))
SECTION = Section(
    "far",
    "Far away",
    "How it was done.",
    (Bar("faster", 3.4, 3.5, "times", at_least=True), Bar("slower", 15.0, 15, "%")),
    (Table(("", "s"), (("a|b", "1"),)),),
    (CHART,),
)


def test_a_bar_is_met_at_its_limit():
    assert Bar("x", 2.0, 2.0, "s").met
    assert not Bar("x", 2.1, 2.0, "s").met
    assert Bar("x", 2.0, 2.0, "s", at_least=True).met
    assert not Bar("x", 1.9, 2.0, "s", at_least=True).met


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0213, "s", "21.3 ms"),
        (0.25, "s", "250 ms"),
        (12.345, "s", "12.35 s"),
        (150e6, "bytes", "150 MB"),
        (3.456, "times", "3.46 ×"),
        (-4.4, "%", "-4 %"),
        (106, "round trips", "106 round trips"),
        (23.46, "MB/s", "23.5 MB/s"),
    ],
)
def test_values_are_written_for_people(value, unit, text):
    assert measure(value, unit) == text


def test_the_page_says_what_was_missed_and_what_was_not_measured():
    text = page.markdown(
        [SECTION],
        [("cores", "2")],
        [("psql", "the floor")],
        date="2026-01-02",
        command="python -m benchmarks --only far --write docs/far.md",
        quick=False,
        absent=["something else"],
        pictures="performance",
    )
    assert "1 of 2 bars are met; 1 are missed" in text
    assert "\n$ python -m benchmarks --only far --write docs/far.md\n" in text
    assert "≥ 3.50 ×" in text
    assert "**missed**" in text
    assert "**Not measured in this run:** something else." in text
    assert "![a < b](performance/far.svg)" in text
    assert r"a\|b" in text


def test_a_chart_is_xml_with_a_bar_for_each_name():
    root = ElementTree.fromstring(plot.svg(CHART))
    bars = root.findall("{http://www.w3.org/2000/svg}rect")
    assert [bar.get("class") for bar in bars] == ["ours", "theirs"]
    lengths = [float(bar.get("width") or 0) for bar in bars]
    assert lengths[1] / lengths[0] == pytest.approx(4.25, rel=0.01)


def test_measurements_take_turns_there_and_back():
    order = []
    found = in_turns({name: lambda n=name: order.append(n) or n for name in "ab"}, 3)
    assert "".join(order) == "abbaab"
    assert found == {"a": ["a"] * 3, "b": ["b"] * 3}


def test_a_command_is_timed_and_weighed_and_its_failure_told():
    found = run(Command(("sh", "-c", "echo said; exit 3"), codes=(3,)))
    assert (found.code, found.out) == (3, "said\n")
    assert 0 < found.seconds < 60
    assert found.peak > 100_000
    with pytest.raises(CommandFailed, match=r"ended with 3:\nsaid"):
        run(Command(("sh", "-c", "echo said; exit 3")))
    with pytest.raises(CommandFailed, match="was killed after"):
        run(Command(("sleep", "30")), limit=0.2)


def test_every_row_has_a_module_that_measures_it():
    for name in ROWS:
        assert callable(row(name))
