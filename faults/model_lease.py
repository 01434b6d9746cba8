"""A model of runners that migrate: lease, token, journal, sessions; explored to the end.

    python -m faults model --of lease                     every state of its settings
    python -m faults model --of lease --without session   without one safeguard: a story

There are two migrations: 1 is a transaction, with a counter for each change that it makes; 2 is a
statement that no transaction covers, such as CREATE INDEX, written around by the journal. Runners
take the lease, carry both out, or roll 1 back, and let the lease go. At each step

* a runner's next message happens and is answered;
* it happens and the answer is lost; it never arrives; or it is on its way, and happens at any
  later time, or never, or until its session is ended;
* a runner dies; its lease expires, whether its holder lives or not.

What a reading of the catalog means (`conclude`) and what an answer's SQLSTATE does (`verdict_of`)
is asked of the product. The order of a runner's messages is that of `runner.async_run`,
`async_commit` (`recover`) and `async_nontransactional`, written down here once more, since those
talk to a server: a change of order there has to be one here, and a difference is not found by this.

In every state each change was made once for each record of it, no run failed that nothing was wrong
with, and the journal says nothing of a migration that is recorded; from every state an undisturbed
run ends well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

from faults.model_story import story
from manticore_cockroachdb.analysis.catalog_probe import Conclusion, Effect, conclude, effect_of
from manticore_cockroachdb.outcome import Verdict, is_division_by_zero, is_duplicate, verdict_of
from manticore_cockroachdb.parser.parse import parse

Safeguard = Literal["fence", "token", "session", "journal"]
SAFEGUARDS: dict[Safeguard, str] = {
    "fence": "a transaction commits whether or not its token is still the lease's",
    "token": "after a lost answer the lease keeps its token",
    "session": "the session of whoever came before is not ended",
    "journal": "a step is sent without saying before that it begins",
}
INDEX: Effect = effect_of(parse("CREATE INDEX CONCURRENTLY i ON t (a)"), cockroachdb=False)
Reading: TypeAlias = tuple[int, int | None, int | None, frozenset[int], bool | None]
"""Token, owner, the session before, history, journal."""
FENCED, THERE, TWICE = "22012", "42P07", "23505"
Goal = Literal["up", "down"]
Phase = Literal[
    "acquire", "end", "read", "work", "statement", "look", "finish", "owner", "release", "over"
]


class Wrong(Exception):
    """A property that does not hold."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is explored: what each runner wants, which migrations there are, whether sessions can
    be ended (a user may lack the right), how often misfortunes strike, what is left out."""

    goals: tuple[Goal, ...] = ("up", "up")
    versions: tuple[int, ...] = (1, 2)
    ends: bool = True
    losses: int = 2
    crashes: int = 1
    expiries: int = 1
    without: Safeguard | None = None

    def __str__(self) -> str:
        names = " and ".join({1: "a transaction", 2: "a step alone"}[v] for v in self.versions)
        text = (
            f"{len(self.goals)} runners ({', '.join(self.goals)}), {names}; {self.losses} lost"
            f" answers, {self.crashes} deaths, {self.expiries} expiries"
        )
        return text if self.ends else f"{text}; no right to end sessions"


@dataclass(frozen=True, slots=True)
class Runner:
    """What one run knows. `started` is its row of the journal, `began` that the step is about to be
    sent; `ends` are sessions to be ended now, and `after` is what comes then."""

    goal: Goal
    session: int
    phase: Phase = "acquire"
    token: int = 0
    ends: tuple[int, ...] = ()
    after: Phase = "work"
    history: frozenset[int] = frozenset()
    started: bool | None = None
    began: bool = False
    recovering: bool = False
    end: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as the server has it: whose, over which session, what, under which token."""

    runner: int
    session: int
    what: str
    token: int


