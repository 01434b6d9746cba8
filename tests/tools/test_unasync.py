"""The rewriter: what it changes, what it leaves alone, and that its output is up to date."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def unasync() -> ModuleType:
    spec = importlib.util.spec_from_file_location("unasync", ROOT / "tools" / "unasync.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["unasync"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("async def f(): await g()\n", "def f(): g()\n"),
        ("x = await  g( 1 )\n", "x = g( 1 )\n"),
        ("async with a as b, c: pass\n", "with a as b, c: pass\n"),
        ("y = [x async for x in z]\n", "y = [x for x in z]\n"),
        ("from psycopg import AsyncConnection\n", "from psycopg import Connection\n"),
        ("from .async_lease import x\n", "from .lease import x\n"),
        ("from ._acompat import async_sleep\n", "from ._acompat import sleep\n"),
        ("import asyncio\n", "import asyncio\n"),
        ("f: Callable[[A], Awaitable[list[T]]]\n", "f: Callable[[A], list[T]]\n"),
        ("f: Awaitable[Awaitable[int]]\n", "f: int\n"),
        ("def __aexit__(self): pass\n", "def __exit__(self): pass\n"),
        ("raise StopAsyncIteration\n", "raise StopIteration\n"),
        ('s = "see AsyncDatabase, asynchronous"\n', 's = "see Database, asynchronous"\n'),
        ('__all__ = ["AsyncDatabase"]\n', '__all__ = ["Database"]\n'),
        ("# see AsyncConnection in async_lease\n", "# see Connection in lease\n"),
        ('"""``async with attempt``, not an async thing."""\n', None),
        ("a = 1\fb = 'AsyncX'\n".replace("\f", "\n\f\n"), "a = 1\n\f\nb = 'X'\n"),
    ],
)
def test_rewriting(unasync: ModuleType, before: str, after: str | None) -> None:
    if after is None:
        after = '"""``with attempt``, not an async thing."""\n'
    assert unasync.Rewriter().rewrite(before) == after


def test_layout_and_comments_survive(unasync: ModuleType) -> None:
    before = dedent(
        '''\
        class AsyncThing:
            """A thing.

            Kept as it is.
            """

            async def go(self) -> int:  # why: because
                return (
                    await self.other()  # here
                    + 1
                )
        '''
    )
    assert unasync.Rewriter().rewrite(before) == before.replace("AsyncThing", "Thing").replace(
        "async def", "def"
    ).replace("await ", "")


def test_text_inside_f_strings_is_rewritten(unasync: ModuleType) -> None:
    before = 'f"{{AsyncA}} {await_} AsyncB {x!r:>{width}} {await g(AsyncC)}"\n'
    after = 'f"{{A}} {await_} B {x!r:>{width}} {g(C)}"\n'
    assert unasync.Rewriter().rewrite(before) == after


def test_a_rule_that_matches_nothing_is_reported(unasync: ModuleType) -> None:
    rewriter = unasync.Rewriter()
    rewriter.rewrite("async def f(): pass\n")
    unused = unasync.unused_rules(rewriter.used)
    assert "async" not in unused
    assert "StopAsyncIteration" in unused


def test_check_finds_what_is_stale_and_writes_nothing(
    unasync: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unasync, "ROOT", tmp_path)
    monkeypatch.setattr(unasync, "SOURCE", tmp_path)
    source, target = tmp_path / "async_a.py", tmp_path / "a.py"
    source.write_text("async def f() -> None:\n    await f()\n")
    for table in ("NAMES", "PROSE"):
        monkeypatch.setattr(unasync, table, {})
    monkeypatch.setattr(unasync, "SYNTAX", ("async", "await"))

    assert unasync.main(["--check"]) == 1
    assert not target.exists()
    assert unasync.main([]) == 0
    assert target.read_text() == (
        "# Generated from async_a.py by tools/unasync.py; do not edit.\ndef f() -> None:\n    f()\n"
    )
    assert unasync.main(["--check"]) == 0
    target.write_text("# by hand\n")
    assert unasync.main(["--check"]) == 1


def test_the_generated_modules_are_up_to_date(unasync: ModuleType) -> None:
    assert unasync.main(["--check"]) == 0
