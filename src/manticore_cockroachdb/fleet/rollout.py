"""In which order a fleet is migrated, and how many failures it may cost. Pure.

    --canary 3            the first three, then the rest
    --waves 1,5%,rest     the first one, then a twentieth of all, then the rest
    --max-failures 2%     stop once more than a fiftieth of all have failed

A wave begins when the one before has ended, and only while no more have failed than may. By default
none may: what breaks one tenant as a rule breaks the next one too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import ConfigError

_SHARE = re.compile(r"(\d+(?:\.\d+)?)%|(\d+)")


@dataclass(frozen=True, slots=True)
class Share:
    """A number of targets, or a part of them in percent."""

    number: float
    percent: bool = False

    def most(self, total: int) -> int:
        """At most how many of ``total`` that is."""
        return int(total * self.number / 100) if self.percent else int(self.number)

    def least(self, total: int) -> int:
        """At least how many of ``total`` that is; one, where it is a part at all."""
        part = -(-total * self.number // 100) if self.percent else self.number
        return max(int(part), 1)


@dataclass(frozen=True, slots=True)
class Rollout:
    """Waves, of which the last is the rest, and how many targets may fail."""

    waves: tuple[Share, ...] = ()
    may_fail: Share = Share(0)

    def sizes(self, total: int) -> tuple[int, ...]:
        """How many targets each wave has; together they are ``total``."""
        sizes: list[int] = []
        left = total
        for share in self.waves:
            if left:
                sizes.append(min(share.least(total), left))
                left -= sizes[-1]
        return (*sizes, left) if left else tuple(sizes)


def rollout_of(
    canary: int | None = None, waves: str | None = None, max_failures: str | int | None = None
) -> Rollout:
    """The rollout that options ask for. Raises ConfigError."""
    if canary is not None and waves is not None:
        raise ConfigError(
            "A canary and waves exclude each other.",
            hint=f"a canary is the first of two waves: --waves {canary},rest",
        )
    may_fail = Share(0) if max_failures is None else _share(str(max_failures), "--max-failures")
    if canary is not None:
        if isinstance(canary, bool) or not isinstance(canary, int) or canary < 1:
            raise ConfigError(f"A canary of {canary!r} is no number of targets of 1 or more.")
        return Rollout((Share(canary),), may_fail)
    if waves is None:
        return Rollout((), may_fail)
    *first, last = [part.strip() for part in waves.split(",")]
    if last not in ("rest", "100%"):
        raise ConfigError(
            f"The waves {waves!r} do not say what becomes of the rest.",
            hint=f"write {waves.rstrip(',')},rest; for a few targets only there is --only",
        )
    shares = tuple(_share(part, "--waves") for part in first)
    if any(share.number == 0 for share in shares):
        raise ConfigError(f"A wave of {waves!r} has nobody in it.")
    return Rollout(shares, may_fail)


def _share(text: str, option: str) -> Share:
    found = _SHARE.fullmatch(text.strip())
    if found is None or (found[1] and float(found[1]) > 100):
        raise ConfigError(
            f"{option} takes numbers and shares, not {text!r}.", hint="write for example 3, or 5%"
        )
    return Share(float(found[1]), True) if found[1] else Share(int(found[2]))
