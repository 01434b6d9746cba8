"""Do the tests notice? Changes to the code, one at a time, each tried against the tests.

    python -m tools.mutants                            60 changes over four rooms, drawn with seed 1
    python -m tools.mutants --room runner --sample 20 --seed 2
    python -m tools.mutants --file runner/messages.py --sample 0      every change of one module
    python -m tools.mutants --map build/mutants.coverage …     keeps the map of which tests run what

cosmic-ray makes the changes (``pip install -e '.[dev,mutants]'``): a comparison, a condition, a
constant, a loop; here comes one more, a call left out. They are made in a copy of the work tree
and nowhere else. A change that leaves the same code but for annotations, or that no longer
compiles, is not drawn, nor one of how a value's class is made (``frozen``, ``slots``).

First the tests run once without a change, and coverage.py writes down which of them run which
lines; one that fails then notices nothing later. A change is tried against the tests that run its
line, those first that run the fewest lines of all: they are the nearest, and the quickest. A line
that only an import runs is tried against all that run its module. Of the halves of a pair the
asynchronous one is changed, and the tests of its colour are run, on PostgreSQL.

A test that has noticed on a server is asked again, so that a busy machine is not taken for a test
that notices. A test that hangs has noticed too.

What survives is either missing a test, or is named in ``tools/mutants.toml`` with the reason why
no test can tell. Ends with 1 when fewer than 90 % were noticed, or when a survivor has no reason.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("src/manticore_cockroachdb")
KNOWN = ROOT / "tools/mutants.toml"
BAR = 0.9

Place = tuple[str, str, int]
ROOMS = ("parser", "analysis", "migrations", "runner")
TESTS = tuple(
    f"tests/{name}"
    for name in (
        *("analysis", "backfills", "cli", "core", "foresight", "hostile", "lint", "migrations"),
        *("objects", "programs", "schema", "telemetry", "variables", "verification"),
    )
)
ONE_COLOUR = ("-k", "not postgresql-sync")
SECONDS = 1800  # that the tests of one change may take on a busy machine
A_TEST = 300  # seconds that one of them may

# One change for each thing that can be wrong; cosmic-ray has many that fail at once.
OPERATORS = (
    *(f"ReplaceComparisonOperator_{a}_{b}" for a, b in (("Eq", "NotEq"), ("NotEq", "Eq"))),
    *(f"ReplaceComparisonOperator_{a}_{b}" for a, b in (("Lt", "LtE"), ("LtE", "Lt"))),
    *(f"ReplaceComparisonOperator_{a}_{b}" for a, b in (("Gt", "GtE"), ("GtE", "Gt"))),
    *(f"ReplaceComparisonOperator_{a}_{b}" for a, b in (("Is", "IsNot"), ("IsNot", "Is"))),
    *(f"ReplaceBinaryOperator_{a}_{b}" for a, b in (("Add", "Sub"), ("Sub", "Add"))),
    *(f"ReplaceBinaryOperator_{a}_{b}" for a, b in (("Mul", "Add"), ("BitOr", "BitAnd"))),
    *("AddNot", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceUnaryOperator_Delete_Not"),
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "NumberReplacer", "ZeroIterationForLoop"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak"),
)


class CallLeftOut:
    """An operator of cosmic-ray's kind: a statement that is a call, and does nothing instead."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Where a statement is a call and nothing else, awaited or not."""
        if node.type != "simple_stmt" or node.children[0].type != "atom_expr":
            return
        last = node.children[0].children[-1]
        if last.type == "trailer" and last.children[0] == "(":
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Put ``None`` in its place."""
        import parso

        nothing = parso.parse("None").children[0]
        nothing.prefix = node.get_first_leaf().prefix
        node.children[0] = nothing
        return node


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change: the module within the package, its whole text afterwards, and the lines."""

    room: str
    module: str
    text: str
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.before}  ->  {self.after}"


