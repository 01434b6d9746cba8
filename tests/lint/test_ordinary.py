"""Precision: an ordinary migration gets no finding at level error or warning."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.lint import Source, at_least, lint_files

from .ordinary import BOTH, COCKROACHDB, GUIDE, POSTGRESQL

ON_COCKROACHDB = ("cockroachdb:24.3", "cockroachdb:25.4", "cockroachdb:26.3")
ON_POSTGRESQL = ("postgresql:15", "postgresql:18")
CASES = [
    (target, files)
    for entries, targets in (
        ((*GUIDE, *BOTH), ON_COCKROACHDB + ON_POSTGRESQL),
        (COCKROACHDB, ON_COCKROACHDB),
        (POSTGRESQL, ON_POSTGRESQL),
    )
    for files in entries
    for target in targets
]


def test_there_are_enough() -> None:
    assert len({files for _, files in CASES}) >= 60
    assert len(GUIDE) + len(BOTH) >= 55


@pytest.mark.parametrize(("target", "files"), CASES)
def test_nothing_is_said_of_it(target: str, files: str | tuple[str, ...]) -> None:
    texts = (files,) if isinstance(files, str) else files
    sources = [Source(f"migrations/{i}_add_things.sql", text) for i, text in enumerate(texts, 1)]
    found = lint_files(sources, target)
    assert [one for one in found if at_least(one.level, "warning")] == []


@pytest.mark.parametrize("target", ON_COCKROACHDB)
@pytest.mark.parametrize("text", GUIDE[:3])
def test_the_plainest_are_not_even_commented(target: str, text: str) -> None:
    assert lint_files([Source("migrations/1_create_users.sql", text)], target) == ()
