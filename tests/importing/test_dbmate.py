"""dbmate: the thin path from files and history to a migrate that has nothing to do."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import psycopg
import pytest

from faults.proxy import Proxy

from ..cli.conftest import Manticore
from .conftest import Tree

FILES = {
    "20240101000000_users.sql": """
        -- migrate:up
        CREATE TABLE users (id INT PRIMARY KEY, cooldown_seconds INT, countdown INT);

        -- migrate:down
        DROP TABLE users;
        """,
    "20240102000000_index.sql": """
        -- migrate:up transaction:false
        CREATE INDEX CONCURRENTLY users_cooldown ON users (cooldown_seconds);
        -- migrate:down transaction:false
        DROP INDEX CONCURRENTLY users_cooldown;
        """,
    "20240103000000_later.sql": """
        -- migrate:up
        CREATE TABLE later (id INT PRIMARY KEY);
        -- migrate:down
        """,
}


def live(url: str, *versions: str, table: str = "schema_migrations") -> None:
    """Make the database that dbmate has left: the first two migrations applied."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE users (id INT PRIMARY KEY, cooldown_seconds INT, countdown INT)"
        )
        connection.execute("CREATE INDEX users_cooldown ON users (cooldown_seconds)")
        connection.execute(f"CREATE TABLE {table} (version VARCHAR PRIMARY KEY)".encode())
        for version in versions or ("20240101000000", "20240102000000"):
            connection.execute(f"INSERT INTO {table} VALUES ('{version}')".encode())


def test_files_and_history_with_proof(on: Manticore, url: str, tree: Tree) -> None:
    live(url)
    source = str(tree(FILES))
    tried = on("import", source, "--url", url, "--dry-run", "--json").json
    assert tried["history"]["identical"] is True and tried["written"] == 0
    assert not Path("migrations").exists() and on("current").out == ""

    found = on("import", source, "--url", url, "--json").json
    assert found["tool"] == "dbmate" and not found["refused"]
    assert found["history"] == {
        "table": "public.schema_migrations",
        "applied": [20240101000000, 20240102000000],
        "pending": [20240103000000],
        "recorded": [20240101000000, 20240102000000],
        "identical": True,
        "changes": [],
    }
    written = Path("migrations/20240102000000_index.sql").read_text()
    assert written.startswith("-- @transaction off\nCREATE INDEX CONCURRENTLY")
    assert (
        "cooldown_seconds INT, countdown INT"
        in Path("migrations/20240101000000_users.sql").read_text()
    )

    before = {path: path.stat().st_mtime_ns for path in Path("migrations").iterdir()}
    again = on("import", source, "--url", url, "--json").json
    assert again["written"] == 0 and again["history"]["recorded"] == []
    assert {path: path.stat().st_mtime_ns for path in Path("migrations").iterdir()} == before

    on("migrate")
    assert "No drift" in on("drift", "--ignore", "public.schema_migrations").out
    assert "no undo part" in on("rollback", "--yes", code=1).err
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT version FROM schema_migrations ORDER BY 1").fetchall()
        assert rows == [("20240101000000",), ("20240102000000",)]
        modes = connection.execute("SELECT mode FROM _migrations ORDER BY version").fetchall()
        assert modes == [("imported",), ("imported",), ("transaction",)]


