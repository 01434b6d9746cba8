"""What is done to a process, a server or a job when the moment of a try has come."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

from faults.harness import Try, fault
from faults.imitate import JobScript
from faults.proxy import Call, Seen
from manticore_cockroachdb.errors import ManticoreError

if TYPE_CHECKING:
    from faults.harness_walk import Walk


class Strike:
    """What is done to a process when its moment comes."""

    def __init__(self, walk: Walk, one: Try) -> None:
        self.walk = walk
        self.one = one
        self.struck = False
        self.problem = ""
        self._pid = 0
        self._known = threading.Event()
        self._done = threading.Event()
        self._timer: threading.Timer | None = None
        self._restart: threading.Thread | None = None
        self._hooked = isinstance(getattr(fault(one, print), "what", None), Call)
        self._script: JobScript | None = None
        if one.point == "moment":
            self._timer = threading.Timer(one.number / 1000, self._strike)
        elif one.point == "step":
            self._write_script()

    def begun(self, pid: int) -> None:
        """The run has this pid."""
        self._pid = pid
        self._known.set()
        if self._timer is not None:
            self._timer.start()

    def at_message(self, _: Seen) -> None:
        """Called by the proxy at the message."""
        self._known.wait(10)
        self._strike()

    def wait(self, seconds: float) -> bool:
        """Whether it struck within this time."""
        return self._done.wait(seconds)

    def over(self, *, at_message: bool) -> None:
        """The run has ended: put everything back in order."""
        if at_message and self._hooked:
            self._done.wait(30)
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        if self._restart is not None:
            self._restart.join()
            self.walk.moved()
        if self._script is not None:
            assert self.walk.imitation is not None
            self.struck = self.walk.imitation.jobs.take_script(self._script.match) is None
            self._resume()

    def _strike(self) -> None:
        number = {
            "kill": signal.SIGKILL,
            "kill-random": signal.SIGKILL,
            "sigint": signal.SIGINT,
            "sigterm": signal.SIGTERM,
            "zombie": signal.SIGSTOP,
        }
        try:
            if self.one.kind.startswith("server-kill"):
                self.walk.served.kill()
                self._restart = threading.Thread(target=self._start_server)
                self._restart.start()
                self.struck = True
            elif self.walk.runners.lives(self._pid):
                os.kill(self._pid, number[self.one.kind])
                self.struck = True
        except ProcessLookupError:
            pass  # it was over already
        self._done.set()

    def _start_server(self) -> None:
        try:
            self.walk.served.start()
            self.walk.proxy.lead_to(self.walk.served.url)
        except ManticoreError as error:
            self.problem = f"the server did not start again: {error}"

    def _write_script(self) -> None:
        plan = self.walk.plans[self.one.direction]
        alone = [step for step in plan.steps if not step.atomic]
        sql = plan.step_sql(alone[self.one.number - 1])
        if self.one.kind == "job-failed":
            script = JobScript(sql, seconds=0.05, ends="failed", sqlstate="23505")
        else:
            script = JobScript(sql, seconds=0.05, ends="paused")
        self._script = script
        assert self.walk.imitation is not None
        self.walk.imitation.jobs.script(script)

    def _resume(self) -> None:
        """Do what the error said: resume the job."""
        assert self.walk.imitation is not None
        jobs = self.walk.imitation.jobs
        for job in jobs.all():
            if job.status == "paused":
                jobs.control("RESUME", job.id)
                end = time.monotonic() + 5
                while not jobs[job.id].ended and time.monotonic() < end:
                    time.sleep(0.01)
