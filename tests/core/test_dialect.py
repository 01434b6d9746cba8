"""The table of capabilities, row by row."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import manticore_cockroachdb
from manticore_cockroachdb.dialect import (
    STEPS,
    Capabilities,
    Server,
    capabilities,
    parse_target,
    server_of,
)
from manticore_cockroachdb.errors import ConfigError


@pytest.mark.parametrize("step", STEPS, ids=lambda s: f"{s.engine}-{s.version[0]}.{s.version[1]}")
def test_each_row_holds_from_its_version_on_and_not_before(step):
    major, minor = step.version
    before = Server(step.engine, (major, minor - 1) if minor else (major - 1, 9))
    for name, value in step.changes:
        assert getattr(capabilities(Server(step.engine, step.version)), name) is value
        assert getattr(capabilities(before), name) is not value
        assert getattr(capabilities(Server(step.engine, (99, 0))), name) is value


def test_every_capability_is_read_by_something():
    source = Path(manticore_cockroachdb.__file__).parent
    texts = [p.read_text() for p in source.rglob("*.py") if p.name != "dialect.py"]
    told = {"commits_before_ddl"}  # read by nothing yet but the people who ask for a server's row
    names = {field.name for field in fields(Capabilities)} - told
    unread = {n for n in names if not any(re.search(rf"\b{n}\b", text) for text in texts)}
    assert not unread


def test_each_row_names_its_source():
    assert all(step.source for step in STEPS)


@pytest.mark.parametrize(
    ("version", "commits_before_ddl", "autocommit_before_ddl", "schema_locked"),
    [
        ((20, 2), False, False, False),
        ((23, 2), False, False, False),
        ((24, 3), False, True, False),
        ((25, 4), True, True, False),
        ((26, 2), True, True, True),
    ],
)
def test_the_versions_people_run(version, commits_before_ddl, autocommit_before_ddl, schema_locked):
    caps = capabilities(Server("cockroachdb", version))
    assert caps.commits_before_ddl is commits_before_ddl
    assert caps.autocommit_before_ddl is autocommit_before_ddl
    assert caps.schema_locked is schema_locked
    assert not caps.transactional_ddl


def test_postgresql_covers_schema_changes_with_its_transactions():
    assert capabilities(Server("postgresql", (13, 0))).transactional_ddl


@pytest.mark.parametrize(
    ("announced", "number", "expected"),
    [
        (None, 180001, Server("postgresql", (18, 1))),
        ("CockroachDB CCL v25.4.3 (x86_64-pc-linux-gnu)", 130000, Server("cockroachdb", (25, 4))),
        ("CockroachDB OSS built from nowhere", 90500, Server("cockroachdb", (20, 2))),
    ],
)
def test_a_server_is_what_it_announces(announced, number, expected):
    assert server_of(announced, number) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cockroachdb:25.4", Server("cockroachdb", (25, 4))),
        ("crdb:v24.3.1", Server("cockroachdb", (24, 3))),
        ("postgresql:17", Server("postgresql", (17, 0))),
        ("PG", Server("postgresql", (18, 0))),
    ],
)
def test_a_target_can_be_named(text, expected):
    assert parse_target(text) == expected


@pytest.mark.parametrize("text", ["", "mysql:8", "cockroachdb:new", "postgresql:"[:-1] + ":x"])
def test_a_target_that_names_nothing_is_an_error(text):
    with pytest.raises(ConfigError, match="names no server version"):
        parse_target(text)
