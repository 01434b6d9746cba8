"""What is found again and again is said once, and what is not a habit each time."""

from __future__ import annotations

from manticore_cockroachdb.lint import Finding, LintConfig, ServerFacts, Source, lint_files

CONFIG = LintConfig(ignore=frozenset(("no-undo", "lock-timeout", "vague-name", "unbatched-change")))


def lint(
    *texts: str, target: str = "postgresql:17", config: LintConfig = CONFIG, first: int = 1
) -> list[Finding]:
    """A directory of files with these texts, in the order of their versions."""
    files = [Source(f"m/{i}_change_it.sql", text) for i, text in enumerate(texts, first)]
    return list(lint_files(files, target, config))


def index(i: int) -> str:
    return f"CREATE INDEX i{i} ON users (c{i});"


def test_a_habit_is_one_finding_at_the_newest_place() -> None:
    [one] = lint(*map(index, range(7)))
    assert (one.rule, one.path, one.times, one.files) == (
        "create-index-blocks", "m/7_change_it.sql", 7, 7,
    )  # fmt: skip
    assert "7 times in 7 files, of which this is the newest" in one.message
    assert '[tool.manticore.lint.rules] create-index-blocks = "off"' in one.help
    assert one.fix is None


def test_a_few_in_a_long_history_are_no_habit() -> None:
    quiet = ["SELECT 1;"] * 40
    found = lint(*map(index, range(4)), *quiet)
    assert [one.rule for one in found] == ["create-index-blocks"] * 4
    assert len(lint(*map(index, range(5)), *quiet)) == 1
    assert len(lint(*map(index, range(3)))) == 1, "three of three are"
    assert len(lint(*map(index, range(2)))) == 2


def test_what_destroys_data_is_never_a_habit() -> None:
    found = lint(*(f"DROP TABLE t{i};" for i in range(9)))
    assert [one.rule for one in found] == ["drop-table"] * 9


def test_every_one_can_be_asked_for() -> None:
    every = LintConfig(ignore=CONFIG.ignore, every=True)
    assert len(lint(*map(index, range(7)), config=every)) == 7


def test_what_is_repeated_in_one_file_is_said_once() -> None:
    found = lint("".join(f"ALTER TABLE t DROP COLUMN c{i};\n" for i in range(6)))
    [one] = [one for one in found if one.rule == "drop-column"]
    assert (one.line, one.times) == (1, 6)
    assert "So it is 5 more times in this file." in one.message
    two = lint("".join(f"ALTER TABLE t DROP COLUMN c{i};\n" for i in range(2)))
    assert [one.rule for one in two] == ["drop-column"] * 2


def test_a_new_file_beside_the_history_speaks_for_itself() -> None:
    files = [Source(f"m/{i}_x.sql", index(i), context=i != 9) for i in range(1, 10)]
    [one] = lint_files(files, "postgresql:17", CONFIG)
    assert (one.path, one.times) == ("m/9_x.sql", 1)


# --- know the table


DAY = 20250301


def days(*texts: str, second: int = DAY) -> list[str]:
    """The rules for files of one day, or the last one of another day."""
    versions = [DAY * 10**6 + i for i in range(len(texts))]
    versions[-1] = second * 10**6 + 99
    files = [Source(f"m/{v}_x.sql", t) for v, t in zip(versions, texts, strict=True)]
    return [one.rule for one in lint_files(files, "postgresql:17", CONFIG)]


TABLE = "CREATE TABLE users (id UUID PRIMARY KEY, a INT4, b TEXT);"


def test_a_table_of_the_same_day_is_new() -> None:
    changes = (
        "CREATE INDEX i ON users (a);",
        "ALTER TABLE users ADD CONSTRAINT c UNIQUE (a);",
        "ALTER TABLE users ALTER COLUMN a TYPE INT8;",
        "ALTER TABLE users ALTER COLUMN a SET NOT NULL;",
        "ALTER TABLE users RENAME TO people;",
        "DROP TABLE users;",
        "UPDATE users SET a = 1;",
    )
    for change in changes:
        assert days(TABLE, change) == []
        assert days(TABLE, change, second=DAY + 1) != []


def test_a_renamed_table_of_the_same_day_is_the_same_table() -> None:
    assert days(TABLE, "ALTER TABLE users RENAME TO people;", "CREATE INDEX i ON people (a);") == []


def test_a_column_of_the_same_day_is_new() -> None:
    add = "ALTER TABLE old ADD COLUMN tmp TEXT;"
    fill = "UPDATE old SET tmp = a;"
    assert days(add, fill) == []
    assert days(add, fill, second=DAY + 1) == ["update-without-where"]
    assert days(add, "ALTER TABLE old DROP COLUMN tmp;") == []
    rename = "ALTER TABLE old RENAME COLUMN tmp TO b;"
    assert days(add, rename, "UPDATE old SET b = 1;") == []
    assert days("ALTER TABLE old RENAME COLUMN a TO b;", "ALTER TABLE old DROP b;") == [
        "rename",
        "drop-column",
    ]


def test_a_table_that_was_dropped_is_unknown_again() -> None:
    before = [TABLE, "DROP TABLE users;"]
    widen = "ALTER TABLE users ALTER COLUMN b TYPE VARCHAR;"
    assert days(TABLE, widen, second=DAY + 1) == []
    assert "alter-column-type" in days(*before, widen, second=DAY + 1)


def test_the_size_decides_where_a_server_says_it() -> None:
    files = [Source("m/1_x.sql", "CREATE INDEX i ON users (a);")]
    for rows, rules in ((200, []), (5_000_000, ["create-index-blocks"])):
        facts = ServerFacts(tables={"users": rows})
        assert [one.rule for one in lint_files(files, "postgresql:17", CONFIG, facts)] == rules


def test_a_column_that_was_put_in_another_place_is_not_lost() -> None:
    move = (
        "ALTER TABLE old RENAME COLUMN a TO a_tmp;",
        "ALTER TABLE old ADD COLUMN a TEXT;",
        "UPDATE old SET a = a_tmp;",
        "ALTER TABLE old DROP COLUMN a_tmp;",
    )
    assert days(*move) == ["rename"]
    assert days(*move, second=DAY + 1) == ["rename", "drop-column"]
    twice = "ALTER TABLE old RENAME COLUMN was TO a;"
    assert days(twice, *move) == ["rename", "rename"]


def test_what_is_emptied_both_ways_and_an_extension_are_left_alone() -> None:
    cache = "TRUNCATE cache;\n-- @UNDO\nTRUNCATE cache;"
    assert [one.rule for one in lint(cache)] == ["truncate"]
    extension = "CREATE EXTENSION IF NOT EXISTS citext;\n-- @UNDO\nSELECT 1;"
    assert lint(extension) == []


def test_a_list_of_columns_is_read() -> None:
    fill = "ALTER TABLE t ADD a INT4, ADD b INT4;\nUPDATE t SET (a, b) = (SELECT 1, 2);"
    assert "update-without-where" not in {one.rule for one in lint(fill)}
    other = fill.replace("(a, b)", "(a, c)")
    assert "update-without-where" in {one.rule for one in lint(other)}
