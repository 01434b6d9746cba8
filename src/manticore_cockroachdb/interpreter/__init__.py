"""The project's own Python, asked for what only the project knows: its migrations, its models.

SQLAlchemy, Alembic and Django are the user's, in the user's versions, perhaps in another virtual
environment than ours. So nothing of theirs is imported here. A small program (`programs`) is handed
to the project's interpreter as text, gets a JSON request, and writes a JSON answer into a file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import ConfigError

_PATIENCE = 600.0  # seconds; a program that asks for input would wait for ever
_UP = 4  # folders above the one that is named


def ask(
    program: str,
    request: Mapping[str, object],
    *,
    python: str | None,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    keep: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The answer of a program of `interpreter.programs`, run in a project's directory.

    ``python`` is the interpreter, by default our own. ``environment`` is added to ours, but for
    the names in ``keep`` that ours has already. Raises ConfigError with what it said.
    """
    source = resources.files(f"{__package__}.programs").joinpath(f"{program}.py").read_text("utf-8")
    interpreter = python or sys.executable
    with tempfile.TemporaryDirectory(prefix="manticore-ask-") as folder:
        answer = Path(folder) / "answer.json"
        asked = json.dumps({**request, "answer": str(answer)})
        kept = {name: os.environ[name] for name in keep if name in os.environ}
        try:
            done = subprocess.run(
                [interpreter, "-c", source, asked],
                cwd=directory,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {}), **kept},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
        except OSError as error:
            raise ConfigError(
                f"{interpreter} cannot be run: {error.strerror}.",
                hint="name the project's Python: --python PATH",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ConfigError(f"{interpreter} gave no answer in {_PATIENCE:.0f} s.") from error
        if done.returncode or not answer.exists():
            lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
            said = lines[-1] if lines else "it said nothing"
            raise ConfigError(
                f"The project's own Python gave no answer: {said}",
                hint=f"it was run as {interpreter} in {directory}; --python names another one, and"
                " the environment must be as for the old tool itself",
            )
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return found


def relative(root: str, path: str) -> str:
    """A file's path as a name relative to the directory of an import, where it is in there."""
    try:
        return Path(path).resolve().relative_to(Path(root).resolve()).as_posix()
    except ValueError:
        return path


def above(directory: str, *names: str) -> Path | None:
    """The nearest file of one of these names, in a directory or the folders above it."""
    here = Path(directory).resolve()
    for folder in (here, *here.parents[:_UP]):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    return None