@dataclass(frozen=True, slots=True)
class World:
    """Everything there is. `journal`: None, or what the catalog said when the step began; `made`
    is how often the step took effect, `changed` what the counter of migration 1 says."""

    runners: tuple[Runner | None, ...]
    owner: int | None = None
    session: int | None = None
    previous: int | None = None
    token: int = 0
    expired: bool = False
    history: frozenset[int] = frozenset()
    journal: bool | None = None
    changed: int = 0
    made: int = 0
    ended: frozenset[int] = frozenset()
    late: frozenset[Sent] = frozenset()
    sessions: int = 0
    losses: int = 0
    crashes: int = 0
    expiries: int = 0


def told(there: bool) -> tuple[str | None, ...]:
    """A reading of the catalog, as the product's probes give it."""
    return tuple(("true" if there else "false") for _ in INDEX.probes)


class Explorer:
    """Every state of a setting, each looked at once."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.came: dict[World, tuple[World, str] | None] = {}
        self._well: set[World] = set()
        self.steps = 0

    def first(self) -> World:
        """Before anybody has done anything; who rolls back finds 1 applied."""
        s = self.setting
        runners = tuple(Runner(goal, i) for i, goal in enumerate(s.goals))
        applied = "down" in s.goals
        return World(
            runners,
            history=frozenset({1}) if applied else frozenset(),
            changed=int(applied),
            sessions=len(runners),
            losses=s.losses,
            crashes=s.crashes,
            expiries=s.expiries,
        )

    # --- what a runner sends ---------------------------------------------------------------

    def move(self, runner: Runner) -> str:
        """The next message of a runner; nothing once it is over."""
        s = self.setting
        match runner.phase:
            case "over":
                return ""
            case "work":
                if runner.goal == "down":
                    return "undo" if 1 in runner.history else "release"
                left = [v for v in s.versions if v not in runner.history]
                if not left:
                    return "release"
                if left[0] == 1:
                    return "apply"
                if runner.started is not None and not runner.began:
                    return "look"
                if s.without == "journal" or runner.began:
                    return "statement"
                return "begin"
            case phase:
                return phase

    # --- what the server does --------------------------------------------------------------

    def do(self, world: World, sent: Sent) -> tuple[World, str | None, object]:
        """A message happens: the world after it, an SQLSTATE where it failed, the answer."""
        if sent.session in world.ended:
            return world, None, "gone"
        s = self.setting
        fenced = s.without != "fence" and world.token != sent.token
        reading = (world.token, world.owner, world.previous, world.history, world.journal)
        match sent.what:
            case "owner":
                return world, "", reading
            case "acquire" | "retake":
                if sent.what == "retake" and s.without == "token":
                    return replace(world, session=sent.session), "", reading
                if world.owner not in (None, sent.runner) and not world.expired:
                    return world, "", None
                return self._taken(world, sent)
            case "read":
                return world, "", reading
            case "look":
                return world, "", world.made > 0
            case "apply":
                if fenced or 1 in world.history:
                    return world, FENCED if fenced else TWICE, None
                done = replace(world, history=world.history | {1}, changed=world.changed + 1)
                return done, "", None
            case "undo":
                if fenced:
                    return world, FENCED, None
                done = replace(world, history=world.history - {1}, changed=world.changed - 1)
                return done, "", None
            case "begin":
                if fenced:
                    return world, FENCED, None
                return replace(world, journal=world.made > 0), "", None
            case "statement":
                if world.made:
                    return world, THERE, None
                return replace(world, made=1), "", None
            case "finish":
                if fenced or 2 in world.history:
                    return world, FENCED if fenced else TWICE, None
                return replace(world, history=world.history | {2}, journal=None), "", None
            case "release":
                if world.owner != sent.runner:
                    return world, "", None
                return replace(world, owner=None, session=None, expired=False), "", None
            case what if what.startswith("end "):
                number = int(what.split()[1])
                if not s.ends or s.without == "session":
                    return world, "", None
                late = frozenset(m for m in world.late if m.session != number)
                return replace(world, ended=world.ended | {number}, late=late), "", None
            case what:
                raise AssertionError(what)

    def _taken(self, world: World, sent: Sent) -> tuple[World, str, object]:
        ours = world.owner == sent.runner
        previous = world.previous if ours else world.session
        world = replace(
            world,
            owner=sent.runner,
            session=sent.session,
            previous=previous,
            token=world.token + 1,
            expired=False,
        )
        reading = (world.token, world.owner, previous, world.history, world.journal)
        return world, "", reading

    # --- what a runner makes of an answer --------------------------------------------------

    def message(self, number: int, runner: Runner) -> Sent | None:
        """The next message of a runner as it is sent."""
        what = self.move(runner)
        if not what:
            return None
        if what == "end":
            what = f"end {runner.ends[0]}"
        if what == "acquire" and runner.recovering:
            what = "retake"
        return Sent(number, runner.session, what, runner.token)

    def heard(
        self,
        world: World,
        number: int,
        runner: Runner,
        sent: Sent,
        state: str | None,
        answer: object,
    ) -> World:
        """The world once the runner has heard; `state` None: no answer came."""
        if state is None and verdict_of(None) is Verdict.UNKNOWN:
            return self._lost(world, number, runner)
        assert state is not None
        what = sent.what.split()[0]
        if is_division_by_zero(state):
            return _with(world, number, replace(runner, phase="over", end="lease lost"))
        if is_duplicate(state):
            return self._lost(world, number, runner)
        if state:
            assert verdict_of(state) is Verdict.FAILED
            return _with(world, number, replace(runner, phase="over", end="failed"))
        match what:
            case "acquire" | "retake" if answer is None:
                return world  # somebody else has it; asked again
            case "acquire" | "retake":
                token, _, previous, history, journal = cast(Reading, answer)
                runner = replace(runner, token=token, history=history, started=journal)
                ends = () if previous is None else (previous,)
                if not ends and not runner.recovering:
                    return _with(world, number, replace(runner, phase="work"))
                return _with(world, number, _ending(runner, ends, "read"))
            case "owner":
                token, owner, *_ = cast(Reading, answer)
                if owner != number or token < runner.token:
                    return _with(world, number, replace(runner, phase="over", end="lease lost"))
                return _with(world, number, replace(runner, phase="acquire"))
            case "end":
                return _with(world, number, _ending(runner, runner.ends[1:], runner.after))
            case "read":
                *_, history, journal = cast(Reading, answer)
                runner = replace(runner, history=history, started=journal, recovering=False)
                # What we began ourselves, or a run before us: the catalog is looked at either way.
                return _with(world, number, replace(runner, phase="work", began=False))
            case "look":
                seen = conclude(INDEX, told(bool(runner.started)), told(bool(answer)))
                if seen is Conclusion.DONE:
                    return _with(world, number, replace(runner, phase="finish"))
                return _with(world, number, replace(runner, phase="work", began=True))
            case "apply":
                runner = replace(runner, history=runner.history | {1})
            case "undo":
                runner = replace(runner, history=runner.history - {1})
            case "begin":
                runner = replace(runner, began=True)
            case "statement":
                return _with(world, number, replace(runner, phase="finish"))
            case "finish":
                runner = replace(runner, history=runner.history | {2}, phase="work")
            case _:
                runner = replace(runner, phase="over", end="done")
        return _with(world, number, runner)

    def _lost(self, world: World, number: int, runner: Runner) -> World:
        """A new session; under the lease, `recover` in its order: ours still? a new token, the old
        session's end, what is recorded."""
        if runner.phase == "release":
            return _with(world, number, replace(runner, phase="over", end="done"))
        fresh = world.sessions
        world = replace(world, sessions=fresh + 1)
        lost, runner = runner.session, replace(runner, session=fresh)
        if not runner.recovering and runner.phase in ("end", "read"):
            return _with(world, number, runner)
        # What is lost may still be on its way: a statement, or a taking of the lease, which would
        # move the token and put that session into the lease's row. So it is ended first of all.
        recovering = runner.recovering or runner.token > 0
        runner = replace(runner, recovering=recovering)
        ends = (*(runner.ends if runner.phase == "end" else ()), lost)
        return _with(world, number, _ending(runner, ends, "owner" if recovering else "acquire"))

    # --- every step ------------------------------------------------------------------------

    def explore(self) -> None:
        """Look at everything. Raises `Wrong`, with the story of how it came to it."""
        first = self.first()
        self.came[first] = None
        waiting = deque([first])
        while waiting:
            world = waiting.popleft()
            try:
                self.check(world)
                if self.setting.without is None:
                    self.ends_well(world)
            except Wrong as wrong:
                raise Wrong(self.story(world, str(wrong))) from None
            for said, after in self.next(world):
                self.steps += 1
                after = _tidy(after)
                if after not in self.came:
                    self.came[after] = (world, said)
                    waiting.append(after)

    def next(self, world: World) -> Iterator[tuple[str, World]]:
        """Every step that can be taken, in words, and the world after it."""
        for number, runner in enumerate(world.runners):
            if runner is None or (sent := self.message(number, runner)) is None:
                continue
            who = f"runner {number + 1} {describe(sent)}"
            after, state, answer = self.do(world, sent)
            yield (
                f"{who}: {reply(state, answer)}",
                self.heard(after, number, runner, sent, state, answer),
            )
            writes = sent.what not in ("read", "look", "owner") and sent.session not in world.ended
            if world.losses and sent.session not in world.ended:
                less = replace(world, losses=world.losses - 1)
                lost = self.heard(less, number, runner, sent, None, None)
                yield f"{who}; it never arrives, and no answer comes", lost
                if writes:
                    done = replace(after, losses=world.losses - 1)
                    said = f"{who}: it is done, the answer is lost"
                    yield said, self.heard(done, number, runner, sent, None, None)
                    late = replace(lost, late=lost.late | {sent})
                    yield f"{who}; no answer comes, it is still on its way", late
            if world.crashes:
                dead = _with(replace(world, crashes=world.crashes - 1), number, None)
                yield f"runner {number + 1} dies", dead
                if writes:
                    late = replace(dead, late=dead.late | {sent})
                    yield f"{who}, and dies; the message is still on its way", late
        for sent in world.late:
            rest = replace(world, late=world.late - {sent})
            after, state, answer = self.do(rest, sent)
            said = f"the late message of runner {sent.runner + 1} arrives: it {describe(sent)}"
            yield f"{said}: {reply(state, answer)}", after
        if world.expiries and world.owner is not None and not world.expired:
            less = replace(world, expiries=world.expiries - 1, expired=True)
            yield f"the lease of runner {world.owner + 1} expires", less

    # --- properties ------------------------------------------------------------------------

    def check(self, world: World) -> None:
        """Nothing lost, doubled, falsely recorded or falsely failed. Raises `Wrong`."""
        recorded = int(1 in world.history)
        if world.changed != recorded:
            raise Wrong(
                f"migration 1 took effect {world.changed} times, and its record says {recorded}"
            )
        if 2 in world.history and not world.made:
            raise Wrong("migration 2 is recorded, and its index is not there")
        if 2 in world.history and world.journal is not None:
            raise Wrong("migration 2 is recorded, and the journal says that it has begun")
        for number, runner in enumerate(world.runners, 1):
            if runner is not None and runner.end == "failed":
                raise Wrong(f"runner {number} says that migration 2 failed, and nothing was wrong")

    def ends_well(self, world: World) -> None:
        """Undisturbed, those who are there and a new one reach what they want. Raises `Wrong`."""
        goal: Goal = "down" if "down" in self.setting.goals else "up"
        fresh = Runner(goal, world.sessions)
        quiet = replace(world, late=frozenset(), losses=0, crashes=0, expiries=0)
        quiet = replace(quiet, runners=(*quiet.runners, fresh), sessions=world.sessions + 1)
        seen: list[World] = []
        for _ in range(500):
            key = _tidy(quiet)
            if key in self._well:
                break
            seen.append(key)
            before = quiet = _abandoned(quiet)
            for number, runner in enumerate(quiet.runners):
                if runner is None or (sent := self.message(number, runner)) is None:
                    continue
                after, state, answer = self.do(quiet, sent)
                quiet = self.heard(after, number, runner, sent, state, answer)
                self.check(quiet)
            if quiet == before:
                break
        expected = frozenset() if goal == "down" else frozenset(self.setting.versions)
        if _tidy(quiet) not in self._well and quiet.history != expected:
            raise Wrong("an undisturbed run from here does not end with everything done")
        self._well.update(seen)

    def story(self, world: World, wrong: str) -> str:
        """How it came to a state, step by step."""
        return story(self.came, world, wrong)