def test_a_difference_is_shown_and_nothing_written(on: Manticore, url: str, tree: Tree) -> None:
    live(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE users ADD COLUMN by_hand TEXT")
    source = str(tree(FILES))
    out = on("import", source, "--url", url, code=5).out
    assert "by_hand" in out and "Nothing was written" in out
    assert not Path("migrations").exists() and on("current").out == ""
    on("import", source, "--url", url, "--ignore", "public.users.by_hand")
    assert on("current").out == "20240102000000\n"


@pytest.mark.engine("postgresql", because="one engine")
def test_accepted_differences(on: Manticore, url: str, tree: Tree) -> None:
    live(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP INDEX users_cooldown")
    source = str(tree(FILES))
    on("import", source, "--url", url, code=5)
    on("import", source, "--url", url, "--accept-differences")
    assert on("current").out == "20240102000000\n"


@pytest.mark.engine("postgresql", because="one engine")
def test_applied_without_a_file(on: Manticore, url: str, tree: Tree) -> None:
    live(url, "20230101000000", "20240101000000")
    out = on("import", str(tree(FILES)), "--url", url, code=1).out
    assert "20230101000000 is applied and has no file" in out and "--baseline-from" in out
    assert not Path("migrations").exists()


@pytest.mark.engine("postgresql", because="one engine")
def test_a_table_of_another_name(on: Manticore, url: str, tree: Tree) -> None:
    live(url, table="our_versions")
    source = str(tree(FILES))
    on("import", source, "--url", url, code=5)  # nothing would be applied, and tables are there
    on("import", source, "--url", url, "--table", "missing", code=6)
    on("import", source, "--url", url, "--table", "our_versions")
    assert on("current").out == "20240102000000\n"


@pytest.mark.engine("postgresql", because="one engine")
def test_two_histories_are_asked_about(on: Manticore, url: str, tree: Tree) -> None:
    live(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA other")
        connection.execute("CREATE TABLE other.schema_migrations (version VARCHAR PRIMARY KEY)")
    source = str(tree(FILES))
    err = on("import", source, "--url", url, code=6).err
    assert "2 histories" in err and "other.schema_migrations" in err
    on("import", source, "--url", url, "--table", "public.schema_migrations", "--ignore", "other*")


@pytest.mark.engine("postgresql", because="one engine")
def test_the_next_migrate_is_one_round_trip(on: Manticore, url: str, tree: Tree) -> None:
    live(url)
    files = {name: text for name, text in FILES.items() if "later" not in name}
    on("import", str(tree(files)), "--url", url)
    with Proxy.before(url) as proxy:
        on("migrate", "--url", proxy.through(url))
        assert proxy.round_trips() == 1


def test_five_hundred_files(manticore: Manticore, tree: Tree) -> None:
    """Read, converted and proven in less than five seconds of a processor, before any replay."""
    part = "CREATE TABLE t{0} (id INT PRIMARY KEY, a TEXT DEFAULT 'x;');\n" * 3
    source = tree(
        {
            f"{number:03}_t.sql": f"-- migrate:up\n{part.format(number)}"
            f"CREATE FUNCTION f{number}() RETURNS INT LANGUAGE sql AS $$ SELECT 1; $$;\n"
            f"-- migrate:down\nDROP TABLE t{number};\n"
            for number in range(1, 501)
        }
    )
    started = process_time()
    manticore("import", str(source))
    assert process_time() - started < 5
    assert len(list(Path("migrations").glob("*.sql"))) == 500


class TestFiles:
    """What no server has to be asked about."""

    def refused(self, manticore: Manticore, tree: Tree, text: str) -> list[dict[str, object]]:
        """What is refused of one file."""
        source = tree({"1_x.sql": text})
        found = manticore("import", "dbmate", str(source), "--json", code=1).json
        assert not Path("migrations").exists()
        refused: list[dict[str, object]] = found["refused"]
        return refused

    def made(self, manticore: Manticore, tree: Tree, text: str | bytes) -> str:
        """The file that one becomes."""
        source = tree({"1_x.sql": text})
        manticore("import", "dbmate", str(source))
        return Path("migrations/1_x.sql").read_bytes().decode()

    def test_a_marker_in_a_body_counts_for_dbmate(self, manticore: Manticore, tree: Tree) -> None:
        (one,) = self.refused(
            manticore,
            tree,
            """
            -- migrate:up
            CREATE FUNCTION f() RETURNS INT LANGUAGE sql AS $$
            -- migrate:down
            SELECT 1 $$;
            """,
        )[:1]
        assert one["line"] == 2 and "dollar quote" in str(one["message"])

    def test_several_pairs(self, manticore: Manticore, tree: Tree) -> None:
        text = self.made(
            manticore,
            tree,
            """
            -- migrate:up
            CREATE TABLE a (id INT)
            -- migrate:down
            DROP TABLE a
            -- migrate:up
            CREATE TABLE b (id INT);
            -- migrate:down
            DROP TABLE b;
            """,
        )
        up, _, down = text.partition("-- @UNDO")
        assert up.index("TABLE a") < up.index("TABLE b")
        assert down.index("TABLE b") < down.index("TABLE a")

    @pytest.mark.parametrize("end", ["\n", ""])
    def test_crlf_and_bom(self, manticore: Manticore, tree: Tree, end: str) -> None:
        text = f"-- migrate:up\nCREATE TABLE a (id INT);\n-- migrate:down\nDROP TABLE a;{end}"
        made = self.made(manticore, tree, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        assert "CREATE TABLE a" in made.partition("-- @UNDO")[0]
        assert "DROP TABLE a" in made.partition("-- @UNDO")[2]

    def test_modes_that_differ(self, manticore: Manticore, tree: Tree) -> None:
        (one,) = self.refused(
            manticore,
            tree,
            """
            -- migrate:up transaction:false
            CREATE INDEX CONCURRENTLY a ON b (c);
            -- migrate:down
            DROP INDEX a;
            """,
        )
        assert "one mode a file" in str(one["message"])

    def test_other_words_after_a_marker(self, manticore: Manticore, tree: Tree) -> None:
        made = self.made(
            manticore, tree, "-- migrate:up foo transaction:false\nVACUUM;\n-- migrate:down foo\n"
        )
        assert made == "-- @transaction off\nVACUUM;\n"

    def test_words_that_are_ours(self, manticore: Manticore, tree: Tree) -> None:
        made = self.made(
            manticore,
            tree,
            """
            -- migrate:up
            -- @author somebody
            CREATE TABLE a (id INT);
              --  @UNDO
            COMMENT ON TABLE a IS '
            -- @kept';
            -- migrate:down
            SELECT 1;
            """,
        )
        assert "-- (was) @author somebody" in made and "-- (was) @UNDO" in made
        assert "\n-- @kept'" in made and "SELECT 1" not in made

    def test_a_transaction_of_its_own(self, manticore: Manticore, tree: Tree) -> None:
        made = self.made(
            manticore,
            tree,
            """
            -- migrate:up transaction:false
            BEGIN;
            CREATE TABLE a (id INT);
            COMMIT;
            -- migrate:down transaction:false
            begin transaction; DROP TABLE a; end
            """,
        )
        assert made == "CREATE TABLE a (id INT);\n\n-- @UNDO\n\nDROP TABLE a;\n"

    def test_a_transaction_in_the_middle(self, manticore: Manticore, tree: Tree) -> None:
        (one,) = self.refused(
            manticore,
            tree,
            """
            -- migrate:up
            CREATE TABLE a (id INT);
            COMMIT;
            CREATE TABLE b (id INT);
            -- migrate:down
            """,
        )
        assert one["line"] == 3 and str(one["message"]).startswith("COMMIT")

    def test_equal_numbers(self, manticore: Manticore, tree: Tree) -> None:
        part = "-- migrate:up\nSELECT 2;\n-- migrate:down\n"
        source = tree({"01_a.sql": part, "1_b.sql": part})
        manticore("import", str(source))
        made = sorted(path.name for path in Path("migrations").glob("*.sql"))
        assert made == ["1_a.sql", "2_b.sql"]
        assert Path("migrations/2_b.sql").read_text().startswith("-- was 1_b.sql\n")

    def test_nothing_before_the_marker_and_nothing_without(
        self, manticore: Manticore, tree: Tree
    ) -> None:
        (one,) = self.refused(
            manticore, tree, "-- ok\nSELECT 1;\n-- migrate:up\nSELECT 2;\n-- migrate:down\n"
        )
        assert one["line"] == 2
        assert self.refused(manticore, tree, "SELECT 1;\n")

    def test_an_empty_way_forward(self, manticore: Manticore, tree: Tree) -> None:
        assert self.made(manticore, tree, "-- migrate:up\n-- migrate:down\n") == "SELECT 1;\n"

    def test_not_utf8(self, manticore: Manticore, tree: Tree) -> None:
        source = tree({"1_x.sql": b"-- migrate:up\nSELECT '\xff';\n-- migrate:down\n"})
        found = manticore("import", "dbmate", str(source), "--json", code=1).json
        assert found["refused"][0]["line"] == 2

    def test_in_the_way(self, manticore: Manticore, tree: Tree) -> None:
        source = str(tree(FILES))
        manticore("import", source)
        path = Path("migrations/20240103000000_later.sql")
        path.write_text("-- @allow no-undo: none needed\n" + path.read_text())
        assert "is as it should be" in manticore("import", source).out
        path.write_text("CREATE TABLE later (id INT PRIMARY KEY, more INT);\n")
        assert "is there already" in manticore("import", source, code=1).err

    def test_among_the_old_files(self, manticore: Manticore, tree: Tree) -> None:
        source = tree(FILES)
        manticore("import", str(source), "--output", str(source), code=2)
        manticore("import", str(source), "--output", str(source / "new"), code=2)

    def test_partial(self, manticore: Manticore, tree: Tree) -> None:
        source = tree({**FILES, "20240102500000_bad.sql": "SELECT 1;\n"})
        manticore("import", "dbmate", str(source), code=1)
        assert not Path("migrations").exists()
        manticore("import", "dbmate", str(source), "--partial", code=1)
        assert sorted(path.name for path in Path("migrations").glob("*.sql")) == [
            "20240101000000_users.sql",
            "20240102000000_index.sql",
        ]
