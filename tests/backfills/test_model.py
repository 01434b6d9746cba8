"""A slice of `python -m faults model`: every interleaving, and that it finds what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from faults.model import SMALL, Explorer, Wrong, main


@pytest.mark.parametrize("setting", SMALL[1:], ids=str)
def test_every_state_is_well(setting):
    explorer = Explorer(setting)
    explorer.explore()
    assert len(explorer.came) > 1000


@pytest.mark.parametrize("without", ["fence", "token"])
def test_without_a_safeguard_a_row_is_changed_twice(without):
    with pytest.raises(Wrong) as found:
        Explorer(replace(SMALL[0], without=without)).explore()
    story = str(found.value)
    assert "row 1 was changed 2 times" in story
    assert "the late message of worker 1 arrives" in story
    assert "raises the token" in story


def test_without_asking_the_tables_too_much_is_said():
    with pytest.raises(Wrong, match="said to be complete, and it is not"):
        Explorer(replace(SMALL[2], without="tables")).explore()


def test_the_command_tells_the_story(capsys):
    assert main(["--small", "--without", "token"]) == 1
    assert "  1. worker 1: takes a range" in capsys.readouterr().out
