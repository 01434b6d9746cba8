"""Run the examples of the command line, and keep what they print.

    python -m tools.examples           tools/examples.txt becomes docs/examples/NAME.txt

Every command of the session runs in a project of its own, on a database server of its own that is
stopped again. Standard output and errors are kept together, as on a terminal without colours; this
machine's name is left out, and nothing else is changed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from .record import PLACE, ROOT

SESSION = ROOT / "tools" / "examples.txt"
EXAMPLES = ROOT / "docs" / "examples"


def read(text: str) -> Iterator[tuple[str, list[tuple[bool, str]]]]:
    """Yield each example: its name, and its scripts in order, each with whether it is shown."""
    parts = re.split(r"^\[(\S+)\]\n", text, flags=re.MULTILINE)
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        scripts: list[tuple[bool, str]] = []
        for hidden, lines in groupby(body.strip().splitlines(), lambda line: line.startswith("@")):
            if hidden:
                scripts.append((False, "\n".join(line[1:] for line in lines)))
            else:
                scripts += [(True, line) for line in lines]
        yield name, scripts


def run(scripts: list[tuple[bool, str]], place: Path) -> str:
    """Run an example and return what a terminal would show."""
    shown = ""
    for visible, script in scripts:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=place,
            env=environment(place),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=300,
        )
        if visible:
            shown += f"$ {script}\n{done.stdout}"
        elif done.returncode:
            raise SystemExit(f"{script}\nended with {done.returncode}:\n{done.stdout}")
    return shown.replace(f"@{socket.gethostname()}", "@host")


def environment(place: Path) -> dict[str, str]:
    """What the examples see: nothing of who runs them."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(place),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "DATABASE_URL": "local:",
        "MANTICORE_LOCAL_DIR": str(place / ".db"),
        "MANTICORE_LOCAL_ENGINE": "postgresql",
    }


def main() -> int:
    """Run them all, and write what they print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.parse_args()
    try:
        PLACE.mkdir()
    except FileExistsError:
        raise SystemExit(f"{PLACE} is there already: another recording, or yours?") from None
    try:
        shutil.copytree(ROOT / "tools" / "shop", PLACE / "migrations")
        found = {name: run(scripts, PLACE) for name, scripts in read(SESSION.read_text())}
    finally:
        stop = [str(Path(sys.executable).parent / "manticore"), "local", "stop", "--quiet"]
        subprocess.run(stop, env=environment(PLACE), cwd=PLACE, check=False)
        shutil.rmtree(PLACE)
    EXAMPLES.mkdir(exist_ok=True)
    for name, text in found.items():
        (EXAMPLES / f"{name}.txt").write_text(text, encoding="utf-8")
        print(f"wrote {(EXAMPLES / name).relative_to(ROOT)}.txt")
    for path in sorted(EXAMPLES.glob("*.txt")):
        if path.stem not in found:
            print(f"removed {path.relative_to(ROOT)}")
            path.unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
