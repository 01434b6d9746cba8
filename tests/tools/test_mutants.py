"""The mutation tester: what it changes, what it leaves alone, and its list of named survivors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.mutants import (
    PACKAGE,
    ROOMS,
    ROOT,
    Mutant,
    bare,
    known,
    modules,
    mutant,
    noticed,
    places,
)


def test_what_is_only_said_is_no_change():
    code = "def f(a: int | None) -> str:\n    '''Says.'''\n    x: int = 1\n    return str(x)\n"
    assert bare(code) == bare(code.replace("int | None", "int & None").replace("Says", "Said"))
    assert bare(code) == bare(code.replace("-> str", "-> None"))
    assert bare(code) != bare(code.replace("= 1", "= 2"))
    assert bare("def f(:") is None


def test_rooms_and_what_is_written_by_hand():
    for room in ROOMS:
        found = modules(room)
        assert found
        for module in found:
            assert (ROOT / PACKAGE / module).is_file()
    assert "runner/async_lease.py" in modules("runner")
    assert "runner/lease.py" not in modules("runner")


def test_a_named_survivor_is_in_its_module_still_and_has_a_reason():
    for (module, before, after), why in known().items():
        text = (ROOT / PACKAGE / module).read_text(encoding="utf-8")
        assert before in [line.strip() for line in text.splitlines()], f"{module}: {before}"
        assert before != after and why.strip(), f"{module}: {before}"


def test_a_change_is_made_in_the_copy_tried_stage_by_stage_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    module = tmp_path / PACKAGE / "one/async_sums.py"
    module.parent.mkdir(parents=True)
    module.write_text("before")
    (tmp_path / "tests/core").mkdir(parents=True)
    (tmp_path / "tests/core/test_sums.py").touch()
    monkeypatch.setitem(ROOMS, "one", (("first",), ("second",)))
    change = Mutant("one", "one/async_sums.py", "after", 1, "before", "after")
    tried: list[str] = []
    for answers, stages, how, number in (
        ([0, 0, 0], 3, None, 3),
        ([1], 3, "test_sums", 1),
        ([0, 1], 3, "first", 2),
        ([0, 0, None], 3, "hangs", 3),
        ([0], 1, None, 1),
    ):
        tried.clear()
        waiting = list(answers)

        def run(stage, copy, seconds, waiting=waiting):
            assert copy == tmp_path and module.read_text() == "after"
            tried.append(stage[-1])
            return waiting.pop(0)

        monkeypatch.setattr("tools.mutants.run", run)
        found = noticed(change, tmp_path, stages)
        assert (found is None) if how is None else (how in (found or ""))
        assert tried == ["tests/core/test_sums.py", "first", "second"][:number]
        assert module.read_text() == "before"


def test_a_call_is_left_out_and_so_are_all_others(tmp_path: Path):
    pytest.importorskip("cosmic_ray", reason="the extra `mutants` is not installed")
    package = tmp_path / PACKAGE / "one"
    package.mkdir(parents=True)
    (package / "it.py").write_text(
        "async def f(a: int | None):\n    await g(a)\n    x = g(a < 2)\n"
    )
    found = {mutant(place, tmp_path) for place in places("one/it.py", tmp_path)} - {None}
    assert {(one.before, one.after) for one in found if one is not None} == {
        ("await g(a)", "None"),
        ("x = g(a < 2)", "x = g(a <= 2)"),
        ("x = g(a < 2)", "x = g(a < 3)"),
        ("x = g(a < 2)", "x = g(a < 1)"),
    }
