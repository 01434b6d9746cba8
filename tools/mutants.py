"""Do the tests notice? Changes to the code, one at a time, each tried against the tests.

    python -m tools.mutants                            60 changes over four rooms, drawn with seed 1
    python -m tools.mutants --room runner --sample 20 --seed 2
    python -m tools.mutants --file runner/messages.py --sample 0      every change of one module

cosmic-ray makes the changes (``pip install -e '.[dev,mutants]'``): a comparison, a condition, a
constant, a loop; here comes one more, a call left out. They are made in a copy of the work tree
and nowhere else. A change that leaves the same code but for annotations, or that no longer
compiles, is not drawn, nor one of how a value's class is made (``frozen``, ``slots``).

Each is tried in up to three stages, the next only where none before has noticed: the tests that
have the module's name, the tests without a server, those that run migrations on PostgreSQL. Of the
halves of a pair the asynchronous one is changed, and the tests of its colour are run. A test that
hangs has noticed too. ``--stages 1`` is quick, and says what the module's own tests are worth.

What survives is either missing a test, or is named in ``tools/mutants.toml`` with the reason why
no test can tell. Ends with 1 when fewer than 90 % were noticed, or when a survivor has no reason.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("src/manticore_cockroachdb")
KNOWN = ROOT / "tools/mutants.toml"
BAR = 0.9

Stage = tuple[str, ...]
Place = tuple[str, str, int]
ON_ASYNC = ("-k", "not postgresql-sync")
ROOMS: dict[str, tuple[Stage, ...]] = {
    "parser": (
        ("-m", "fast", "tests/core", "tests/lint", "tests/analysis", "tests/schema"),
        (*ON_ASYNC, "tests/migrations", "tests/hostile", "tests/schema"),
    ),
    "analysis": (
        (
            "-m",
            "fast",
            "tests/analysis",
            "tests/core",
            "tests/foresight",
            "tests/lint",
            "tests/objects",
            "tests/variables",
        ),
        (
            *ON_ASYNC,
            "tests/analysis",
            "tests/migrations",
            "tests/foresight",
            "tests/objects",
            "tests/variables",
        ),
    ),
    "migrations": (
        ("-m", "fast", "tests/core", "tests/cli", "tests/lint", "tests/migrations"),
        (
            *ON_ASYNC,
            "tests/migrations",
            "tests/hostile",
            "tests/foresight",
            "tests/objects",
            "tests/variables",
        ),
    ),
    "runner": (
        ("-m", "fast", "tests/core", "tests/migrations", "tests/cli"),
        (*ON_ASYNC, "tests/migrations", "tests/hostile", "tests/core", "tests/verification"),
        (*ON_ASYNC, "tests/objects", "tests/variables", "tests/backfills", "tests/cli"),
    ),
}
SECONDS = 900  # that a stage may take on a busy machine

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


def noticed(one: Mutant, copy: Path, stages: int) -> str | None:
    """How a change was noticed, None when it was not. The copy is afterwards as before."""
    path = copy / PACKAGE / one.module
    original = path.read_text(encoding="utf-8")
    path.write_text(one.text, encoding="utf-8")
    try:
        for stage in islice(chain(_by_name(one.module, copy), ROOMS[one.room]), stages):
            if (code := run(stage, copy, SECONDS)) != 0:
                return "hangs" if code is None else " ".join(stage)
    finally:
        path.write_text(original, encoding="utf-8")
    return None


def _by_name(module: str, copy: Path) -> Iterator[Stage]:
    name = Path(module).stem.removeprefix("async_")
    files = [str(path.relative_to(copy)) for path in copy.glob(f"tests/*/test_{name}.py")]
    if files:
        yield (*ON_ASYNC, *files)


def run(stage: Stage, copy: Path, seconds: float) -> int | None:
    """Run some tests in a copy; return how pytest ended, None when it took too long."""
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("MANTICORE_COCKROACH", None)
    options = ("-q", "-x", "-p", "no:cacheprovider", "-o", "timeout=120")
    pytest = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *stage],
        cwd=copy,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return pytest.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(pytest.pid, 15)
        pytest.wait()
        return None


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
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    wanted = parser.parse_args()
    sample, reasons = drawn(wanted), known()
    print(f"{len(sample)} changes, seed {wanted.seed}", flush=True)
    started, survivors, unnamed = monotonic(), 0, 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(wanted.workers):
            copies.put(copied(Path(directory) / str(number)))

        def tried(one: Mutant) -> tuple[Mutant, str | None]:
            copy = copies.get()
            try:
                return one, noticed(one, copy, wanted.stages)
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
