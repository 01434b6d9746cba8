"""The bar on a terminal: how many migrations are done, and how far a schema change is.

The rows leave a few columns free on the right: there the terminal echoes ^C, and a line that it
wrapped could not be taken away again.
"""

from __future__ import annotations

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from .console import Console
from .text import cut, one_line

_BAR = 20
_REST = _BAR + len(" 1000/1000 0:00:00") + 6


class Bar:
    """Two rows below the lines: the run, and while there is one, the schema change."""

    def __init__(self, console: Console) -> None:
        self._console = RichConsole(
            file=console.stream,
            force_terminal=True,
            no_color=not console.style.enabled,
            highlight=False,
        )
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_BAR),
            TextColumn("{task.fields[far]}", markup=False, justify="right"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._run: TaskID | None = None
        self._job: TaskID | None = None
        self._progress.start()

    def start(self, label: str, done: int, total: int) -> None:
        """A migration begins."""
        self._no_job()
        label, far = self._cut(label), f"{done}/{total}"
        if self._run is None:
            self._run = self._progress.add_task(label, total=total, completed=done, far=far)
        else:
            self._progress.update(self._run, description=label, completed=done, far=far)

    def advance(self, done: int, total: int) -> None:
        """A migration has ended."""
        self._no_job()
        if self._run is not None:
            self._progress.update(self._run, completed=done, total=total, far=f"{done}/{total}")

    def job(self, job: str, status: str, fraction: float | None, description: str) -> None:
        """A schema change goes on."""
        if self._job is None:
            self._job = self._progress.add_task("", total=1.0, far="")
        self._progress.update(
            self._job,
            description=self._cut(one_line(description) or f"schema change {job}"),
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
            far=status if fraction is None else f"{fraction:.0%}",
        )

    def above(self, text: str) -> None:
        """Write a line above the bar; colours in it are kept."""
        self._console.print(Text.from_ansi(text), soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()

    def _cut(self, text: str) -> str:
        return cut(text, max(self._console.width - _REST, 10))

    def _no_job(self) -> None:
        if self._job is not None:
            self._progress.remove_task(self._job)
            self._job = None