def _with(world: World, number: int, runner: Runner | None) -> World:
    runners = list(world.runners)
    runners[number] = runner
    return replace(world, runners=tuple(runners))


def _ending(runner: Runner, ends: tuple[int, ...], then: Phase) -> Runner:
    """End these sessions, one after another, and go on."""
    if not ends:
        return replace(runner, phase=then, ends=())
    return replace(runner, phase="end", ends=ends, after=then)


def _abandoned(world: World) -> World:
    """The same world once the lease has expired of a runner that is gone without letting it go."""
    holder = None if world.owner is None else world.runners[world.owner]
    if world.owner is not None and (holder is None or holder.phase == "over"):
        return replace(world, expired=True)
    return world


def _tidy(world: World) -> World:
    """The same world with sessions numbered anew, so that worlds alike are one; those that nobody
    speaks of are left out."""
    used: dict[int, int] = {}

    def name(session: int | None) -> int | None:
        if session is None:
            return None
        return used.setdefault(session, len(used))

    runners = tuple(
        None
        if r is None
        else replace(
            r,
            session=name(r.session) or 0,
            ends=tuple(name(n) or 0 for n in r.ends),
        )
        for r in world.runners
    )
    held, previous = name(world.session), name(world.previous)
    order = sorted(world.late, key=lambda m: (m.runner, m.what, m.token, m.session))
    late = frozenset(replace(m, session=name(m.session) or 0) for m in order)
    ended = frozenset(used[n] for n in world.ended if n in used)
    return replace(
        world,
        runners=runners,
        session=held,
        previous=previous,
        late=late,
        ended=ended,
        sessions=len(used),
    )


