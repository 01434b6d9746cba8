"""What a worker does next, and what it makes of an answer: a machine without input or output.

`decide` gives the next move of a worker, `heard` the worker after the answer to it. The shell
(`async_worker`) makes the moves on a server; `faults.model` makes them on a model of one, in every
order that there is, with crashes, lost answers and late writes between them.

Three rules keep a batch from being lost or done twice, and each is one line here:

* a cursor is only moved together with the batch before it, by who holds the token (`Batch`);
* an answer that did not come, or that says something else than success, is never guessed at: the
  token is raised, so that what may still be on its way fails, and the cursor is read (`Reclaim`);
* nothing is complete before every range is done and no failed row is left (`Complete`, which asks
  the tables and not the worker).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from ..migrations.backfill import Batching
from .keys import Key
from .sizing import first_size, halved, next_size, next_time

PATIENCE = 10
"""How often in a row a batch of one row may meet others before a worker gives up."""


GAVE_UP = "gave up"
"""Why a worker ends that can do nothing more; other ends are states, see `Wish`."""


class Wish(StrEnum):
    """What people want of a backfill, and so what its workers do: the column `state`."""

    REGISTERED = "registered"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FAILED = "failed"
    COMPLETE = "complete"


OPEN = (Wish.REGISTERED, Wish.RUNNING)
"""Somebody may work on it."""
AGAIN = (*OPEN, Wish.FAILED)
"""It goes on when somebody runs it."""
STOPPED = (Wish.PAUSED, Wish.FAILED, Wish.CANCELLED)
"""Nobody does, until it is resumed."""


class Trouble(StrEnum):
    """Why a move had no success."""

    LOST = "lost"
    """No answer: it may have happened, now or later."""
    MET = "met"
    """It met somebody else, or took too long; nothing happened, and less of it may do."""
    ROW = "row"
    """A row cannot be changed as the statement wants, or the range is no longer ours; nothing
    happened."""
    FATAL = "fatal"
    """Nothing happened, and it would fail for any row."""


# --- moves ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Take:
    """Take a range that nobody holds, that is ours already, or whose holder is gone."""


@dataclass(frozen=True, slots=True)
class Look:
    """Find the key at which the next batch ends."""

    rows: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Change the rows up to `upto` (None: all that are left) and move the cursor there, in one
    transaction; then look for the end of a batch of `then` rows.

    `skip`: its only row cannot be changed; note that instead, and go past it.
    """

    upto: Key | None
    rows: int
    then: int
    skip: bool = False


@dataclass(frozen=True, slots=True)
class Reclaim:
    """Raise the token of the range that we held, if it is still ours, and read its cursor."""


@dataclass(frozen=True, slots=True)
class Divide:
    """Give away about half of what is left of the range behind the next batch, if that is worth
    while."""


@dataclass(frozen=True, slots=True)
class Release:
    """Let others have the range."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Say that all is done, if the tables say so too."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Others hold what is left; `ask` them to give half of it away."""

    ask: bool = True


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing is left to do for this worker."""

    why: str


Move: TypeAlias = Take | Look | Batch | Reclaim | Divide | Release | Complete | Wait | Stop

# --- answers -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """A range that we hold: what is after `cursor`, up to and with `hi`, is left of it."""

    id: int
    token: int
    cursor: Key | None
    hi: Key | None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Ahead:
    """The end of the next batch and its rows; `upto` None: none is left before the range's end."""

    upto: Key | None
    rows: int


@dataclass(frozen=True, slots=True)
class Told:
    """What is said with each answer: what people want, and how many workers have nothing to do."""

    wish: Wish = Wish.RUNNING
    idle: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """`held` None: nothing is free; `open` ranges are not done, and others hold them."""

    held: Held | None
    open: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to `Look`."""

    ahead: Ahead
    told: Told


@dataclass(frozen=True, slots=True)
class Committed:
    """The batch and its cursor are there; `ahead` as after `Look`, None where nobody looked.
    `open` ranges were not done after the last batch of one. `waited`: somebody else waited for a
    row of it. `share`: the part of its time that the next batch may take, less than all of it while
    others are at work on the database."""

    ahead: Ahead | None
    seconds: float
    told: Told = Told()
    open: int | None = None
    waited: bool = False
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Divided:
    """The range ends at `hi` now; None: it could not be divided."""

    hi: Key | None


@dataclass(frozen=True, slots=True)
class Settled:
    """The answer to `Complete`: what the tables say. `left` failed rows have to be settled."""

    wish: Wish
    open: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Rested:
    """The answer to `Wait` and `Release`."""

    told: Told = Told()


@dataclass(frozen=True, slots=True)
class Stumbled:
    """A move without success."""

    trouble: Trouble


Answer: TypeAlias = Taken | Found | Committed | Divided | Settled | Rested | Stumbled

# --- the worker ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker knows.

    `doubt`: something is not as it was, or may not be, and only the tables know. `bad` is the key
    of a row that failed alone. `met` counts batches of one row in a row that met somebody. `others`
    is how many ranges others hold, None before that was asked. `time` is how long a batch may take
    now, in seconds.
    """

    batching: Batching
    size: int = 0
    held: Held | None = None
    ahead: Ahead | None = None
    doubt: bool = False
    bad: Key | None = None
    met: int = 0
    told: Told = Told()
    others: int | None = None
    asked: bool = False
    divided: bool = False
    time: float = 0.0
    end: str = ""