def bare(text: str) -> str | None:
    """The code without annotations and docstrings; None for what does not compile."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            node.annotation = ast.Constant(None)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
            for one in ast.walk(node.args):
                if isinstance(one, ast.arg):
                    one.annotation = None
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                del body[0]
    return ast.dump(tree)


def modules(room: str, root: Path = ROOT) -> list[str]:
    """The modules of a room that are written by hand."""
    return [
        f"{room}/{path.name}"
        for path in sorted((root / PACKAGE / room).glob("*.py"))
        if not path.read_text(encoding="utf-8").startswith("# Generated")
    ]


def places(module: str, root: Path = ROOT) -> list[Place]:
    """Every change of a module, by its operator and which of its occurrences."""
    from cosmic_ray.ast import get_ast

    tree = get_ast((root / PACKAGE / module).read_text(encoding="utf-8"))
    nodes, left = [], [tree]
    while left:
        node = left.pop()
        nodes.append(node)
        left += getattr(node, "children", ())
    found = []
    for name in (*OPERATORS, "CallLeftOut"):
        operator = _operator(name)
        count = sum(1 for node in nodes for _ in operator.mutation_positions(node))
        found += [(module, name, occurrence) for occurrence in range(count)]
    return found


def mutant(place: Place, root: Path = ROOT) -> Mutant | None:
    """The change at a place; None where it is none."""
    from cosmic_ray.mutating import mutate_code

    module, name, occurrence = place
    text = (root / PACKAGE / module).read_text(encoding="utf-8")
    changed = mutate_code(text, _operator(name), occurrence)
    if changed is None or bare(changed) in (None, bare(text)):
        return None
    pairs = list(zip(text.splitlines(), changed.splitlines(), strict=False))
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), 0)
    before, after = (line.strip() for line in pairs[at])
    if before.startswith("@dataclass("):
        return None
    return Mutant(module.partition("/")[0], module, changed, at + 1, before, after)


def _operator(name: str) -> Any:
    from cosmic_ray.plugins import get_operator

    return CallLeftOut() if name == "CallLeftOut" else get_operator(f"core/{name}")()


def copied(where: Path) -> Path:
    """A copy of the files of the work tree."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (where / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, where / name)
    return where


class Map:
    """Which tests run which lines of the package, the nearest first."""

    def __init__(self, data: Path, failing: set[str]) -> None:
        from coverage import CoverageData

        read = CoverageData(str(data))
        read.read()
        self._lines: dict[str, dict[int, set[str]]] = {}
        self._size: Counter[str] = Counter()
        for name in read.measured_files():
            lines = {
                line: {context.partition("|")[0] for context in contexts if context} - failing
                for line, contexts in read.contexts_by_lineno(name).items()
            }
            self._lines[name.rpartition(f"{PACKAGE}/")[2]] = lines
            for tests in lines.values():
                self._size.update(tests)

    def near(self, one: Mutant, root: Path) -> list[str]:
        """The tests that run the changed statement; where none does, those that run the module."""
        lines = self._lines.get(one.module, {})
        text = (root / PACKAGE / one.module).read_text(encoding="utf-8")
        found = set().union(*(lines.get(line, set()) for line in statement(text, one.line)))
        found = found or set().union(*lines.values())
        return sorted(found, key=lambda test: (self._size[test], test))


def statement(text: str, line: int) -> range:
    """The lines of the innermost statement around a line; of one with a body, its head."""
    best = range(line, line + 1)
    start = 0
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt) and start <= node.lineno <= line:
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            if line <= max(last, node.lineno):
                start, best = node.lineno, range(node.lineno, max(last, node.lineno) + 1)
    return best


def mapped(copy: Path, data: Path, workers: int) -> Map:
    """Run the tests without a change, and read what they run; kept beside ``data`` who fails."""
    failures = data.with_suffix(".failing")
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        options = ("-n", str(workers), f"--cov={PACKAGE}", "--cov-context=test", "--cov-report=")
        done = _pytest(
            (*options, *ONE_COLOUR, *TESTS), copy, 2 * SECONDS, COVERAGE_FILE=str(data.resolve())
        )
        failures.write_text("\n".join(done.failing), encoding="utf-8")
        print(f"tests that fail without a change: {', '.join(done.failing) or 'none'}", flush=True)
    return Map(data, set(failures.read_text(encoding="utf-8").splitlines()))


def noticed(one: Mutant, copy: Path, near: list[str]) -> str | None:
    """Which test has noticed a change, None when none has. The copy is afterwards as before."""
    path = copy / PACKAGE / one.module
    original = path.read_text(encoding="utf-8")
    path.write_text(one.text, encoding="utf-8")
    try:
        while near:
            if (said := run(near, copy)) is None or said not in near:
                return said
            if "[postgresql" not in said or run([said], copy) is not None:
                return said
            near = near[near.index(said) + 1 :]
    finally:
        path.write_text(original, encoding="utf-8")
    return None


