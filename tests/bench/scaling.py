"""What a message costs in fleets of any size, and under how many rules.

Every device is known, and its lane full, before the measurement. All fleets have as many messages, which the processes
of each work off in slices, one process after the other, round by round: what a minute's noise adds, it adds to all.
Their clocks stand still while others work.
"""

import asyncio
import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from time import process_time
from typing import Final, NamedTuple, ParamSpec, Protocol, TypeVar

from haulwatch.settings.data_files import judge_state_path, recorder_state_path
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.rules import configured_rules
from haulwatch.wiring.stores import open_store
from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge import judge_record
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from tests.bench.fleet import city_of, fill, said
from tests.bench.measures import Scale
from tests.bench.stages import new_judge, receive_append
from tests.bench.terrain import BenchEnvironment, Installation

P = ParamSpec("P")
T = TypeVar("T")

RULE_SETS: Final = (1, 5, 20)
"""Of the smallest fleet. There are four rules, of which three ask trucks: in larger sets they come again."""
_KNOWN: Final = 3
"""Messages of every device before the measurement: the third lets the first go to judgement, and all is known of it."""
_SPOKEN: Final = 20
"""Messages of each device of the largest fleet in the measurement: of 100,000 devices one whole checkpoint and two
whole postings are in it, as in life."""
_ROUNDS: Final = 10
_COLLECTIONS: Final = 3
"""Rounds of the collector, which has no backlog and no past."""
_PAGE: Final = 2_000


class _Snapshot(NamedTuple):
    """A checkpoint's rows with every device in them."""

    cpu_ms: float
    mb: float


@dataclass(frozen=True, slots=True)
class _Fleet:
    """What is to be recorded and judged."""

    installation: Installation
    devices: int
    slice: int
    """Messages a round."""


