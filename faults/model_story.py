"""How a model came to a state: the counterexample as a story."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

World = TypeVar("World")


def story(came: Mapping[World, tuple[World, str] | None], world: World, wrong: str) -> str:
    """The steps to a state, numbered, and what is wrong there; ``came`` has for each state the one
    before it and the step between, None for the first."""
    steps: list[str] = []
    at = world
    while (before := came[at]) is not None:
        at, step = before
        steps.append(step)
    lines = [f"{number:>3}. {step}" for number, step in enumerate(reversed(steps), 1)]
    return "\n".join([*lines, f"     {wrong}."])
