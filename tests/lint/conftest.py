"""The command line's fixtures serve here too."""

from __future__ import annotations

from tests.cli.conftest import Manticore, manticore, nothing_set

__all__ = ["Manticore", "manticore", "nothing_set"]
