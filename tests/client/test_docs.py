"""docs/client.md: every example, in its order, as it stands, on every engine."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import manticore_cockroachdb
from manticore_cockroachdb import AsyncDatabase, Database
from tests.guide.blocks import run, run_async

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
_FENCE = re.compile(r"^```(py(?:thon)?)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_URL = "postgresql://root@localhost:26257/defaultdb"


def test_the_examples_run(
    server: Any, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    ran = 0
    for language, engine, code in _FENCE.findall(PAGE.read_text()):
        if language == "python" and engine in ("", server.engine):
            code = code.replace(_URL, url)
            if "await " in code:
                run_async(names, code)
            else:
                run(code, names)
            ran += 1
        else:
            ast.parse(code)  # what needs another package, or another engine
    names["db"].close()
    assert ran >= 18


def test_every_verb_is_on_the_page() -> None:
    text = PAGE.read_text()
    verbs = {n for n in dir(Database) if not n.startswith("_") and callable(getattr(Database, n))}
    elsewhere = {"from_settings", "sibling", "connect", "drop_table", "exists", "connection"}
    elsewhere |= {"create_database", "drop_database"}
    missing = {name for name in verbs - elsewhere if not re.search(rf"\b{name}\b", text)}
    assert not missing
    assert {n for n in dir(AsyncDatabase) if not n.startswith("_")} >= verbs
    for error in re.findall(r"`(\w+Error|NotOneRow|ConnectionFailed)`", text):
        assert hasattr(manticore_cockroachdb, error)
