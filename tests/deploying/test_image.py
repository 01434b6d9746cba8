"""The image. Tests have no builder: its steps are run as commands, read from the Dockerfile."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile, its continued lines joined."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = text.replace("\\\n", " ")
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())
    ]


def last(word: str) -> str:
    return [rest for one, rest in instructions() if one == word][-1]


def test_the_base_is_pinned_for_both_stages() -> None:
    assert re.fullmatch(r"BASE=python:3\.\d+-slim@sha256:[0-9a-f]{64}", last("ARG"))
    stages = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert stages == ["${BASE}", "${BASE}"]


def test_nobody_is_root_and_signals_arrive() -> None:
    words = [word for word, _ in instructions()]
    user, group = last("USER").split(":")
    assert int(user) > 0 and int(group) > 0, "a number, which runAsNonRoot can check"
    after = words[len(words) - words[::-1].index("USER") :]
    assert after == ["ENTRYPOINT", "CMD"]
    assert json.loads(last("ENTRYPOINT")) == ["manticore"], "no shell in between"
    assert all(not rest.startswith("--chown") for word, rest in instructions() if word == "COPY")


def test_hadolint_finds_nothing() -> None:
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which(
        "hadolint"
    )
    if program is None:
        pytest.skip("hadolint has no wheel for this platform")
    done = subprocess.run([program, str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def context(to: Path) -> None:
    """Lay out what `.dockerignore` lets through: it has one form, nothing but what `!` names."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.strip()]
    rules = [line for line in rules if not line.startswith("#")]
    assert rules[0] == "*"
    for rule in rules[1:]:
        source = ROOT / rule.removeprefix("!")
        if not rule.startswith("!"):
            assert rule.startswith("**/")
        elif source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(source, to / source.name, ignore=ignored)
        else:
            shutil.copy(source, to)


@pytest.mark.slow
def test_its_steps_make_a_program_that_runs(tmp_path: Path) -> None:
    """Copy what is copied, run what is run, with /src and /opt/manticore somewhere else."""
    sent, made = tmp_path / "context", tmp_path / "manticore"
    sent.mkdir()
    context(sent)
    src = tmp_path / "src"
    src.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    stage = 0
    ran = 0
    for word, rest in instructions():
        stage += word == "FROM"
        if stage != 1:
            continue
        if word == "COPY":
            *names, where = rest.split()
            for name in names:
                source = sent / name
                if source.is_dir():
                    shutil.copytree(source, src / where)
                else:
                    shutil.copy(source, src / where)
        elif word == "RUN":
            ran += 1
            command = rest.replace("/opt/manticore", str(made))
            words = shlex.split(command)
            # `python` and `pip` of the base image: those of this environment.
            words[:1] = {
                "python": [sys.executable],
                "pip": [sys.executable, "-m", "pip"],
            }[words[0]]
            subprocess.run(words, cwd=src, check=True, env=environment, timeout=300)
    assert ran == 2
    program = made / "bin" / "manticore"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    from manticore_cockroachdb import __version__

    assert __version__ in said.stdout
    assert not (made / "bin" / "pip").exists()
    compiled = list(made.glob("lib/python*/site-packages/manticore_cockroachdb/__pycache__/*.pyc"))
    assert compiled, "nobody may write them later"
    # A directory that nobody may write, as in a container with a read-only root.
    apart = tmp_path / "app"
    (apart / "migrations").mkdir(parents=True)
    (apart / "migrations" / "1_t.sql").write_text("CREATE TABLE t (id INT8 PRIMARY KEY);\n")
    lint = subprocess.run([program, "lint"], cwd=apart, capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr
    assert [one.name for one in apart.rglob("*")] == ["migrations", "1_t.sql"]