# --- words ---------------------------------------------------------------------------------------

_SAID = {
    "acquire": "takes the lease",
    "retake": "takes the lease anew",
    "owner": "asks who has the lease",
    "read": "reads history and journal",
    "look": "looks at the catalog",
    "apply": "applies and records migration 1",
    "undo": "takes migration 1 back, with its record",
    "begin": "notes in the journal that migration 2 begins",
    "statement": "sends the statement of migration 2",
    "finish": "records migration 2",
    "release": "lets the lease go",
}


def describe(sent: Sent) -> str:
    """A message in words."""
    if sent.what.startswith("end "):
        return "ends the session of before"
    return f"{_SAID[sent.what]} (token {sent.token})" if sent.token else _SAID[sent.what]


def reply(state: str | None, answer: object) -> str:
    """An answer in words."""
    if state is None:
        return "its session has been ended"
    if state:
        return {FENCED: "the fence falls", TWICE: "recorded already", THERE: "it is there"}[state]
    if isinstance(answer, tuple):
        token, owner, _, history, journal = answer
        holder = "nobody" if owner is None else f"runner {owner + 1}"
        begun = "" if journal is None else ", 2 has begun"
        return f"token {token} of {holder}; recorded: {sorted(history) or 'nothing'}{begun}"
    if isinstance(answer, bool):
        return "there" if answer else "not there"
    return "done"


SETTINGS = (
    Setting(losses=2, crashes=1, expiries=1),
    Setting(losses=1, crashes=2, expiries=1, versions=(2,)),
    Setting(("down", "down"), (1,), ends=False, losses=2, crashes=1, expiries=1),
    Setting(("up", "up"), (1,), ends=False, losses=2, crashes=1, expiries=1),
    Setting(("up", "up", "up"), (2,), losses=1, crashes=1, expiries=1),
)
"""What the command explores."""

SMALL = (
    Setting(losses=1, crashes=1, expiries=1, versions=(2,)),
    Setting(("down", "down"), (1,), ends=False, losses=1, crashes=1, expiries=1),
)
"""What the tests explore; each safeguard is missed in one of them."""
