"""docs/telemetry.md: its examples, in their order; its tables against what there is."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.cli.reports.events import name_of
from manticore_cockroachdb.runner import events
from tests.guide.blocks import run

PAGE = Path(__file__).parents[2] / "docs" / "telemetry.md"
_FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_URL = "postgresql://root@localhost:26257/defaultdb"


def test_the_examples_run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    names: dict[str, Any] = {}
    blocks = _FENCE.findall(PAGE.read_text())
    try:
        for code in blocks:
            run(code.replace(_URL, url), names)
    finally:
        root.handlers[:], root.level = handlers, level
        for name in ("manticore_cockroachdb", "manticore_cockroachdb.pool"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    assert len(blocks) >= 4


def test_every_event_is_on_the_page_with_its_fields() -> None:
    text = PAGE.read_text().partition("## Events")[2].partition("## A program")[0]
    for kind in vars(events).values():
        if isinstance(kind, type) and issubclass(kind, events.Event) and kind is not events.Event:
            assert f"`{name_of(kind)}`" in text, kind


def test_every_logger_is_on_the_page_and_no_other() -> None:
    source = Path(events.__file__).parents[1]
    found = set()
    for path in source.rglob("*.py"):
        found |= set(re.findall(r'getLogger\("(manticore_cockroachdb\.\w+)"', path.read_text()))
    assert found == set(re.findall(r"^\| `(manticore_cockroachdb\.\w+)` ", PAGE.read_text(), re.M))
