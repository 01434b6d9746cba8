"""Apply pending migrations: ``python -m scripts.apply_migrations``, before new code is deployed.

The same as ``manticore migrate``, with its options. Several may run at once, one for each machine:
they take turns, and each migration is applied once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from manticore_cockroachdb.cli import main as manticore


def main(arguments: Sequence[str] | None = None) -> int:
    """Apply them and return the exit code."""
    return manticore(["migrate", *(sys.argv[1:] if arguments is None else arguments)])


if __name__ == "__main__":
    sys.exit(main())
