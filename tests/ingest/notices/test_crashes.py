"""The process dies at any line of notices: nobody is told twice, nobody is forgotten.

Between two commits, requests and moves of the publisher's position nothing outlives the process, so lines between two
of these are the same to die at: the story is killed at the first and at the last line of each stretch. A kill is an
exception that nothing catches; then all begins anew on the same files. One test kills a real process.
"""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event

import ingest.alerts
import ingest.notices
from rules.alerts.model import Amendment, Phase
from tests import ROOT
from tests.ingest.notices.night import MINUTE, Clock, Night
from tests.ingest.notices.services import Program, WeCom, served
from tests.waiting import PATIENCE_S

FOLDERS = tuple(str(Path(package.__path__[0])) for package in (ingest.notices, ingest.alerts))
REPEAT = "【重发，可能与通知"


class Killed(BaseException):
    """The process is dead."""


class Done(NamedTuple):
    """What outlives the process."""

    commits: int
    moves: int
    """Of the publisher's position."""
    requests: int


@contextmanager
def watched(at_line: Callable[[], None]) -> Iterator[None]:
    """Call `at_line` before each line of notices and of the publisher, in all threads."""

    def trace(frame: FrameType, kind: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(FOLDERS):
            return None
        if kind == "line":
            at_line()
        return trace

    before = sys.gettrace()
    threading.settrace(trace)
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        threading.settrace(before)


def count_commits(night: Night) -> Callable[[], int]:
    """Counts the transactions that wrote something."""
    wrote: set[int] = set()
    commits: list[int] = []

    def execute(connection: Any, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            wrote.add(id(connection))

    def commit(connection: Any) -> None:
        if id(connection) in wrote:
            wrote.discard(id(connection))
            commits.append(1)

    event.listen(night.engine, "before_cursor_execute", execute)
    event.listen(night.engine, "commit", commit)
    return lambda: len(commits)


def rules_for(wecom: str, program: str, unconfirmed: str = "repeat") -> str:
    return f"""
people: {{li: {{name: Li, wecom: li}}, boss: {{name: Boss, wecom: boss}}}}
channels:
  group: {{kind: wecom, key: WECOM, server: '{wecom}', unconfirmed: {unconfirmed}}}
  hook: {{kind: webhook, url: '{program}/x', sign: HOOK}}
rules:
  - name: all
    steps:
      - {{by: [group, hook], tell: {{people: [li]}}}}
      - {{after_min: 5, by: [group], tell: {{people: [boss]}}}}
"""


async def story(night: Night) -> None:
    """An alert that nobody acknowledges, and that is taken back after the second step. What was recorded before a kill
    is recorded once.
    """
    night.alert(at=1, opened_at=1)
    await night.pass_minutes(6, steps=1)
    await night.pass_minutes(6, steps=1)
    night.alert(revision=2, phase=Phase.AMENDED, amendment=Amendment.RETRACTED, at=2, opened_at=1, closed_at=2)
    await night.pass_minutes(2, steps=1)


WANTED = ["【P1】倾倒 a @li", "【P1】无人确认：倾倒 a @boss", "【P1】撤回：倾倒 a @boss,li"]


def heard(wecom: WeCom) -> list[str]:
    """What the group was told, and who was mentioned."""
    contents = [(request.json["text"]["content"], request.json["text"]["mentioned_list"]) for request in wecom.taken]
    return [f"{text.splitlines()[0]} @{','.join(names)}" for text, names in contents]


class Run:
    """The story with at most one kill, and the restart after it."""

    def __init__(self, folder: Path, unconfirmed: str = "repeat") -> None:
        self.folder, self.unconfirmed, self.done = folder, unconfirmed, list[Done]()
        folder.mkdir()

    def until(self, line: int | None = None) -> "Run":
        """Run the story, killed before the line of that number, then again to its end."""
        clock = Clock()
        with served(WeCom(clock)) as wecom, served(Program(clock)) as program:
            assert isinstance(wecom, WeCom)
            assert isinstance(program, Program)
            self.wecom, self.program = wecom, program
            rules = rules_for(wecom.url, program.url, self.unconfirmed)
            night = Night(self.folder, clock, rules)
            commits = count_commits(night)

            def at_line() -> None:
                requests = len(wecom.requests) + len(program.requests)
                if len(self.done) == line:
                    raise Killed
                self.done.append(Done(commits(), night.cursors._db.total_changes, requests))

            try:
                with watched(at_line):
                    asyncio.run(story(night))
            except Killed:
                night.close()
                clock.now += 2 * MINUTE  # an attempt in which a process died is known by its age
                night = Night(self.folder, clock, rules)
                asyncio.run(story(night))
                asyncio.run(night.pass_minutes(4, steps=4))
            night.close()
        return self


def places_to_die(done: list[Done]) -> list[int]:
    """The last line of each stretch between two things that outlive the process."""
    return [max(stretch) for _, stretch in groupby(range(len(done)), key=lambda number: done[number])]


@pytest.mark.long
def test_nobody_is_told_twice_and_nobody_is_forgotten_wherever_the_process_dies(tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole").until()
    assert heard(whole.wecom) == WANTED
    assert len(whole.program.ids) == 2
    places = places_to_die(whole.done)
    assert len(places) > 20
    repeats = 0
    for place in places:
        run = Run(tmp_path / str(place)).until(place)
        told = heard(run.wecom)
        first = [line for line in told if not line.startswith(REPEAT)]
        again = [line.partition("】")[2] for line in told if line.startswith(REPEAT)]
        assert len(set(first)) == len(first), f"told twice: killed before line {place}"
        assert {*first, *again} == set(WANTED), f"forgotten: killed before line {place}"
        assert len(again) <= 1
        assert len(run.program.ids) == 2, f"killed before line {place}"
        repeats += len(again)
    # Only a kill between "sending" and what came of it leads to a repeat, which says so: there are three such attempts,
    # each with a stretch before the request and one after it.
    assert repeats == 6


def test_where_the_rules_say_hold_no_kill_tells_a_group_twice(tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole", "hold").until()
    taken = next(number for number, done in enumerate(whole.done) if done.requests == 1)
    run = Run(tmp_path / "killed", "hold").until(taken)
    assert heard(run.wecom) == WANTED


CHILD = """
import asyncio, sys
from pathlib import Path
from tests.ingest.notices.night import Clock, Night
from tests.ingest.notices.test_crashes import rules_for, story
asyncio.run(story(Night(Path(sys.argv[1]), Clock(), rules_for(sys.argv[2], sys.argv[3]))))
"""


@pytest.mark.long
@pytest.mark.parametrize("dies_at", ["wecom", "program"])
def test_a_process_that_is_killed_while_a_service_answers(dies_at: str, tmp_path: Path) -> None:
    clock = Clock()
    with served(WeCom(clock)) as wecom, served(Program(clock)) as program:
        assert isinstance(wecom, WeCom)
        assert isinstance(program, Program)
        clock.now += 6 * MINUTE  # by which the child's clock is ahead when it sends
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), wecom.url, program.url], cwd=ROOT)
        service = wecom if dies_at == "wecom" else program
        service.on_taken = child.kill
        assert child.wait(PATIENCE_S) == -signal.SIGKILL
        service.on_taken = lambda: None
        assert len(service.taken) == 1
        clock.now += 20 * MINUTE
        night = Night(tmp_path, clock, rules_for(wecom.url, program.url))
        asyncio.run(story(night))
        asyncio.run(night.pass_minutes(4, steps=4))
        night.close()
    told = heard(wecom)
    assert told[0] == WANTED[0]
    assert [line for line in told if line.startswith(REPEAT)] == (
        [f"{REPEAT} 1 重复】{WANTED[0]}"] if dies_at == "wecom" else []
    )
    assert [line for line in told if not line.startswith(REPEAT)] == WANTED
    assert len(program.ids) == 2
