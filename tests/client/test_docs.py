"""docs/client.md: every example, in its order, as it stands, on every engine."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import psycopg_pool
import pytest

import manticore_cockroachdb
from manticore_cockroachdb import AsyncDatabase, Database
from tests.guide.blocks import run, run_async
from tests.support.differences import lacks

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
_FENCE = re.compile(r"^```(py(?:thon)?)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_URL = "postgresql://root@localhost:26257/defaultdb"


def test_the_examples_run(
    server: Any, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    ran = 0
    for language, only, code in _FENCE.findall(PAGE.read_text()):
        if language == "python" and only in ("", server.engine):
            code = code.replace(_URL, url)
            if re.search(r"^(?!    ).*(?:await |async with )", code, re.MULTILINE):
                run_async(names, code)
            else:
                run(code, names)
            ran += 1
        else:
            ast.parse(code)  # what needs a framework, see below, or another engine
    names["db"].close()
    assert ran >= 25


def framework(name: str, url: str) -> str:
    """The block of a framework."""
    [code] = [code for _, only, code in _FENCE.findall(PAGE.read_text()) if only == name]
    return code.replace(_URL, url)


def with_users(url: str) -> Database:
    db = Database.from_url(url)
    db.create_table("users", {"id": "INT PRIMARY KEY", "name": "TEXT", "age": "INT"})
    db.insert("users", {"id": 1, "name": "Ann", "age": 30})
    return db


def test_the_fastapi_application_serves(server: Any, url: str) -> None:
    pytest.importorskip("fastapi", reason="FastAPI is not installed")
    names: dict[str, Any] = {}
    run(framework("fastapi", url), names)

    async def ask(method: str, path: str) -> tuple[int, Any]:
        """Call the application as a server would, without one."""
        sent: list[dict[str, Any]] = []
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1"}
        scope |= {"method": method, "path": path, "raw_path": path.encode(), "root_path": ""}
        scope |= {"scheme": "http", "query_string": b"", "headers": []}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await names["app"](scope, receive, send)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], json.loads(body)

    async def visit() -> None:
        async with names["lifespan"](names["app"]):
            assert await ask("GET", "/users/1") == (200, {"id": 1, "name": "Ann", "age": 30})
            assert (await ask("GET", "/users/2"))[0] == 404
            assert await ask("POST", "/users/1/birthday") == (200, {"age": 31})
            assert await ask("GET", "/users/1") == (200, {"id": 1, "name": "Ann", "age": 31})

    with with_users(url):
        asyncio.run(visit())


def test_the_block_beside_django_counts(
    server: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = pytest.importorskip("django.conf", reason="Django is not installed")
    if not conf.settings.configured:
        conf.settings.configure()
    monkeypatch.setattr(conf.settings, "ANALYTICS_URL", url, raising=False)
    names: dict[str, Any] = {}
    run(framework("django", url), names)
    with with_users(url):
        assert names["adults"]() == 1
        names["analytics"].close()


# --- side by side ----------------------------------------------------------------------------

_ROW = re.compile(r"^\| .+ \| `(.+)` \| `(.+)` \|$", re.MULTILINE)


def side_by_side(title: str) -> list[tuple[str, str]]:
    """The lines of one table, theirs and ours; those that are no code are left out."""
    _, _, rest = PAGE.read_text().partition(f"| | {title} | here |\n")
    rows = _ROW.findall(rest.partition("\n\n")[0])
    return [row for row in rows if " of its dialect" not in row[0]]


class User(NamedTuple):
    id: int
    name: str


LEFT = ("rows", "row", "value", "users", "count")


def agree(rows: list[tuple[str, str]], names: dict[str, Any], again: Callable[[], None]) -> None:
    """Run both lines of each row on the same state, and compare what they leave in variables."""
    for theirs, ours in rows:
        left = []
        for line in (theirs, ours):
            again()
            for name in LEFT:
                names.pop(name, None)
            run(line, names)
            left.append({name: names[name] for name in LEFT if name in names})
        assert left[0].keys() == left[1].keys(), (theirs, ours)
        for name, value in left[0].items():
            mine = left[1][name]
            assert list(value) == list(mine) if name in ("rows", "users") else value == mine


def table(db: Database) -> Callable[[], None]:
    def again() -> None:
        db.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (id INT PRIMARY KEY, name TEXT)")
        db.batch_insert("t", [{"id": 19, "name": "x"}, {"id": 20, "name": "y"}])

    return again


def test_psycopg_s_lines_and_ours_come_to_the_same(server: Any, url: str) -> None:
    rows = side_by_side("psycopg 3")
    assert len(rows) == 8
    if lacks(server, "cursors"):
        rows = [row for row in rows if 'c.cursor("name")' not in row[0]]
    names: dict[str, Any] = {"url": Database.from_url(url).settings.conninfo(), "User": User}
    names |= {"args": (19,), "new": [(1, "a"), (2, "b")], "newer": [(3, "c"), (4, "d")]}
    names |= {"sql": "SELECT id, name FROM t WHERE id = %s"}
    names |= {"change": "UPDATE t SET name = 'z' WHERE id = %s"}
    names |= {"ConnectionPool": psycopg_pool.ConnectionPool, "Database": Database}
    names |= {"dict_row": psycopg.rows.dict_row, "class_row": psycopg.rows.class_row}
    names["url"] = psycopg.conninfo.make_conninfo(**names["url"])
    with Database.from_url(url) as db:
        agree(rows, names, table(db))
    names["pool"].close()
    names["db"].close()


@pytest.mark.engine("postgresql", because="one engine")
def test_sqlalchemy_s_lines_and_ours_come_to_the_same(server: Any, url: str) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    rows = side_by_side("SQLAlchemy Core")
    assert len(rows) == 6
    db = Database.from_url(url)

    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(psycopg.conninfo.make_conninfo(**db.settings.conninfo()))

    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=connect)
    t = sqlalchemy.Table(
        "t",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("name", sqlalchemy.Text),
    )
    verbs = ("insert", "select", "update", "delete", "func", "text")
    names: dict[str, Any] = {"engine": engine, "t": t, "db": db}
    names |= {name: getattr(sqlalchemy, name) for name in verbs}
    agree(rows, names, table(db))
    engine.dispose()
    db.close()


def test_every_verb_is_on_the_page() -> None:
    text = PAGE.read_text()
    verbs = {n for n in dir(Database) if not n.startswith("_") and callable(getattr(Database, n))}
    elsewhere = {"from_settings"}  # for those who have settings, not a URL
    missing = {name for name in verbs - elsewhere if not re.search(rf"\b{name}\b", text)}
    assert not missing
    assert {n for n in dir(AsyncDatabase) if not n.startswith("_")} >= verbs
    for error in re.findall(r"`(\w+Error|NotOneRow|ConnectionFailed)`", text):
        assert hasattr(manticore_cockroachdb, error)


@pytest.mark.engine("postgresql", because="one engine")
def test_asyncpg_s_lines_and_ours_come_to_the_same(server: Any, url: str) -> None:
    asyncpg = pytest.importorskip("asyncpg", reason="asyncpg is not installed")
    rows = side_by_side("asyncpg")
    assert len(rows) == 7
    keywords = Database.from_url(url).settings.conninfo()
    keywords = {k: v for k, v in keywords.items() if k in ("host", "port", "user", "password")}
    keywords["database"] = Database.from_url(url).settings.database
    left: list[dict[str, Any]] = []

    def keep() -> None:
        found = {name: names.pop(name) for name in LEFT if name in names}
        if "rows" in found:
            found["rows"] = [dict(row) for row in found["rows"]]
        left.append(found)

    with Database.from_url(url) as other:
        names: dict[str, Any] = {"again": table(other), "keep": keep, "keywords": keywords}
        names |= {"url": url, "asyncpg": asyncpg, "AsyncDatabase": AsyncDatabase}
        names |= {"new": [(1, "a"), (2, "b")], "newer": [(3, "c"), (4, "d")]}
        opened = "pool = await asyncpg.create_pool(**keywords); db = AsyncDatabase.from_url(url)"
        lines = [part for row in rows for line in row for part in ("again()", line, "keep()")]
        run_async(names, opened, *lines, "await pool.close(); await db.close()")
    assert left[0::2] == left[1::2]
