"""What a release needs, in one place: the workflow that publishes calls the same commands.

    python tools/release.py --check [VERSION]    say everything that is missing; exit 1 if there is
    python tools/release.py --prepare VERSION    write the version wherever it stands
    python tools/release.py --notes VERSION      print the changelog's section as release notes
    python tools/release.py --build DIR          build the sdist, and the wheel from it, into DIR
    python tools/release.py --sbom DIR           write what that wheel consists of, installed alone
                                                 (CycloneDX), to DIR/../sbom/
    python tools/release.py --test DIR           run the fast tests of that sdist on that wheel
    python tools/release.py --try                all three, in a new directory

Each makes environments of its own. Without VERSION it is the next one: that of the package without
``.dev0``. CONTRIBUTING.md has the steps in order.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FINAL = re.compile(r"\d+\.\d+\.\d+")
SOME = r"\d+\.\d+\.\d+(?:\.dev\d+)?"

# Where the version stands: the file, and what is around it there.
PLACES: tuple[tuple[str, str], ...] = (
    ("src/manticore_cockroachdb/_version.py", rf'__version__ = "({SOME})"'),
    ("deploy/helm/manticore/Chart.yaml", rf"^version: ({SOME})$"),
    ("deploy/helm/manticore/Chart.yaml", rf'^appVersion: "({SOME})"$'),
    ("deploy/gitlab/manticore.gitlab-ci.yml", rf'MANTICORE_VERSION: "({SOME})"'),
    ("deploy/github/migrations.yml", rf"manticore-cockroachdb@v({SOME})"),
)
STABLE = "Development Status :: 5 - Production/Stable"
BETA = "Development Status :: 4 - Beta"


def version_of(root: Path = ROOT) -> str:
    """The version of the package."""
    path, pattern = PLACES[0]
    found = re.search(pattern, (root / path).read_text())
    assert found is not None, f"{path} has no version"
    return found[1]


def next_version(root: Path = ROOT) -> str:
    """The version that comes next."""
    return version_of(root).partition(".dev")[0]


# --- the changelog ----------------------------------------------------------------------------


def heading(version: str, text: str) -> re.Match[str] | None:
    """The heading of a version in the changelog; its group is what stands after the version."""
    return re.search(rf"^## {re.escape(version)}(?:\.dev\d+)?(?: \((.*)\))?$", text, re.MULTILINE)


def notes(version: str, text: str) -> str:
    """The section of a version, without its heading. Raises LookupError."""
    found = heading(version, text)
    if found is None:
        raise LookupError(f"CHANGELOG.md has no heading ## {version}")
    rest = text[found.end() :]
    end = re.search(r"^## ", rest, re.MULTILINE)
    return (rest[: end.start()] if end else rest).strip() + "\n"


# --- the check --------------------------------------------------------------------------------


def missing(version: str, root: Path = ROOT, today: date | None = None) -> Iterator[str]:
    """What is missing for a release, a sentence each."""
    if not FINAL.fullmatch(version):
        yield f"{version} is no version such as 1.0.0"
        return
    for path, pattern in PLACES:
        found = re.findall(pattern, (root / path).read_text(), re.MULTILINE)
        wrong = sorted({one for one in found if one != version})
        if not found:
            yield f"{path}: no version where one was"
        elif wrong:
            yield f"{path}: says {', '.join(wrong)}"
    text = (root / "CHANGELOG.md").read_text()
    head = heading(version, text)
    if head is None:
        yield f"CHANGELOG.md: no heading ## {version}"
    else:
        try:
            day = date.fromisoformat(head[1] or "")
        except ValueError:
            yield f"CHANGELOG.md: {version} has no date, but {head[1] or 'nothing'!r}"
        else:
            if day > (today or date.today()):
                yield f"CHANGELOG.md: {version} is of {day}, which is still to come"
        if len(notes(version, text)) < 20:
            yield f"CHANGELOG.md: nothing stands below {version}"
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    if STABLE not in project["classifiers"]:
        yield f"pyproject.toml: the classifier {STABLE!r} is not there"
    series = ".".join(version.split(".")[:1]) + ".x"
    if series not in (root / "SECURITY.md").read_text():
        yield f"SECURITY.md: {series} is not among the supported versions"
    yield from ended(root, today or date.today())


def ended(root: Path, today: date) -> Iterator[str]:
    """What the package says it supports although nobody does any more."""
    text = (root / "docs" / "supported.md").read_text()
    for name, day in re.findall(
        r"^\| ((?:Python|PostgreSQL|CockroachDB) \S+) \|.*?(\d{4}-\d{2})", text, re.MULTILINE
    ):
        if (today.year, today.month) > tuple(map(int, day.split("-"))):
            yield f"docs/supported.md: {name} has ended ({day})"


def in_git(version: str) -> Iterator[str]:
    """What git says against a release of this state."""
    if _git("status", "--porcelain"):
        yield "git: something is not committed"
    if _git("tag", "--list", f"v{version}"):
        yield f"git: the tag v{version} is there already"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


# --- writing ----------------------------------------------------------------------------------


def prepare(version: str, root: Path = ROOT, today: date | None = None) -> list[str]:
    """Write the version wherever it stands; return the files that changed."""
    if not FINAL.fullmatch(version):
        raise SystemExit(f"{version} is no version such as 1.0.0")
    changed = []
    for path, pattern in PLACES:
        changed += _edit(root / path, pattern, lambda found: found[0].replace(found[1], version))
    day = (today or date.today()).isoformat()
    log = root / "CHANGELOG.md"
    head = heading(version, log.read_text())
    if head is not None and head[1] == "unreleased":
        changed += _edit(log, re.escape(head[0]), lambda _: f"## {version} ({day})")
    changed += _edit(root / "pyproject.toml", re.escape(BETA), lambda _: STABLE)
    return sorted({str(path.relative_to(root)) for path in changed})


def _edit(path: Path, pattern: str, change: Callable[[re.Match[str]], str]) -> list[Path]:
    before = path.read_text()
    after = re.sub(pattern, change, before, flags=re.MULTILINE)
    if after == before:
        return []
    path.write_text(after)
    return [path]


# --- building -------------------------------------------------------------------------------------


def build(out: Path, room: Path) -> None:
    """Build the sdist, and the wheel from it, into `out`: the same bytes for the same commit."""
    builder = _environment(room / "build", "build==1.3.0")
    made = {**os.environ, "SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct")}
    # Without --wheel and --sdist, build makes the wheel from the sdist, not from here.
    _run(builder, "-m", "build", "--outdir", str(out), str(ROOT), env=made)


def sbom(dist: Path, room: Path) -> Path:
    """Write what the wheel in `dist` brings along when nothing else is installed; its path."""
    clean = _environment(room / "clean", str(_only(dist, "*.whl")))
    maker = _environment(room / "sbom", "cyclonedx-bom==7.1.0")
    out = dist.resolve().parent / "sbom" / "manticore-cockroachdb.cdx.json"
    out.parent.mkdir(exist_ok=True)
    how = ("environment", clean, "--output-reproducible", "--of", "JSON", "--output-file", str(out))
    _run(maker, "-m", "cyclonedx_py", *how)
    found = {one["name"] for one in json.loads(out.read_text())["components"]}
    if not {"manticore-cockroachdb", "psycopg"} <= found:
        raise SystemExit(f"{out} does not name what the wheel consists of: {sorted(found)}")
    print(f"{out.name}: {len(found)} components", flush=True)
    return out


def test(dist: Path, room: Path) -> int:
    """Run the fast tests of the sdist in `dist` on the wheel beside it; their exit code."""
    wheel, sdist = _only(dist, "*.whl"), _only(dist, "*.tar.gz")
    _run("tar", "-xzf", str(sdist), "-C", str(room))
    tree = _only(room, "manticore_cockroachdb-*")
    tester = _environment(room / "run", f"{wheel}[dev]")
    where = _said(tester, "import manticore_cockroachdb as m; print(m.__file__)", cwd=tree)
    if not where.startswith(str(room / "run")):
        raise SystemExit(f"the tests would not run on the wheel, but on {where}")
    print(f"wheel {wheel.name}, from {sdist.name}", flush=True)
    return subprocess.run([tester, "-m", "pytest", "-q", "-m", "fast"], cwd=tree).returncode


def attempt(room: Path) -> int:
    """All three, one after another."""
    build(room / "dist", room)
    sbom(room / "dist", room)
    return test(room / "dist", room)


def _environment(where: Path, *packages: str) -> str:
    """Make an environment with some packages; the path of its python."""
    _run(sys.executable, "-m", "venv", str(where))
    python = str(where / "bin" / "python")
    _run(python, "-m", "pip", "install", "--quiet", *packages)
    return python


def _only(where: Path, pattern: str) -> Path:
    found = sorted(where.resolve().glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"{where}: {len(found)} {pattern} where there should be one")
    return found[0]


def _run(*words: str, env: dict[str, str] | None = None) -> None:
    subprocess.run(words, check=True, env=env)


def _said(python: str, code: str, cwd: Path) -> str:
    done = subprocess.run([python, "-c", code], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="say everything that is missing")
    what.add_argument("--prepare", action="store_true", help="write the version everywhere")
    what.add_argument("--notes", action="store_true", help="print the release notes")
    what.add_argument("--build", type=Path, metavar="DIR", help="build the sdist and the wheel")
    what.add_argument("--sbom", type=Path, metavar="DIR", help="write what the wheel consists of")
    what.add_argument("--test", type=Path, metavar="DIR", help="run the fast tests on the wheel")
    what.add_argument("--try", dest="attempt", action="store_true", help="build, sbom and test")
    parser.add_argument("version", nargs="?", help="such as 1.0.0, or its tag v1.0.0")
    given = parser.parse_args(arguments)
    version = (given.version or next_version()).removeprefix("v")
    with tempfile.TemporaryDirectory() as name:
        if given.build:
            build(given.build, Path(name))
            return 0
        if given.sbom:
            sbom(given.sbom, Path(name))
            return 0
        if given.test:
            return test(given.test, Path(name))
        if given.attempt:
            return attempt(Path(name))
    if given.prepare:
        for path in prepare(version):
            print(f"wrote: {path}")
        return 0
    if given.notes:
        try:
            print(notes(version, (ROOT / "CHANGELOG.md").read_text()), end="")
        except LookupError as error:
            print(error.args[0], file=sys.stderr)
            return 1
        return 0
    # The workflow runs on the tag, which is there then.
    found = [*missing(version), *([] if (given.version or "").startswith("v") else in_git(version))]
    for one in found:
        print(one)
    print(f"{version}: {f'{len(found)} missing' if found else 'ready to tag'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
