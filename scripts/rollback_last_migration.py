"""Revert the newest migration: ``python -m scripts.rollback_last_migration``.

The same as ``manticore rollback --count 1``, with its options: nothing is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from manticore_cockroachdb.cli import main as manticore


def main(arguments: Sequence[str] | None = None) -> int:
    """Revert it and return the exit code."""
    own = sys.argv[1:] if arguments is None else arguments
    return manticore(["rollback", "--count", "1", *own])


if __name__ == "__main__":
    sys.exit(main())
