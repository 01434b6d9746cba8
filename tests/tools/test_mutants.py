"""The mutation tester: what it changes, what it leaves alone, and its list of named survivors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.mutants import (
    PACKAGE,
    ROOMS,
    ROOT,
    Map,
    Mutant,
    bare,
    known,
    modules,
    mutant,
    noticed,
    places,
    statement,
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


def test_a_change_is_made_in_the_copy_tried_test_by_test_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    module = tmp_path / PACKAGE / "one/async_sums.py"
    module.parent.mkdir(parents=True)
    module.write_text("before")
    change = Mutant("one", "one/async_sums.py", "after", 1, "before", "after")
    plain, server = "test_sums", "test_runs[postgresql-async]"
    tried: list[list[str]] = []
    for answers, how, asked in (
        ([None], None, [[plain, server, "last"]]),
        ([plain], plain, [[plain, server, "last"]]),
        (["hangs"], "hangs", [[plain, server, "last"]]),
        ([server, server], server, [[plain, server, "last"], [server]]),
        ([server, None, None], None, [[plain, server, "last"], [server], ["last"]]),
        ([server, None, "last"], "last", [[plain, server, "last"], [server], ["last"]]),
    ):
        tried.clear()
        waiting = list(answers)

        def run(tests, copy, waiting=waiting):
            assert copy == tmp_path and module.read_text() == "after"
            tried.append(tests)
            return waiting.pop(0)

        monkeypatch.setattr("tools.mutants.run", run)
        assert noticed(change, tmp_path, [plain, server, "last"]) == how
        assert tried == asked
        assert module.read_text() == "before"


def test_the_tests_that_run_the_changed_statement_come_nearest_first(tmp_path: Path):
    coverage = pytest.importorskip("coverage", reason="the extra `mutants` is not installed")
    path = tmp_path / PACKAGE / "one/it.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "A = 1\n\ndef f():\n    x = g(\n        1,\n    )\n    return x\n\ndef h():\n    k()\n"
    )
    data = coverage.CoverageData(str(tmp_path / "map"))
    for context, lines in (
        ("", [1, 3, 9]),
        ("far|run", [4, 5, 7, 10]),
        ("near|run", [4, 7]),
        ("other|setup", [10]),
        ("broken|run", [4]),
    ):
        data.set_context(context)
        data.add_lines({str(path): lines})
    data.write()
    found = Map(tmp_path / "map", {"broken"})

    def near(line: int) -> list[str]:
        return found.near(Mutant("one", "one/it.py", "", line, "", ""), tmp_path)

    assert near(5) == ["near", "far"]
    assert near(10) == ["other", "far"]
    assert near(1) == ["other", "near", "far"], "a line of the import: whoever runs the module"


def test_statements_and_the_heads_of_those_with_a_body():
    text = "if (\n    a\n):\n    b(\n        1\n    )\nelse:\n    c()\n"
    assert [list(statement(text, line)) for line in (2, 5, 8)] == [[1, 2, 3], [4, 5, 6], [8]]


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