def scaling(ground: BenchEnvironment) -> Iterator[Scale]:
    """A row for each fleet with all rules, then one of the smallest for each set of rules."""
    fleets = ground.sizes.fleets
    messages = max(ground.sizes.scaling_messages, _SPOKEN * max(fleets))
    with ExitStack() as running:
        rows = [
            _Row(running, _Fleet(ground.installation(), devices, messages // _ROUNDS), ground.say) for devices in fleets
        ]
        sets = [_Process(running, _Judging, rows[0].fleet, count) for count in RULE_SETS]
        set_us = [0.0 for _ in sets]
        for number in range(_ROUNDS):
            ground.say(f"round {number + 1} of {_ROUNDS}")
            for row in rows:
                row.work()
            for place, one in enumerate(sets):
                set_us[place] += one.call(_work) / _ROUNDS
        collector_us = [0.0 for _ in fleets]
        for _ in range(_COLLECTIONS):
            for place, devices in enumerate(fleets):
                collector_us[place] += receive_append(ground, devices).cpu_us / _COLLECTIONS
        for row, us in zip(rows, collector_us, strict=True):
            yield _scale(row, len(configured_rules(row.fleet.installation.settings)), us, row.judge_us, row.snapshot)
        for count, us in zip(RULE_SETS, set_us, strict=True):
            yield _scale(rows[0], count, collector_us[0], us, None)


class _Row:
    """A fleet's recorder and judge at work. Each is a process of its own, as in life: memory that another part has used
    before costs more.
    """

    def __init__(self, running: ExitStack, fleet: _Fleet, say: Callable[[str], None]) -> None:
        say(f"{fleet.devices:,} devices make themselves known")
        self.fleet = fleet
        self._recorder = _Process(running, _Recording, fleet)
        self._judge = _Process(running, _Judging, fleet, None)
        self.snapshot = self._judge.call(_snapshot)
        self.recorder_us = self.judge_us = 0.0

    def work(self) -> None:
        self.recorder_us += self._recorder.call(_work) / _ROUNDS
        self.judge_us += self._judge.call(_work) / _ROUNDS


def _scale(row: _Row, rules: int, collector_us: float, judge_us: float, snapshot: _Snapshot | None) -> Scale:
    return Scale(
        devices=row.fleet.devices,
        rules=rules,
        cpu_us=round(collector_us + row.recorder_us + judge_us, 1),
        collector_cpu_us=round(collector_us, 1),
        recorder_cpu_us=round(row.recorder_us, 1),
        judge_cpu_us=round(judge_us, 1),
        snapshot_ms=round(snapshot.cpu_ms, 1) if snapshot else None,
        snapshot_mb=round(snapshot.mb, 2) if snapshot else None,
    )


class _Part(Protocol):
    """Knows every device when it is made."""

    snapshot: _Snapshot

    def work(self) -> float:
        """CPU microseconds a message of the next slice."""

    def close(self) -> None: ...


class _Recording:
    """Writes the raw log, too."""

    snapshot = _Snapshot(0.0, 0.0)
    """The recorder makes none."""

    def __init__(self, fleet: _Fleet) -> None:
        settings, city = fleet.installation.settings, city_of(fleet.devices)
        self._slice = fleet.slice
        self._speech = said(fleet.devices)
        self._runner = asyncio.Runner()
        self._log = open_raw_log(settings)
        self._state = RecorderState(recorder_state_path(settings))
        self._store = self._runner.run(_made(lambda: open_store(settings)))
        self._recorder = Recorder(
            open_raw_log(settings), self._store, self._state, lambda: city, monotonic=process_time
        )
        self._record(_KNOWN * fleet.devices)

    def work(self) -> float:
        return self._record(self._slice) / self._slice * 1e6

    def _record(self, count: int) -> float:
        fill(self._log, self._speech, count)
        began = process_time()
        self._runner.run(self._drain())
        return process_time() - began

    async def _drain(self) -> None:
        while await self._recorder.step():
            pass

    def close(self) -> None:
        self._runner.run(self._store.close())
        self._runner.close()
        self._state.close()
        self._log.close()


class _Judging:
    def __init__(self, fleet: _Fleet, rules: int | None) -> None:
        """`rules`: how many, None for all there are."""
        settings, known = fleet.installation.settings, _KNOWN * fleet.devices
        self._slice = fleet.slice
        path = judge_state_path(settings)
        self._state = JudgeState(path.with_stem(f"{path.stem}-{rules or 'all'}"))
        self._judge = judge = new_judge(fleet.installation, self._state, city_of(fleet.devices), rules, process_time)
        # Not through `step`, which would write checkpoints all the way.
        with closing(open_raw_log(settings)) as log:
            while judge.offset < known:
                for record in log.read(judge.offset, min(_PAGE, known - judge.offset)):
                    judge_record(judge.engine, record)
                    judge.pass_over(record.offset)
        began = process_time()
        unsaved_fleet, devices = judge.engine.unsaved()  # of every device, this once
        written = len(unsaved_fleet) + sum(len(row) for _, row in devices)
        self.snapshot = _Snapshot((process_time() - began) * 1000, written / 1e6)
        judge.checkpoint()

    def work(self) -> float:
        began = process_time()
        while self._judge.step():
            pass
        return (process_time() - began) / self._slice * 1e6

    def close(self) -> None:
        self._state.close()


class _Process:
    """A part in a process of its own."""

    def __init__(self, running: ExitStack, make: Callable[P, _Part], *args: P.args, **kwargs: P.kwargs) -> None:
        pool = ProcessPoolExecutor(1, get_context("spawn"), gc.set_threshold, gc.get_threshold())
        self._pool = running.enter_context(pool)
        self.call(partial(_begin, partial(make, *args, **kwargs)))
        running.callback(self.call, _end)

    def call(self, do: Callable[[], T]) -> T:
        return self._pool.submit(do).result()


_at_work: list[_Part] = []
"""In the part's process: the part."""


def _begin(make: Callable[[], _Part]) -> None:
    _at_work.append(make())


def _work() -> float:
    return _at_work[0].work()


def _snapshot() -> _Snapshot:
    return _at_work[0].snapshot


def _end() -> None:
    _at_work.pop().close()


async def _made(make: Callable[[], T]) -> T:
    """Inside the loop that it will be used in."""
    return make()
