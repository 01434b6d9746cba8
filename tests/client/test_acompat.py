"""The names that the two colours share, seen to behave alike."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest

from manticore_cockroachdb import _acompat


async def test_a_task_runs_beside_its_caller(colour: Any) -> None:
    stop, seen = colour.event(), []

    async def work() -> None:
        seen.append("started")
        await stop.wait()
        seen.append("stopped")

    task = colour.spawn(work)
    assert not await task.join(0.05)
    assert task.alive()
    stop.set()
    assert await task.join(5)
    assert not task.alive()
    assert (seen, task.error) == (["started", "stopped"], None)


async def test_a_task_keeps_its_error(colour: Any) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("kept")

    task = colour.spawn(fail)
    assert await task.join()
    assert isinstance(task.error, ZeroDivisionError)


INTERRUPTED = """
import os, signal, threading, time
from manticore_cockroachdb._acompat import Task

go = threading.Event()
task = Task(go.wait, name="at work")
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    task.join()
except KeyboardInterrupt:
    print(task.alive(), task.join(0.01))
go.set()
print(task.join(5), task.alive())
"""


def test_a_task_whose_join_is_interrupted_is_still_at_work() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split() == ["True", "False", "True", "False"]


async def test_waiting_for_an_event_has_a_limit(colour: Any) -> None:
    event = colour.event()
    begin = time.monotonic()
    assert not await event.wait(0.05)
    assert 0.04 < time.monotonic() - begin < 2
    assert not event.is_set()
    event.set()
    assert await event.wait(0)
    assert await event.wait()


async def test_an_event_set_while_one_waits(colour: Any) -> None:
    event = colour.event()

    async def set_soon() -> None:
        await colour.sleep(0.02)
        event.set()

    task = colour.spawn(set_soon)
    assert await event.wait(5)
    await task.join()


async def test_blocking_calls_leave_the_loop_free() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    ticking = asyncio.create_task(tick())
    assert await _acompat.async_blocking(lambda: time.sleep(0.1) or "done") == "done"
    ticking.cancel()
    assert ticks > 2
    assert _acompat.blocking(divmod, 7, 2) == (3, 1)


async def test_blocking_calls_pass_errors_on() -> None:
    with pytest.raises(ZeroDivisionError):
        await _acompat.async_blocking(divmod, 1, 0)


def test_every_name_is_there_in_both_colours() -> None:
    for name in ("Task", "Event", "Lock", "Cancelled"):
        assert hasattr(_acompat, name) and hasattr(_acompat, f"Async{name}")
    for name in ("sleep", "blocking"):
        assert hasattr(_acompat, name) and hasattr(_acompat, f"async_{name}")
