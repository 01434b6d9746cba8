"""The nearest known name for one that nobody knows: what ``did you mean …?`` says, everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def nearest(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Return the known name that is most like ``name``; None when none is.

    ``likeness`` is difflib's ratio, 0 to 1: how alike two names must be at least.
    """
    from difflib import get_close_matches

    found = get_close_matches(name, known, n=1, cutoff=likeness)
    return found[0] if found else None


def meant(
    name: str,
    known: Iterable[str],
    shown: Callable[[str], str] = str,
    *,
    otherwise: str | None = None,
    likeness: float = 0.6,
) -> str:
    """The hint for ``name``: the nearest known one, else ``otherwise``, else all of them."""
    names = list(known)
    if near := nearest(name, names, likeness=likeness):
        return f"did you mean {shown(near)}?"
    return otherwise or f"known: {', '.join(names)}"
