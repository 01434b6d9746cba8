"""Record a session at a terminal, for the documentation.

    python -m tools.record      tools/tour.txt becomes docs/assets/tour.cast and terminal.svg

Do it on a quiet machine: the times are those of the commands.

Each line of the session is typed into a real shell on a real pseudo-terminal, in a new directory,
with a database server of its own that is stopped again. What the shell prints is kept with its
times, as asciicast v2 (https://docs.asciinema.org/manual/asciicast/v2/), which the site plays.
Two lines are not typed: ``@clear`` empties the screen, ``@picture`` makes the picture of it. Only
the rhythm of typing and the pauses for reading are made up: output comes when it came.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "docs" / "assets"
# Short, and the same each time, since it is to be seen.
PLACE = Path("/tmp/shop")

COLUMNS, ROWS = 96, 28
KEY = 0.035  # seconds between two keys
READ = 1.6  # seconds for reading what a command printed
WAIT = 60.0  # seconds until a command that does not end is given up

PROMPT = b"\x1b[1;34m$\x1b[0m "


@dataclass
class Recording:
    """What was printed, each piece with its second, and the time that stands still while typing."""

    events: list[tuple[float, str]] = field(default_factory=list)
    now: float = 0.0

    def pause(self, seconds: float) -> None:
        """Let time pass for the reader alone."""
        self.now += seconds

    def print(self, text: str) -> None:
        """Note what was printed now."""
        if text:
            self.events.append((self.now, text))

    def cast(self, title: str) -> str:
        """Return it as asciicast v2."""
        head = {
            "version": 2,
            "width": COLUMNS,
            "height": ROWS,
            "title": title,
            "env": {"TERM": "xterm-256color", "SHELL": "/bin/bash"},
        }
        lines = [head, *([round(at, 3), "o", text] for at, text in self.events)]
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


class Shell:
    """A bash of its own on a pseudo-terminal."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        (directory / ".inputrc").write_text("set enable-bracketed-paste off\n")
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment)
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, size)

    def until_prompt(self, recording: Recording) -> None:
        """Keep what is printed, with its time, until the shell waits again."""
        seen = b""
        unread = b""
        began, at_first = time.monotonic(), recording.now
        while not seen.endswith(PROMPT):
            if not select.select([self.terminal], [], [], WAIT)[0]:
                raise SystemExit(f"the shell has not come back in {WAIT:.0f} s: {seen[-400:]!r}")
            got = os.read(self.terminal, 65536)
            seen += got
            unread += got
            recording.now = at_first + time.monotonic() - began
            try:
                recording.print(unread.decode())
                unread = b""
            except UnicodeDecodeError:
                pass  # the rest of a character is still to come

    def type(self, text: str, recording: Recording) -> None:
        """Type a line, key by key; what the shell echoes of it is kept as if it took a hand."""
        for key in text:
            os.write(self.terminal, key.encode())
            self._echo(recording)
            recording.pause(KEY)
        recording.pause(10 * KEY)
        os.write(self.terminal, b"\n")

    def _echo(self, recording: Recording) -> None:
        if not select.select([self.terminal], [], [], 5.0)[0]:
            raise SystemExit("the shell does not echo what is typed")
        got = os.read(self.terminal, 65536)
        while select.select([self.terminal], [], [], 0.004)[0]:
            got += os.read(self.terminal, 65536)
        recording.print(got.decode())

    def clear(self, recording: Recording) -> None:
        """Empty the screen, as Ctrl-L does."""
        os.write(self.terminal, b"\x0c")
        self._echo(recording)

    def close(self) -> None:
        """End it."""
        os.close(self.terminal)
        os.kill(self.pid, signal.SIGHUP)
        os.waitpid(self.pid, 0)


def environment(directory: Path) -> dict[str, str]:
    """What the shell sees: nothing of who records."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(directory),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "INPUTRC": str(directory / ".inputrc"),
        "HISTFILE": "/dev/null",
        "PS1": r"\[\e[1;34m\]$\[\e[0m\] ",
        "PS2": "  ",
        "MANTICORE_LOCAL_DIR": str(directory / ".db"),
        "MANTICORE_LOCAL_ENGINE": "postgresql",
    }


def record(lines: list[str], directory: Path) -> tuple[Recording, int]:
    """Type these lines; return what was to be seen, and how much of it is on the picture."""
    shell, recording, picture = Shell(directory, environment(directory)), Recording(), 0
    try:
        shell.until_prompt(recording)
        recording.now = 0.5
        recording.events = [(0.0, recording.events[-1][1])]
        for line in lines:
            if line == "@picture":
                picture = len(recording.events)
                continue
            if line == "@clear":
                shell.clear(recording)
                continue
            shell.type(line, recording)
            shell.until_prompt(recording)
            recording.pause(READ / 4 if line.startswith(("#", "export ")) else READ)
        recording.print("\x1b[?25h")  # so that the last pause is part of it
    finally:
        shell.close()
    return recording, picture or len(recording.events)


def picture(recording: Recording, until: int, title: str) -> str:
    """Return the screen after so many pieces as SVG."""
    import pyte
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    for _, text in recording.events[:until]:
        stream.feed(text)
    lines = []
    for row in range(ROWS):
        line = Text()
        cells = [screen.buffer[row][column] for column in range(COLUMNS)]
        for style, run in groupby(cells, key=_style):
            line.append("".join(cell.data for cell in run), Style(**dict(style)))
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1].plain.strip("$ "):
        lines.pop()
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text("\n").join(lines))
        return console.export_svg(title=title, code_format=_PLAIN, unique_id="terminal")


def _style(cell: Any) -> tuple[tuple[str, Any], ...]:
    """What rich calls the look of a cell of pyte."""
    colour = {"default": None, "brown": "yellow"}.get(cell.fg, cell.fg)
    if colour is not None and re.fullmatch("[0-9a-f]{6}", colour):
        colour = f"#{colour}"
    return (("color", colour), ("bold", cell.bold), ("italic", cell.italics))


# rich's own frame without its web font, which a picture may not load.
_PLAIN = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg"\
 role="img" aria-label="a terminal">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas,\
 "DejaVu Sans Mono", monospace; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}"\
 height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g></svg>
"""


def main() -> int:
    """Record, and write both files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("session", nargs="?", type=Path, default=ROOT / "tools" / "tour.txt")
    session: Path = parser.parse_args().session
    lines = session.read_text(encoding="utf-8").splitlines()
    try:
        PLACE.mkdir()
    except FileExistsError:
        raise SystemExit(f"{PLACE} is there already: another recording, or yours?") from None
    try:
        recording, until = record(lines, PLACE)
    finally:
        stop = [str(Path(sys.executable).parent / "manticore"), "local", "stop", "--quiet"]
        subprocess.run(stop, env=environment(PLACE), cwd=PLACE, check=False)
        shutil.rmtree(PLACE)
    cast = ASSETS / f"{session.stem}.cast"
    cast.write_text(recording.cast("manticore: from a table to a plan"), encoding="utf-8")
    svg = ASSETS / "terminal.svg"
    svg.write_text(picture(recording, until, "manticore"), encoding="utf-8")
    # The site shows this screen until somebody plays it.
    still = int(recording.events[until - 1][0] + READ / 2)
    page = ROOT / "docs" / "index.md"
    shown = f'data-poster="{still // 60}:{still % 60:02}"'
    page.write_text(re.sub(r'data-poster="[^"]*"', shown, page.read_text(encoding="utf-8")))
    for path in (cast, svg):
        print(f"wrote {path.relative_to(ROOT)} ({path.stat().st_size:,} bytes)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