def run(tests: list[str], copy: Path) -> str | None:
    """Run some tests in their order; return the first that fails, or how it ended; else None."""
    chosen = copy / "chosen-tests"
    chosen.write_text("\n".join(tests), encoding="utf-8")
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    options = ("-x", "-p", "tools.mutants", "-o", f"timeout={A_TEST}")
    done = _pytest((*options, *files), copy, SECONDS, CHOSEN_TESTS=str(chosen))
    if done.code in (0, 5):
        return None
    if done.code is None or done.code < 0:
        return "hangs"
    return done.failing[0] if done.failing else f"pytest ends with {done.code}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    """As a plugin of the pytest that is run here: only the chosen tests, in their order."""
    order = {
        name: number
        for number, name in enumerate(
            Path(os.environ["CHOSEN_TESTS"]).read_text(encoding="utf-8").splitlines()
        )
    }
    items[:] = sorted(
        (item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid]
    )


@dataclass(frozen=True, slots=True)
class Done:
    """How pytest ended, None when it took too long, and the tests that failed."""

    code: int | None
    failing: list[str]


def _pytest(words: tuple[str, ...], copy: Path, seconds: float, **more: str) -> Done:
    environment = {
        **os.environ,
        **more,
        "PYTHONPATH": os.pathsep.join((str(copy / "src"), str(copy))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("MANTICORE_COCKROACH", None)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        running = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
            cwd=copy,
            env=environment,
            stdout=said,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        code: int | None
        try:
            code = running.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, 15)
            running.wait()
            code = None
        said.seek(0)
        failing = re.findall(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", said.read(), re.M)
    return Done(code, failing)


def known() -> dict[tuple[str, str, str], str]:
    """The survivors that have a reason, by module and lines."""
    table = tomllib.loads(KNOWN.read_text(encoding="utf-8"))
    return {(one["module"], one["before"], one["after"]): one["why"] for one in table["survivor"]}


def drawn(wanted: argparse.Namespace) -> list[Mutant]:
    """The sample, the same for the same seed."""
    files = [wanted.file] if wanted.file else []
    for room in [wanted.room] if wanted.room else ROOMS:
        files += [] if wanted.file else modules(room)
    every = [place for module in files for place in places(module)]
    random.Random(wanted.seed).shuffle(every)
    found = (one for place in every if (one := mutant(place)) is not None)
    return list(islice(found, wanted.sample or None))


def main() -> int:
    """Try a sample, and say what was not noticed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--room", choices=list(ROOMS))
    parser.add_argument("--file", metavar="ROOM/MODULE.py")
    parser.add_argument("--sample", type=int, default=60, help="how many; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--map", metavar="FILE", help="read it, or make it and keep it there")
    parser.add_argument("--workers", type=int, default=2)
    wanted = parser.parse_args()
    sample, reasons = drawn(wanted), known()
    print(f"{len(sample)} changes, seed {wanted.seed}", flush=True)
    started, survivors, unnamed = monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(wanted.workers):
            copies.put(copied(Path(directory) / str(number)))

        first = Path(directory) / "0"
        which = Path(wanted.map or Path(directory) / "coverage")
        known_by = mapped(first, which, wanted.workers)

        def tried(one: Mutant) -> tuple[Mutant, str | None]:
            copy = copies.get()
            try:
                return one, noticed(one, copy, known_by.near(one, copy))
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(wanted.workers) as pool:
            for one, how in pool.map(tried, sample):
                if how is not None:
                    print(f"noticed ({how}): {one}", flush=True)
                    continue
                why = reasons.get((one.module, one.before, one.after))
                survivors += why is None
                unnamed += why is None
                print(f"SURVIVED{f' ({why})' if why else ''}: {one}", flush=True)
    caught = len(sample) - survivors
    share = caught / len(sample) if sample else 1.0
    print(f"{caught} of {len(sample)} noticed or named, {share:.0%}", end="; ")
    print(f"{unnamed} survivors without a reason; {monotonic() - started:.0f} s")
    return int(share < BAR or unnamed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
