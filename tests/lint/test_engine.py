"""What surrounds the rules: order, allowances, configuration, and what a server knows."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb.dialect import Server
from manticore_cockroachdb.errors import ConfigError
from manticore_cockroachdb.lint import (
    Finding,
    LintConfig,
    ServerFacts,
    Source,
    lint_files,
    parse_config,
    read,
)
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.parser import nodes as n
from manticore_cockroachdb.parser.parse import parse

DROP = "ALTER TABLE users DROP COLUMN fax;\n"


def lint(sql: str, target: str = "cockroachdb:25.4", **more: object) -> list[str]:
    found = lint_files([Source("m/1_drop_fax.sql", sql)], target, **more)  # type: ignore[arg-type]
    return [one.rule for one in found if one.rule != "no-undo"]


# --- what is new in a file, and what older files say


def test_an_older_file_says_what_a_column_is_and_a_younger_one_does_not() -> None:
    change = Source("m/2_widen.sql", "ALTER TABLE t ALTER COLUMN a TYPE TEXT;")
    create = "CREATE TABLE t (id UUID PRIMARY KEY, a VARCHAR(9));"
    older, younger = Source("m/1_t.sql", create), Source("m/3_t.sql", create)
    assert "alter-column-type" not in {f.rule for f in lint_files([change, older])}
    assert "alter-column-type" in {f.rule for f in lint_files([change, younger])}
    elsewhere = replace(older, path="n/1_t.sql")
    assert "alter-column-type" in {f.rule for f in lint_files([change, elsewhere])}


def test_findings_come_in_the_order_of_the_files_as_given_and_of_their_places() -> None:
    files = [Source(f"m/{i}_x.sql", DROP + "DROP TABLE t;") for i in (3, 1, 2)]
    found = lint_files(files, config=LintConfig(ignore=frozenset({"no-undo"})))
    paths = [one.path for one in found]
    assert paths == sorted(paths, key=["m/3_x.sql", "m/1_x.sql", "m/2_x.sql"].index)
    places = [one.start for one in found if one.path == "m/1_x.sql"]
    assert places == sorted(places)


def test_context_is_read_and_not_reported_on() -> None:
    assert lint_files([Source("m/1_x.sql", DROP, context=True)]) == ()


def test_a_migration_file_can_be_given_as_it_is() -> None:
    file = parse_file("1_drop_fax.sql", DROP, "m/1_drop_fax.sql")
    assert "drop-column" in {one.rule for one in lint_files([file])}


def test_two_files_with_one_version_are_said_to_be() -> None:
    found = lint_files([Source("m/1_a.sql", "SELECT 1;"), Source("m/01_b.sql", "SELECT 1;")])
    [told] = [one for one in found if one.rule == "invalid-file"]
    assert told.path == "m/01_b.sql"
    assert "m/1_a.sql" in told.message


def test_a_file_without_a_version_is_plain_sql() -> None:
    rules = {one.rule for one in lint_files([Source("fix.sql", DROP)])}
    assert rules == {"drop-column"}


def test_windows_paths_have_names_too() -> None:
    rules = {one.rule for one in lint_files([Source("m\\1_drop_fax.sql", DROP)])}
    assert rules == {"drop-column", "no-undo"}


# --- allowances


@pytest.mark.parametrize(
    "sql",
    [
        f"-- @allow drop-column: unused\n{DROP}",
        f"SELECT 1;\n-- @allow drop-column: unused\n{DROP}",
        f"-- @allow drop-column: unused\nSELECT 1;\n{DROP}",
        "ALTER TABLE users\n-- @allow drop-column: unused\nDROP COLUMN fax;",
        f"-- @allow truncate, drop-column: both\nTRUNCATE t;\n{DROP}",
        f"  -- @allow DROP-COLUMN: unused\n{DROP}".replace("DROP-COLUMN", "drop-column"),
    ],
)
def test_an_allowance_covers_the_file_or_the_next_statement(sql: str) -> None:
    assert not set(lint(sql)) & {"drop-column", "truncate", "unused-allow"}


def test_one_between_statements_covers_no_other() -> None:
    sql = f"SELECT 1;\n-- @allow drop-column: unused\n{DROP}ALTER TABLE users DROP COLUMN telex;"
    assert lint(sql).count("drop-column") == 1


def test_one_that_covers_nothing_is_stale() -> None:
    assert lint("-- @allow drop-column: unused\nSELECT 1;") == ["unused-allow"]
    assert "unused-allow" in lint(f"{DROP}-- @allow drop-column: too late\n")


def test_it_is_not_stale_where_its_rule_does_not_look() -> None:
    sql = "-- @allow create-index-blocks: small table\nCREATE INDEX ON users (a);"
    assert "unused-allow" not in lint(sql)
    off = LintConfig(ignore=frozenset({"drop-column"}))
    assert lint(f"-- @allow drop-column: unused\n{DROP}", config=off) == []


def test_a_rule_for_large_tables_may_be_allowed_though_this_server_has_a_small_one() -> None:
    sql = "-- @allow alter-primary-key: tried\nALTER TABLE t ALTER PRIMARY KEY USING COLUMNS (a);"
    assert lint(sql, facts=ServerFacts(tables={"t": 3})) == []


def test_a_whole_file_finding_is_allowed_at_the_head() -> None:
    found = lint_files([Source("m/1_seed_plans.sql", "-- @allow no-undo: seeds\nSELECT 1;")])
    assert [one.rule for one in found] == []


def test_what_is_wrong_with_an_allowance_cannot_be_allowed() -> None:
    sql = "-- @allow unused-allow: no\n-- @allow truncate: none here\nSELECT 1;"
    assert lint(sql).count("unused-allow") == 2


def test_a_refusal_is_not_lifted_by_an_allowance_for_its_reason() -> None:
    assert lint("-- @allow transaction-control: please\nBEGIN;\nSELECT 1;") == ["refused"]


# --- configuration


def test_levels_and_rules_are_configured() -> None:
    config = parse_config(
        {
            "target": "postgresql:17",
            "level": "error",
            "ignore": ["no-undo"],
            "since": 20250101000000,
            "rules": {"drop-column": "error", "lock-timeout": "off"},
        }
    )
    assert config.server == Server("postgresql", (17, 0))
    assert (config.level, config.since) == ("error", 20250101000000)
    old = Source("m/20240101000000_x.sql", DROP)
    new = Source("m/20250601000000_drop_fax.sql", DROP)
    found = lint_files([old, new], config=config)
    assert [(one.path, one.rule, one.level) for one in found] == [
        (new.path, "drop-column", "error")
    ]


def test_select_looks_for_nothing_else() -> None:
    config = parse_config({"select": ["truncate"]})
    assert lint(f"{DROP}TRUNCATE t;", config=config) == ["truncate"]


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ({"targt": "x"}, "'targt'", "did you mean 'target'?"),
        ({"target": "mysql:8"}, "'mysql:8'", "write for example cockroachdb:25.4"),
        ({"target": 25}, "not a text", None),
        ({"level": "fatal"}, "'fatal'", "levels: info, warning, error"),
        ({"ignore": "no-undo"}, "not a list", None),
        ({"ignore": ["no-undoo"]}, "'no-undoo'", "did you mean no-undo?"),
        ({"rules": ["x"]}, "not a table", None),
        ({"rules": {"drop-colum": "off"}}, "'drop-colum'", "did you mean drop-column?"),
        ({"rules": {"drop-column": "loud"}}, "for drop-column", "levels"),
        ({"since": "yesterday"}, "not a version", None),
    ],
)
def test_what_cannot_be_meant_is_an_error(
    table: dict[str, object], message: str, hint: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(table)
    assert message in caught.value.message
    assert hint is None or (caught.value.hint or "").startswith(hint)


def test_without_a_target_it_is_the_newest_cockroachdb() -> None:
    [found] = lint_files([Source("x.sql", "SELECT pg_advisory_lock(1);")])
    assert "CockroachDB 26.3" in found.message


# --- what a server knows


def facts(rows: int | None) -> ServerFacts:
    return ServerFacts(tables={"users": rows})


@pytest.mark.parametrize(("rows", "said"), [(None, False), (999, False), (1_000, True)])
def test_a_table_of_the_same_day_is_not_new_where_the_server_has_rows_in_it(
    rows: int | None, said: bool
) -> None:
    made = Source("m/20250102000000_users.sql", "CREATE TABLE users (id BIGINT PRIMARY KEY);")
    index = Source("m/20250102000001_index.sql", "CREATE INDEX i ON users (id);")
    known = ServerFacts(tables={"users": rows}, applied=frozenset({20250102000000}))
    found = lint_files([made, index], "postgresql:18", facts=known)
    assert ("create-index-blocks" in {one.rule for one in found}) is said


def levels(sql: str, known: ServerFacts) -> dict[str, str]:
    found = lint_files([Source("x.sql", sql)], "cockroachdb:25.4", facts=known)
    return {one.rule: one.level for one in found}


@pytest.mark.parametrize(
    ("rows", "level"),
    [
        (0, None),
        (999, None),
        (1_000, "info"),
        (99_999, "info"),
        (100_000, "warning"),
        (None, "info"),
    ],
)
def test_the_size_of_the_table_drops_or_raises_a_finding(
    rows: int | None, level: str | None
) -> None:
    sql = "CREATE INDEX ON users (name);"
    assert levels(sql, facts(rows)).get("index-backfill") == level


def test_what_does_not_grow_with_the_table_stays() -> None:
    assert levels(DROP, facts(3)) == {"drop-column": "warning"}


def test_a_level_that_somebody_set_is_not_raised() -> None:
    config = LintConfig(levels=(("index-backfill", "info"),))
    source = Source("x.sql", "CREATE INDEX ON users (name);")
    [found] = lint_files([source], config=config, facts=facts(10**9))
    assert found.level == "info"
    assert found.message.endswith("The table has about 1,000,000,000 rows.")


def test_a_table_that_the_server_does_not_have_is_new() -> None:
    assert levels("ALTER TABLE later ADD COLUMN a INT8 NOT NULL;", facts(1)) == {}


def test_applied_migrations_are_context() -> None:
    files = [Source("m/1_x.sql", DROP), Source("m/2_x.sql", DROP)]
    known = replace(facts(5), applied=frozenset({1}))
    assert {one.path for one in lint_files(files, facts=known)} == {"m/2_x.sql"}


def test_names_are_compared_with_their_schema() -> None:
    known = ServerFacts(tables={"a.t": 10**7, "t": 1})
    sql = "CREATE INDEX ON {} (x);"
    assert levels(sql.format("a.t"), known) == {"index-backfill": "warning"}
    assert levels(sql.format("public.t"), known) == {}


# --- laws


PIECES = st.sampled_from(
    [
        *("ALTER TABLE t ADD COLUMN a INT8;", "-- @UNDO", "BEGIN", "COMMIT;", "\\i x", "'", '"'),
        *("$$", "-- @allow drop-table: x", "-- @allow", "-- @", "/*", "*/", "DROP TABLE t;", ";"),
        *("CREATE TABLE t (a INT8);", "\n", " ", "\0", "ünï", "UPDATE t SET a = 1;", "DO $$ x $$;"),
        *("-- @transaction on", "-- @transaction off", "SELECT * FROM t", "(", ")"),
    ]
)


@given(st.lists(PIECES, max_size=12), st.sampled_from(["cockroachdb:24.3", "postgresql:17"]))
def test_any_text_has_findings_and_no_exception(pieces: list[str], target: str) -> None:
    text = "\n".join(pieces)
    for found in lint_files([Source("m/1_x.sql", text)], target):
        assert isinstance(found, Finding)
        assert 0 <= found.start <= len(text)
        assert found.line == 1 + text.count("\n", 0, found.start)
        assert found.message
        assert found.help


def test_a_thousand_files_take_less_than_two_seconds() -> None:
    files = [
        Source(
            f"m/{i}_add_thing.sql",
            f"CREATE TABLE thing_{i} (id UUID PRIMARY KEY, name TEXT NOT NULL);\n"
            f"CREATE INDEX ON thing_{i} (name);\n-- @UNDO\nDROP TABLE thing_{i};\n",
        )
        for i in range(1000)
    ]
    lint_files(files[:1])
    start = time.process_time()  # of this process: the machine may be busy with others
    lint_files(files)
    assert time.process_time() - start < 2


# --- files of seed data


def test_a_seed_of_many_inserts_is_read_by_its_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(sql: str, longest: int | None = None) -> n.Node:
        calls.append(sql)
        return parse(sql, longest)

    monkeypatch.setattr(read, "parse", counted)
    note = "x" * 200
    rows = "".join(f"INSERT INTO seed VALUES ({i}, '{note}');\n" for i in range(5_000))
    other = "INSERT INTO other VALUES (1);\n"
    text = f"{rows}{other}{rows}TRUNCATE users;\n"
    assert len(text) > read.SEED
    found = lint_files([Source("m/1_seed_it.sql", text)], "postgresql:17")
    assert len(calls) == 4, "seed, other, seed, TRUNCATE"
    [told] = [one for one in found if one.rule == "truncate"]
    assert (told.line, told.column) == (10_002, 1)
    allowed = text.replace("TRUNCATE", "-- @allow truncate: known\nTRUNCATE")
    found = lint_files([Source("m/1_seed_it.sql", allowed)], "postgresql:17")
    assert not {one.rule for one in found} & {"truncate", "unused-allow"}


def test_what_follows_the_rows_of_a_seed_is_looked_at() -> None:
    rows = "".join(f"INSERT INTO seed VALUES ({i}, '{'x' * 200}');\n" for i in range(5_000))
    text = f"{rows}INSERT INTO seed VALUES (1) FROBNICATE;\n{rows}"
    found = lint_files([Source("m/1_seed_it.sql", text)], "postgresql:17")
    assert [one.line for one in found if one.rule == "unparsed"] == [5_001]
