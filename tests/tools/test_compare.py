"""The comparisons: figures that were measured, and a source behind what is said of others."""

from __future__ import annotations

import re

import pytest

from tools import compare

PAGES = sorted(path for path in (compare.DOCS / "compare").glob("*.md") if path.stem != "README")
PERFORMANCE = (compare.DOCS / "performance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("tool", compare.TOOLS, ids=lambda tool: tool[0])
def test_the_figures_are_those_of_the_measurement(tool: tuple[str, str, str]) -> None:
    path, text = compare.page(*tool)
    assert path.read_text(encoding="utf-8") == text, "run python tools/compare.py"
    rows = compare.measured(*tool[1:])
    assert len(rows) >= 8
    for _, _, ours, theirs in rows:
        assert f"| {ours} " in PERFORMANCE and f"| {theirs} " in PERFORMANCE


def test_a_figure_is_taken_from_its_own_row_and_column() -> None:
    found = {
        (what, engine): (a, b)
        for what, engine, a, b in compare.measured("dbmate", "dbmate --version")
    }
    line = next(
        line
        for line in PERFORMANCE.split("## 100 migrations, beside")[1].splitlines()
        if line.startswith("| dbmate")
    )
    cells = [cell.strip() for cell in line.split("|")]
    assert found["100 migrations beside the server", "PostgreSQL"][1] == cells[2]
    assert found["100 migrations behind 40 ms", "PostgreSQL"][1] == cells[3]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_says_first_what_the_other_does_better_and_names_its_sources(path: object) -> None:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    headings = re.findall(r"^## (.*)$", text, re.M)
    assert headings[0].endswith("does better") and "Measured" in headings
    assert len(re.findall(r"\]\(https://", text)) >= 4
    if compare.BEGIN not in text:  # nothing measured, no figures of the kind
        assert not re.search(r"\d\s?(?:ms|s|×)\s*\|", text.split("## Measured")[1])
