"""The recording of the documentation: is it what its session says, and does the recorder work."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pyte
import pytest

from tools import record

SESSION = (record.ROOT / "tools" / "tour.txt").read_text(encoding="utf-8").splitlines()
TYPED = [line for line in SESSION if not line.startswith("@")]


def without_space(text: str) -> str:
    """What a terminal shows, without the places where it broke lines, and without colours."""
    return re.sub(r"\s|\x1b\[[0-9;]*[A-Za-z]", "", text)


def test_the_recording_is_of_the_session_that_is_there() -> None:
    lines = (record.ASSETS / "tour.cast").read_text(encoding="utf-8").splitlines()
    head, events = json.loads(lines[0]), [json.loads(line) for line in lines[1:]]
    assert head["version"] == 2
    assert [at for at, _, _ in events] == sorted(at for at, _, _ in events)
    shown = without_space("".join(text for _, _, text in events))
    stale = [line for line in TYPED if without_space(line) not in shown]
    assert not stale, "run python -m tools.record"
    assert "error" not in shown and "Traceback" not in shown


def test_the_site_s_still_is_the_screen_of_the_picture() -> None:
    page = (record.ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    minutes, seconds = re.findall(r'data-poster="(\d+):(\d+)"', page)[0]
    still = int(minutes) * 60 + int(seconds)
    lines = (record.ASSETS / "tour.cast").read_text(encoding="utf-8").splitlines()[1:]
    screen = pyte.Screen(record.COLUMNS, record.ROWS)
    stream = pyte.Stream(screen)
    for at, _, text in map(json.loads, lines):
        if at <= still:
            stream.feed(text)
    shown = "\n".join(screen.display)
    assert "warning[create-index-blocks]" in shown and "none dangerous" in shown, still


def test_the_picture_of_the_terminal_loads_nothing_and_is_small() -> None:
    path = record.ASSETS / "terminal.svg"
    assert path.stat().st_size < 150_000
    text = path.read_text(encoding="utf-8")
    assert "url(http" not in text and "@font-face" not in text
    shown = " ".join("".join(ElementTree.fromstring(text).itertext()).replace("\xa0", " ").split())
    assert "create-index-blocks" in shown and "none dangerous" in shown


def test_the_picture_of_a_schema_is_small() -> None:
    assert (record.ASSETS / "schema.png").stat().st_size < 150_000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_what_is_typed_and_what_is_printed_are_recorded(tmp_path: Path) -> None:
    lines = ["echo $((6 * 7)) äöü", "@picture", "@clear", "printf '\\033[31mred\\033[0m\\n'; false"]
    made, until = record.record(lines, tmp_path)
    shown = "".join(text for _, text in made.events)
    assert "42 äöü\r\n" in shown and "\x1b[31mred" in shown
    assert made.events == sorted(made.events, key=lambda event: event[0])
    before = "".join(text for _, text in made.events[:until])
    assert "42 äöü" in before and "red" not in before
    picture = record.picture(made, until, "t")
    assert "42" in picture and "red" not in picture
    head, *events = map(json.loads, made.cast("t").splitlines())
    assert head["title"] == "t" and len(events) == len(made.events)
