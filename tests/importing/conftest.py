"""The command line of `tests/cli`, and directories of other tools' files written for a test."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ..cli.conftest import Answer, Manticore, manticore, nothing_set, on

__all__ = ["Answer", "Manticore", "manticore", "nothing_set", "on", "tree"]

Tree = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Write files below ``old``: names to texts, which lose their common indentation."""

    def write(files: Mapping[str, str | bytes], folder: str = "old") -> Path:
        for name, content in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                content = textwrap.dedent(content).lstrip("\n").encode()
            path.write_bytes(content)
        return tmp_path / folder

    return write
