"""tools/release.py: what is missing, what is written, what the notes say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest
import yaml

from tools import release

ROOT = release.ROOT
DAY = date(2026, 12, 1)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What a release reads and writes, somewhere else."""
    names = {path for path, _ in release.PLACES}
    for name in (*names, "CHANGELOG.md", "pyproject.toml", "SECURITY.md", "docs/supported.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_prepared_it_is_ready(copy: Path) -> None:
    version = release.next_version(copy)
    before = list(release.missing(version, copy, DAY))
    assert any("_version.py" in one for one in before) == (release.version_of(copy) != version)
    wrote = release.prepare(version, copy, DAY)
    assert set(wrote) <= {
        *(path for path, _ in release.PLACES),
        "CHANGELOG.md",
        "pyproject.toml",
    }
    assert list(release.missing(version, copy, DAY)) == []
    assert release.prepare(version, copy, DAY) == [], "twice is once"


def test_what_is_missing_is_said_all_at_once(copy: Path) -> None:
    release.prepare("1.0.0", copy, DAY)
    found = "\n".join(release.missing("2.0.0", copy, DAY))
    for path, _ in release.PLACES:
        assert f"{path}: says 1.0.0" in found
    assert "CHANGELOG.md: no heading ## 2.0.0" in found
    assert "SECURITY.md: 2.x" in found
    assert list(release.missing("1.0", copy)) == ["1.0 is no version such as 1.0.0"]
    assert any("still to come" in one for one in release.missing("1.0.0", copy, date(2026, 11, 1)))


def test_what_nobody_mends_any_more_is_noticed(copy: Path) -> None:
    release.prepare("1.0.0", copy, DAY)
    found = list(release.missing("1.0.0", copy, date(2027, 12, 1)))
    assert "docs/supported.md: Python 3.11 has ended (2027-10)" in found
    assert "docs/supported.md: PostgreSQL 15 has ended (2027-11)" in found
    assert not any("3.12" in one for one in found)


def test_the_notes_are_the_changelogs_section() -> None:
    text = "# Changelog\n\n## 1.1.0 (2027-01-01)\n\n- two\n\n## 1.0.0 (2026-12-01)\n\n- one\n"
    assert release.notes("1.1.0", text) == "- two\n"
    assert release.notes("1.0.0", text) == "- one\n"
    with pytest.raises(LookupError):
        release.notes("1.0", text)
    with pytest.raises(LookupError):
        release.notes("1x0.0", text)


def test_the_command() -> None:
    program = [sys.executable, str(ROOT / "tools" / "release.py")]
    said = subprocess.run([*program, "--notes"], capture_output=True, text=True)
    assert said.returncode == 0 and said.stdout.strip()
    said = subprocess.run([*program, "--notes", "v0.0.1"], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (1, "CHANGELOG.md has no heading ## 0.0.1\n")
    said = subprocess.run([*program, "--check", "v9.9.9"], capture_output=True, text=True)
    assert said.returncode == 1 and "missing" in said.stdout


def test_what_is_supported_is_what_is_tested() -> None:
    """The page, the classifiers and the workflows name the same versions."""
    page = (ROOT / "docs" / "supported.md").read_text()

    def named(of: str) -> set[str]:
        return set(re.findall(rf"^\| {of} (\S+) \|", page, re.MULTILINE))

    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())["jobs"]
    cockroach = jobs["cockroachdb"]["strategy"]["matrix"]["cockroachdb"]
    assert named("CockroachDB") <= {one.lstrip("v").rpartition(".")[0] for one in cockroach}
    postgresql = jobs["postgresql"]["strategy"]["matrix"]
    assert named("PostgreSQL") <= set(postgresql["postgresql"])
    tested = {*postgresql["python"], *(one["python"] for one in postgresql["include"])}
    assert named("Python") == tested
    built = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    assert set(built["test"]["strategy"]["matrix"]["python"]) == tested
    classifiers = release.tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {
        one.rpartition(" ")[2]
        for one in classifiers["classifiers"]
        if re.search(r":: 3\.\d+$", one)
    } == tested


def test_nothing_is_published_untested_or_with_more_rights_than_it_needs() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    assert jobs["permissions"] == {}
    jobs = jobs["jobs"]
    assert set(jobs["publish"]["needs"]) == {"build", "test"}
    assert "id-token" not in jobs["build"]["permissions"] and jobs["test"]["permissions"] == {}
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert "secrets." not in text, "no stored token"
    image = yaml.safe_load((ROOT / ".github" / "workflows" / "image.yml").read_text())["jobs"]
    names = [step.get("name") or step["uses"] for step in image["image"]["steps"]]
    scan = names.index("Scan it, before anybody gets it")
    assert scan < names.index("Build for every platform, and publish")
    # What a run takes from a name or a branch comes as a variable, never as text of a script.
    for job in (*jobs.values(), *image.values()):
        for step in job["steps"]:
            assert "${{ github" not in step.get("run", "")


def test_the_page_on_the_index_leads_somewhere() -> None:
    """The README is that page, and its relative links and pictures would lead nowhere there."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    made = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for one in made["substitutions"]:
        page = re.sub(one["pattern"], one["replacement"], page)
    targets = re.findall(r"\]\(([^)]*)\)", page)
    assert [one for one in targets if one.endswith((".svg", ".png"))]
    assert [one for one in targets if not one.startswith("https://")] == []
    named = {one.partition("/assets/")[2] for one in targets if "/assets/" in one}
    assert all((ROOT / "docs" / "assets" / one).is_file() for one in named)
