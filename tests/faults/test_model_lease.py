"""A slice of `python -m faults model --of lease`: all is well, and each safeguard is missed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from faults.model import main
from faults.model_lease import SAFEGUARDS, SMALL, Explorer, Wrong


@pytest.mark.parametrize("setting", SMALL, ids=str)
def test_every_state_is_well(setting):
    explorer = Explorer(setting)
    explorer.explore()
    assert len(explorer.came) > 4000


STORIES = {
    "fence": "migration 1 took effect -1 times",
    "token": "runner 2 says that migration 2 failed",
    "session": "runner 2 says that migration 2 failed",
    "journal": "runner 2 says that migration 2 failed",
}


@pytest.mark.parametrize("without", SAFEGUARDS)
def test_without_a_safeguard_it_finds_how_that_goes_wrong(without):
    found = []
    for setting in SMALL:
        try:
            Explorer(replace(setting, without=without)).explore()
        except Wrong as wrong:
            found.append(str(wrong))
    assert any(
        STORIES[without] in story and "  1. runner 1 takes the lease" in story for story in found
    )


def test_the_command_tells_the_story(capsys):
    assert main(["--of", "lease", "--small", "--without", "session"]) == 1
    out = capsys.readouterr().out
    assert "the session of whoever came before is not ended" in out
    assert "sends the statement of migration 2 (token 2): it is there" in out
    with pytest.raises(SystemExit):
        main(["--of", "lease", "--without", "tables"])
    assert "its safeguards are fence, token, session, journal" in capsys.readouterr().err
