"""docs/tutorial.md followed as it is written: what each command prints is compared.

Versions, times and the name of the project's database are others each time, so both sides are read
without them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from manticore_cockroachdb import local

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r'^```(\w+)(?: title="([^"\n]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
DIFFERS = (
    (r"\b20\d{12}(?!\d)", "VERSION"),
    (r"\d+(?:\.\d+)? m?s\b", "TIME"),
    (r"\b[\w-]+_[0-9a-f]{8}\b", "DATABASE"),
    (r"\S+@\S+/DATABASE", "PLACE"),
    (r"PostgreSQL [\d.]+", "PostgreSQL"),
    (r" {2,}", "  "),
    (r" +$", ""),
)


def alike(text: str) -> list[str]:
    for pattern, name in DIFFERS:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text.strip().splitlines()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An empty folder whose ``local:`` is a server of its own."""
    place = tmp_path / "shop"
    place.mkdir()
    return place


def test_it_goes_as_the_page_says(shop: Path) -> None:
    exports: list[str] = []
    environment = {
        **{
            k: v for k, v in os.environ.items() if not k.startswith(("PG", "MANTICORE", "DATABASE"))
        },
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MANTICORE_LOCAL_DIR": str(shop / ".db"),
        "NO_COLOR": "1",
    }
    ran = 0
    try:
        for language, title, code in BLOCK.findall(PAGE):
            if title.startswith("migrations/"):
                [path] = (shop / "migrations").iterdir()
                path.write_text(code)
            elif title:
                (shop / title).write_text(code)
            elif language == "console":
                for command, expected in re.findall(r"^\$ (.*)\n((?:[^$].*\n|\n)*)", code, re.M):
                    if command.startswith("export "):
                        exports.append(command)
                        continue
                    script = "\n".join([*exports, command])
                    done = subprocess.run(
                        ["bash", "-c", script],
                        cwd=shop,
                        env=environment,
                        text=True,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        timeout=120,
                    )
                    assert alike(done.stdout) == alike(expected), command
                    ran += 1
    finally:
        local.stop(shop / ".db")
    assert ran >= 15
