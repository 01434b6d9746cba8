"""The machine that was measured on, in a few words."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path


def describe() -> tuple[tuple[str, str], ...]:
    """What a reader must know to compare the numbers with their own."""
    found = [
        ("processor", f"{_processor()}, {os.cpu_count()} cores"),
        ("memory", _memory()),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("manticore-cockroachdb", _revision()),
        ("psycopg", f"{version('psycopg')}, psycopg_pool {version('psycopg-pool')}"),
    ]
    if psql := shutil.which("psql"):
        out = subprocess.run((psql, "--version"), check=True, capture_output=True, text=True)
        number = re.search(r"\d+(\.\d+)*", out.stdout)
        found.append(("psql", number[0] if number else "unknown"))
    return tuple(found)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists() and (found := re.search(r"model name\s*:\s*(.+)", path.read_text())):
        return found[1]
    return platform.processor() or "unknown"


def _memory() -> str:
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return "unknown"
    return f"{pages * size / 1e9:.0f} GB"


def _revision() -> str:
    root = Path(__file__).resolve().parent.parent
    out = subprocess.run(
        ("git", "-C", str(root), "rev-parse", "--short", "HEAD"), capture_output=True, text=True
    )
    release = version("manticore-cockroachdb")
    return f"{release} ({out.stdout.strip()})" if out.returncode == 0 else release


def load() -> float:
    """How many processes wanted a core, on average, in the last minute."""
    return os.getloadavg()[0] if sys.platform != "win32" else 0.0
