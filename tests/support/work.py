"""Work counted, where a clock would only say how busy the machine is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import unwrap
from types import FrameType
from typing import Any


def calls(function: Callable[[], Any], *, of: Callable[..., Any] | None = None) -> int:
    """Return how many calls a function makes, those of built-in ones included; or calls ``of`` one.

    The same for the same input on every machine. What one call of a built-in function does, a
    regular expression say, is not seen: where that is the point, measure processor time.
    """
    wanted = None if of is None else unwrap(of).__code__
    count = 0

    def seen(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        if wanted is None:
            count += event in ("call", "c_call")
        else:
            count += event == "call" and frame.f_code is wanted

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count
