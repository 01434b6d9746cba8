"""Ready-made tests of a directory of migrations. To switch all of them on, in a test file::

    from manticore_cockroachdb.testing.checks import *

or import those you want by name. They use the fixtures of `plugin`, and its settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..migration import Migration
    from ..shadow.verification import Verification

__all__ = [
    "test_every_migration_is_reversible",
    "test_migrations_have_no_lint_errors",
    "test_migrations_survive_crashes",
    "test_no_migration_is_pending",
    "test_the_schema_does_not_drift",
    "test_versions_are_unique",
]


def test_versions_are_unique(manticore_migrations_dir: Path) -> None:
    """Every file has a version, and no two have the same."""
    from ..errors import FileError
    from ..migrations.directory import load

    try:
        load(manticore_migrations_dir)
    except FileError as error:
        pytest.fail(str(error), pytrace=False)


def test_no_migration_is_pending(manticore_migration: Migration) -> None:
    """After `migrate`, nothing is pending and nothing is wrong."""
    status = manticore_migration.status()
    pending = [f"{p.version} {p.description}: {p.reason}" for p in status.pending]
    problems = [problem.message for problem in status.problems]
    if pending or problems:
        pytest.fail("\n".join(["migrations are pending:", *pending, *problems]), pytrace=False)


def test_the_schema_does_not_drift(manticore_migration: Migration) -> None:
    """Applying the migrations again gives the same schema."""
    from ..schema.changes import as_text

    drift = manticore_migration.drift()
    if drift.differs:
        text = as_text(drift.changes)
        pytest.fail(f"migrating twice gives two schemas:\n{text}", pytrace=False)


def test_every_migration_is_reversible(
    manticore_verification: Verification, pytestconfig: pytest.Config
) -> None:
    """Each migration applies, its undo part leads back to the schema before, and it applies
    again. The setting ``manticore_irreversible`` lists versions that need no undo part."""
    allowed = {str(version) for version in pytestconfig.getini("manticore_irreversible")}
    lines = _failures(manticore_verification, resume=False)
    lines += [
        f"{version}: no undo part"
        for version in manticore_verification.irreversible
        if str(version) not in allowed
    ]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def test_migrations_survive_crashes(manticore_verification: Verification) -> None:
    """The newest migrations end in the same schema and history wherever a run was cut off."""
    if lines := _failures(manticore_verification, resume=True):
        pytest.fail("\n".join(lines), pytrace=False)


def test_migrations_have_no_lint_errors(manticore_migration: Migration) -> None:
    """The linter finds nothing at level error, for the server that the tests run on."""
    from ..schema.read import which_server

    with manticore_migration.db.dedicated() as connection:
        server = which_server(connection)
    target = f"{server.engine}:{server.version[0]}.{server.version[1]}"
    errors = [f for f in manticore_migration.lint(target=target) if f.level == "error"]
    if errors:
        lines = [f"{f.path}:{f.line}:{f.column}: {f.rule}: {f.message}" for f in errors]
        pytest.fail("\n".join(lines), pytrace=False)


def _failures(found: Verification, *, resume: bool) -> list[str]:
    from ..schema.changes import as_text

    whole = [("all", failing) for failing in found.failures]
    each = [(str(m.version), failing) for m in found.migrations for failing in m.failures]
    lines = []
    for what, failing in (*each, *whole):
        if (failing.stage == "resume") == resume:
            text = f"{what}: {failing.stage} failed: {failing.message}"
            lines.append(f"{text}\n{as_text(failing.changes)}" if failing.changes else text)
    return lines
