"""What `manticore --version` and `--help` take beyond `python -c pass`, from exec to exit."""

from __future__ import annotations

import statistics
import sys
from functools import partial

from ..bench import Bench
from ..clock import Command, in_turns, run
from ..findings import Bar, Section, Table, seconds
from ..peers import Alembic, Dbmate, Django, Yoyo
from ..tools import manticore

NOTHING = "python -c pass"


def measure(bench: Bench) -> Section:
    """Time them in turns."""
    rounds = 5 if bench.quick else 21
    commands = {
        NOTHING: (sys.executable, "-c", "pass"),
        "manticore --version": (manticore(), "--version"),
        "manticore --help": (manticore(), "--help"),
    }
    for tool in bench.tools:
        program = {Alembic: "alembic", Django: "django-admin", Yoyo: "yoyo", Dbmate: "dbmate"}
        if isinstance(tool, Alembic | Django | Yoyo | Dbmate) and not getattr(tool, "single", 0):
            word = "--help" if isinstance(tool, Yoyo) else "--version"  # it has no other
            name = program[type(tool)]
            commands[f"{name} {word}"] = (str(tool.bin / name), word)
    runs = in_turns({n: partial(run, Command(a)) for n, a in commands.items()}, rounds)
    bars, rows = [], []
    for name, found in runs.items():
        more = statistics.median(
            r.seconds - p.seconds for r, p in zip(found, runs[NOTHING], strict=True)
        )
        rows.append(
            (name, seconds(statistics.median(r.seconds for r in found)), f"{more * 1000:+.0f} ms")
        )
        if name.startswith("manticore"):
            bars.append(Bar(f"{name}: beyond {NOTHING}", more, 0.060, "s"))
    return Section(
        "start",
        "`--version` and `--help`",
        f"{__doc__}",
        tuple(bars),
        (Table(("", "median", f"beyond `{NOTHING}`"), tuple(rows)),),
    )
