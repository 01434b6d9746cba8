"""The examples of the command pages are those of their session."""

from __future__ import annotations

from pathlib import Path

import pytest

from manticore_cockroachdb.cli.index import names
from tools import examples

SESSION = dict(examples.read(examples.SESSION.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", names())
def test_every_command_has_an_example_and_it_is_the_session_s(name: str) -> None:
    assert name in SESSION, f"tools/examples.txt has no [{name}]; then: python -m tools.examples"
    text = (examples.EXAMPLES / f"{name}.txt").read_text(encoding="utf-8")
    typed = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    assert typed == [script for shown, script in SESSION[name] if shown], "python -m tools.examples"
    assert "Traceback" not in text and "error:" not in text


def test_there_is_no_example_of_another_command() -> None:
    assert {path.stem for path in examples.EXAMPLES.iterdir()} <= {*names()}


def test_shown_and_hidden_scripts_are_told_apart_and_run_in_order(tmp_path: Path) -> None:
    text = "# about\n\n[a]\n@x=1\n@echo $x > f\ncat f; pwd\nls\n\n[b]\necho b; exit 3\n"
    read = dict(examples.read(text))
    assert read["a"] == [(False, "x=1\necho $x > f"), (True, "cat f; pwd"), (True, "ls")]
    assert examples.run(read["a"], tmp_path) == f"$ cat f; pwd\n1\n{tmp_path}\n$ ls\nf\n"
    assert examples.run(read["b"], tmp_path) == "$ echo b; exit 3\nb\n"
    with pytest.raises(SystemExit, match="ended with 4"):
        examples.run([(False, "exit 4")], tmp_path)
