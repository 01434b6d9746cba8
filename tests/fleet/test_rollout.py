"""Waves and failures: how many targets go first, and how many may fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb.errors import ConfigError
from manticore_cockroachdb.fleet.rollout import Rollout, Share, rollout_of


@pytest.mark.parametrize(
    ("canary", "waves", "total", "sizes"),
    [
        (None, None, 10, (10,)),
        (3, None, 10, (3, 7)),
        (3, None, 2, (2,)),
        (None, "1,5%,rest", 1000, (1, 50, 949)),
        (None, "1, 5%, 100%", 1000, (1, 50, 949)),
        (None, "1%,rest", 7, (1, 6)),
        (None, "rest", 7, (7,)),
        (None, "1,rest", 0, ()),
    ],
)
def test_the_sizes_of_waves(
    canary: int | None, waves: str | None, total: int, sizes: tuple[int, ...]
) -> None:
    assert rollout_of(canary, waves).sizes(total) == sizes


shares = st.builds(Share, st.integers(1, 100), st.booleans())


@given(st.lists(shares, max_size=5), st.integers(0, 10_000))
def test_every_target_is_in_one_wave(waves: list[Share], total: int) -> None:
    sizes = Rollout(tuple(waves)).sizes(total)
    assert sum(sizes) == total
    assert all(size > 0 for size in sizes)


@pytest.mark.parametrize(
    ("given_", "total", "most"), [(None, 100, 0), ("3", 100, 3), (3, 2, 3), ("5%", 199, 9)]
)
def test_how_many_may_fail(given_: str | int | None, total: int, most: int) -> None:
    assert rollout_of(max_failures=given_).may_fail.most(total) == most


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"canary": 1, "waves": "1,rest"}, "exclude each other"),
        ({"canary": 0}, "no number of targets"),
        ({"waves": "1,5%"}, "what becomes of the rest"),
        ({"waves": ""}, "what becomes of the rest"),
        ({"waves": "x,rest"}, "--waves takes numbers and shares, not 'x'"),
        ({"waves": "101%,rest"}, "'101%'"),
        ({"waves": "0,rest"}, "nobody in it"),
        ({"max_failures": "-1"}, "--max-failures takes"),
        ({"max_failures": "many"}, "'many'"),
    ],
)
def test_what_cannot_be_meant_is_refused(given_: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rollout_of(**given_)  # type: ignore[arg-type]
    assert message in str(caught.value)
