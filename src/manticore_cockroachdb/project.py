"""Project: whose database a plain ``local:`` is.

One server of a user's own serves all of the user's projects, each from a database of its own.
Two projects that shared one would take each other's tables for their own, and one's rollback
would drop the other's.

A project is known by its root. That is the directory of the configuration that counts here
(`configfile`; MANTICORE_CONFIG names one), because who shares a configuration means the same
database; without one the nearest with a ``pyproject.toml``, so that two packages of a repository
do not meet; then that of the repository; then the current directory. It is looked for exactly
where the configuration is, never above a directory that is in no repository: a stray file in a
home directory would make one project of all that is below.

The database is called after the root's name, for people, and a hash of its real path, since two
directories may have one name. A project that is moved begins anew; its old database is still
there under its old name, ``local:?dbname=…``.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from . import configfile
from .config import Settings

SHARED = "defaultdb"
"""The database that plain ``local:`` was before each project had its own."""


def root(start: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Return the root of the project that a directory (the current one) is in.

    Raises ConfigError for a configuration that cannot be read.
    """
    start = Path.cwd() if start is None else start
    named = (os.environ if environ is None else environ).get("MANTICORE_CONFIG")
    if named:
        return Path(named).absolute().parent
    found = configfile.find(start)
    if found is not None:
        return found.path.parent
    for directory in configfile.upwards(start):
        if (directory / "pyproject.toml").is_file() or (directory / ".git").exists():
            return directory
    return start


def database_name(root: Path) -> str:
    """Return the name of the database of the project with this root, such as ``shop_1f0c3a9b``."""
    path = root.resolve()
    words = re.sub(r"[^a-z0-9]+", "_", path.name.lower()).strip("_")[:40]
    digest = hashlib.sha256(os.fsencode(os.path.normcase(path))).hexdigest()[:8]
    return f"{words or 'project'}_{digest}"


def is_plain(settings: Settings) -> bool:
    """Return whether these are a ``local:`` without directory and without database."""
    return settings.local == "" and settings.database is None


def settle(settings: Settings, project: Path | None = None) -> Settings:
    """Return a plain ``local:`` as the database of a project (that of the current directory),
    which is made when it is missing; any other settings as they are."""
    if not is_plain(settings):
        return settings
    return replace(settings, database=database_name(project or root()), create=True)
