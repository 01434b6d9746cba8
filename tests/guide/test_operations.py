"""What the documents tell an operator to type exists: each command, each of its options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from manticore_cockroachdb.cli.app import root

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^ *```(?:bash|yaml|dockerfile|sh)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# A command at a line's beginning, after a key of YAML, or as a list.
COMMAND = re.compile(r"^\W*(?:CMD|args:|command:|run:)?\W*(manticore\W+[a-z].*)$", re.MULTILINE)
PAGES = ["guide.md", "containers.md"]


def commands(page: str) -> list[list[str]]:
    blocks = "".join(BLOCK.findall((DOCS / page).read_text()))
    lines = [re.sub(r"[\[\]]|\",", " ", found) for found in COMMAND.findall(blocks)]
    return [shlex.split(line.replace('"', " "), comments=True) for line in lines]


@pytest.mark.parametrize("page", PAGES)
def test_what_is_to_be_typed_exists(page: str) -> None:
    found = commands(page)
    assert len(found) >= 3
    for _, name, *words in found:
        command = root.get_command(click.Context(root), name)
        assert command is not None, name
        known = {option for parameter in command.params for option in parameter.opts}
        assert [w for w in words if w.startswith("--") and w not in known] == []


@pytest.mark.parametrize("page", [*PAGES, "cli.md", "testing.md", "lint/README.md"])
def test_no_page_has_what_only_this_repository_or_nobody_has(page: str) -> None:
    text = (DOCS / page).read_text()
    assert "--command=" not in text, "docker create has no such option"
    for place in re.findall(r"https?://[\w.-]+", text):
        assert not place.endswith("example.com"), "a placeholder that looks like an address"
    for line in text.splitlines():
        if "python -m scripts." in line and page != "cli.md":
            assert "this repository" in text.split(line)[0][-300:] + line
