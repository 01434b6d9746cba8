"""Every engine that a test leaves out has a reason, and every difference a source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .differences import REASONS, lacks
from .servers import Server

TESTS = Path(__file__).resolve().parents[1]


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(TESTS.rglob("*.py")):
        if path.parent.name != "support":
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def names() -> Iterator[tuple[str, str | None]]:
    """Each place that leaves an engine out or goes two ways, and the reason that it names."""
    for path, tree in trees():
        for node in ast.walk(tree):
            place = f"{path.relative_to(TESTS)}:{getattr(node, 'lineno', 0)}"
            named: ast.expr | None = None
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.engine":
                named = next((k.value for k in node.keywords if k.arg == "because"), None)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "lacks":
                named = node.args[1]
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "REASONS":
                named = node.slice
            else:
                continue
            known = isinstance(named, ast.Constant) and named.value in REASONS
            yield place, str(named.value) if known and isinstance(named, ast.Constant) else None


def test_who_leaves_an_engine_out_names_a_reason() -> None:
    assert [place for place, name in names() if name is None] == [], (
        'write @pytest.mark.engine("postgresql", because=…), with a name of support/differences.py'
    )


def test_every_reason_is_somebody_s() -> None:
    assert set(REASONS) - {name for _, name in names()} == set()


def test_every_difference_has_its_source() -> None:
    for name, reason in REASONS.items():
        if reason.source:
            assert reason.source.startswith(
                ("https://github.com/cockroachdb/", "https://www.cockroachlabs.com/docs/")
            )
            assert reason.source in str(reason) and str(reason).startswith("CockroachDB "), name
        else:
            assert reason.until is None


@pytest.mark.parametrize(
    ("version", "expected"),
    [("v20.2.19", True), ("v21.1.0", True), ("v21.2.0", False), ("v26.1.3", False)],
)
def test_a_version_decides(version: str, expected: bool) -> None:
    server = Server("cockroachdb", "", f"CockroachDB {version}")
    assert lacks(server, "settings of a database") is expected
    assert lacks(server, "NOTIFY")
    assert not lacks(Server("postgresql", "", "PostgreSQL 18.1"), "NOTIFY")