def start(batching: Batching) -> Worker:
    """A worker that knows nothing yet."""
    return Worker(batching, first_size(batching), time=batching.time)


def decide(worker: Worker) -> Move:
    """What the worker does next."""
    if worker.end:
        return Stop(worker.end)
    if worker.doubt:
        return Reclaim()
    if worker.told.wish is not Wish.RUNNING:
        return Release() if worker.held is not None else Stop(worker.told.wish)
    if worker.held is None:
        if worker.others is None:
            return Take()
        return Wait(ask=not worker.asked) if worker.others else Complete()
    if worker.ahead is None:
        return Look(worker.size)
    if worker.told.idle and not worker.divided and worker.ahead.upto is not None:
        return Divide()
    upto, rows = worker.ahead.upto, worker.ahead.rows
    skip = rows == 1 and upto is not None and upto == worker.bad
    return Batch(upto, rows, worker.size, skip=skip)


def heard(worker: Worker, move: Move, answer: Answer) -> Worker:
    """The worker after the answer to a move."""
    match answer:
        case Stumbled(trouble=trouble):
            return _stumbled(worker, move, trouble)
        case Taken(held=None, open=left):
            lost = isinstance(move, Reclaim)  # then there may be others to take
            others = None if lost else left
            return replace(worker, held=None, ahead=None, doubt=False, bad=None, others=others)
        case Taken(held=held):
            assert held is not None
            if isinstance(move, Reclaim):
                # A row is to blame for a failure only if the fence was not: nobody but we just now
                # has raised the token since.
                ours = worker.held is not None and held.token == worker.held.token + 1
                bad = worker.bad if ours else None
                return replace(worker, held=held, ahead=None, doubt=False, bad=bad)
            worker = replace(worker, held=held, ahead=None, doubt=False)
            size = _size(worker, held)
            return replace(worker, size=size, bad=None, asked=False, divided=False)
        case Found(ahead=ahead, told=told):
            return replace(worker, ahead=ahead, told=told)
        case Committed():
            return _committed(worker, move, answer)
        case Divided(hi=None):
            return replace(worker, divided=True)
        case Divided(hi=hi):
            return _divided(worker, hi)
        case Settled(open=left) if left:
            return replace(worker, others=None)
        case Settled(wish=wish):
            return replace(worker, told=Told(wish), end=wish.value)
        case Rested(told=told):
            asked = worker.asked or isinstance(move, Wait)
            return replace(worker, held=None, ahead=None, others=None, told=told, asked=asked)


def _divided(worker: Worker, hi: Key | None) -> Worker:
    assert worker.held is not None
    return replace(worker, held=replace(worker.held, hi=hi), ahead=None)


def _size(worker: Worker, held: Held) -> int:
    """Go on with the size that the range had, where somebody has worked on it."""
    known = held.size or worker.size
    return min(max(known, worker.batching.smallest), worker.batching.largest)


def _committed(worker: Worker, move: Move, answer: Committed) -> Worker:
    held = worker.held
    assert isinstance(move, Batch) and held is not None
    time = next_time(worker.time, answer.waited, worker.batching, share=answer.share)
    worker = replace(worker, told=answer.told, met=0, bad=None, time=time)
    if move.upto is None:  # that was the rest of the range
        others = 0 if answer.open == 0 else None  # some that are open may be free
        return replace(worker, held=None, ahead=None, others=others)
    size = worker.batching.smallest
    if not move.skip:
        size = next_size(move.rows, answer.seconds, time, worker.batching)
    held = replace(held, cursor=move.upto)
    return replace(worker, held=held, ahead=answer.ahead, size=size)


def _stumbled(worker: Worker, move: Move, trouble: Trouble) -> Worker:
    """What we hold is read again; the next batch is smaller where its size was to blame."""
    doubt = worker.held is not None
    if trouble is Trouble.FATAL:
        return replace(worker, end=GAVE_UP)
    if trouble is Trouble.LOST or not isinstance(move, Batch | Look):
        return replace(worker, doubt=doubt, ahead=None)
    rows = worker.size if worker.ahead is None else worker.ahead.rows
    if isinstance(move, Look) and trouble is Trouble.ROW:
        return replace(worker, end=GAVE_UP)  # the condition of -- @where fails for a row
    if rows > 1:
        return replace(worker, doubt=doubt, ahead=None, size=halved(rows))
    met = worker.met + 1
    bad = worker.bad
    if isinstance(move, Batch) and (trouble is Trouble.ROW or met > PATIENCE):
        bad = move.upto
    if met > 2 * PATIENCE:
        return replace(worker, end=GAVE_UP)
    return replace(worker, doubt=doubt, ahead=None, size=1, met=met, bad=bad)
