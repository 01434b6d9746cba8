"""The generator of lint rules: what it writes is a rule, in its place in the index."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.newrule import LINT, ROOT, begin


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the package, and of the pages."""
    for name in ("src", "tools", "docs/lint"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env={"PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_rule_is_begun_with_its_file_its_line_and_its_page(root: Path) -> None:
    done = run(root, "tools/newrule.py", "drop-thing", "--group", "Tables")
    assert done.returncode == 0, done.stderr
    page = (root / "docs/lint/drop-thing.md").read_text(encoding="utf-8")
    assert "One sentence: what is dangerous." in page
    assert "drop-thing" in (root / "docs/lint/README.md").read_text(encoding="utf-8")
    asked = (
        "from manticore_cockroachdb.lint.index import GROUPS, load;"
        " rule = load('drop-thing').rule;"
        " print(GROUPS['Tables'][-1], rule.name, len(rule.ok), len(rule.bad))"
    )
    assert run(root, "-c", asked).stdout.split() == ["drop-thing", "drop-thing", "1", "1"]
    assert run(root, "tools/lintdocs.py", "--check").returncode == 0
    again = run(root, "tools/newrule.py", "drop-thing")
    assert again.returncode and "is there already" in again.stderr


@pytest.mark.parametrize(
    ("name", "group", "why"),
    [
        ("Drop-Thing", "Tables", "no name of a rule"),
        ("drop_thing", "Tables", "no name of a rule"),
        ("../x", "Tables", "no name of a rule"),
        ("drop-thing", "Rooms", "no group 'Rooms'"),
        ("drop-table", "Tables", "is there already"),
    ],
)
def test_what_cannot_be_begun_changes_nothing(
    tmp_path: Path, name: str, group: str, why: str
) -> None:
    (tmp_path / LINT / "rules").mkdir(parents=True)
    with pytest.raises(SystemExit, match=why):
        begin(name, group, tmp_path)
    assert not [*(tmp_path / LINT / "rules").iterdir()]
