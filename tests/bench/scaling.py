"""Cost of a message by size of the fleet and by number of rules, each process alone.

Before the measurement every device has sent, and its reorder buffer is full. All fleets have the same number of
messages. In each round every process works through its next slice, one process after the other, so that noise of the
machine changes all figures alike. Processes measure CPU time, so their clocks stand still while others work.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from time import process_time
from typing import Final, NamedTuple, ParamSpec, Protocol, TypeVar

from haulwatch.settings.data_files import judge_state_path, recorder_state_path
from haulwatch.wiring.log import open_segments
from haulwatch.wiring.rules import configured_rules
from haulwatch.wiring.stores import open_store
from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge_record import judge_record
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from tests.bench.environment import BenchEnvironment, BenchInstallation, fresh_process
from tests.bench.fleet import append_messages, city_of, fleet_messages
from tests.bench.judge_alone import new_judge
from tests.bench.measures import Scale
from tests.bench.stages import receive_append

P = ParamSpec("P")
T = TypeVar("T")

RULE_SETS: Final = (1, 5, 20)
"""Numbers of rules, in the smallest fleet. Three rules are for trucks; sets larger than the catalogue repeat it."""
_WARM_UP: Final = 3
"""Messages of every device before the measurement: the third releases the first to judgement, so that all state of the
device exists."""
_MEASURED: Final = 20
"""Messages of each device of the largest fleet in the measurement: with 100,000 devices it contains one whole
checkpoint and two whole compactions, as in operation."""
_ROUNDS: Final = 10
_COLLECTOR_ROUNDS: Final = 3
"""Rounds of the collector, which has neither a backlog nor state of devices."""
_RECORDS_PER_READ: Final = 2_000


class _Snapshot(NamedTuple):
    """A checkpoint's rows with every device in them."""

    cpu_ms: float
    mb: float


@dataclass(frozen=True, slots=True)
class _Fleet:
    """One fleet's installation and load."""

    installation: BenchInstallation
    devices: int
    slice: int
    """Messages in a round."""


def scaling(environment: BenchEnvironment) -> Iterator[Scale]:
    """Yields a row for each fleet with all rules, then a row of the smallest fleet for each set of rules."""
    fleets = environment.sizes.fleets
    messages = max(environment.sizes.scaling_messages, _MEASURED * max(fleets))
    with ExitStack() as running:
        rows = [
            _Row(running, _Fleet(environment.installation(), devices, messages // _ROUNDS), environment.progress)
            for devices in fleets
        ]
        sets = [_Process(running, _Judging, rows[0].fleet, count) for count in RULE_SETS]
        set_us = [0.0 for _ in sets]
        for number in range(_ROUNDS):
            environment.progress(f"round {number + 1} of {_ROUNDS}")
            for row in rows:
                row.work()
            for index, process in enumerate(sets):
                set_us[index] += process.call(_work) / _ROUNDS
        collector_us = [0.0 for _ in fleets]
        for _ in range(_COLLECTOR_ROUNDS):
            for index, devices in enumerate(fleets):
                collector_us[index] += receive_append(environment, devices).cpu_us / _COLLECTOR_ROUNDS
        for row, us in zip(rows, collector_us, strict=True):
            rules = configured_rules(row.fleet.installation.settings).rules
            yield _scale(row, len(rules), us, row.judge_us, row.snapshot)
        for count, us in zip(RULE_SETS, set_us, strict=True):
            yield _scale(rows[0], count, collector_us[0], us, None)


class _Row:
    """A fleet's recorder and judge, each in a process of its own, as in operation: memory that another part used before
    would cost more.
    """

    def __init__(self, running: ExitStack, fleet: _Fleet, progress: Callable[[str], None]) -> None:
        progress(f"warming up {fleet.devices:,} devices")
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
    """The recorder or the judge of a fleet. Every device has sent when it is made."""

    snapshot: _Snapshot

    def work(self) -> float:
        """Work through the next slice. Returns CPU microseconds per message."""

    def close(self) -> None: ...


class _Recording:
    """Records a fleet's messages; also writes them to the raw log."""

    snapshot = _Snapshot(0.0, 0.0)
    """The recorder has none."""

    def __init__(self, fleet: _Fleet) -> None:
        settings, city = fleet.installation.settings, city_of(fleet.devices)
        self._slice = fleet.slice
        self._messages = fleet_messages(fleet.devices)
        self._runner = asyncio.Runner()
        self._log = open_segments(settings)
        self._state = RecorderState(recorder_state_path(settings), clock=process_time)
        self._store = self._runner.run(_make_in_loop(lambda: open_store(settings)))
        self._recorder = Recorder(open_segments(settings), self._store, self._state, lambda: city)
        self._record(_WARM_UP * fleet.devices)

    def work(self) -> float:
        return self._record(self._slice) / self._slice * 1e6

    def _record(self, count: int) -> float:
        append_messages(self._log, self._messages, count)
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
    """Judges the messages that `_Recording` wrote."""

    def __init__(self, fleet: _Fleet, rules: int | None) -> None:
        """`rules`: the number of rules, None for all."""
        settings, warm_up = fleet.installation.settings, _WARM_UP * fleet.devices
        self._slice = fleet.slice
        path = judge_state_path(settings)
        self._state = JudgeState(path.with_stem(f"{path.stem}-{rules or 'all'}"))
        self._judge = judge = new_judge(
            fleet.installation.settings, self._state, city_of(fleet.devices), rules, process_time
        )
        # Not by `step`, which would write checkpoints on the way.
        with closing(open_segments(settings)) as log:
            while judge.offset < warm_up:
                for record in log.read(judge.offset, min(_RECORDS_PER_READ, warm_up - judge.offset)):
                    judge_record(judge.engine, record)
                    judge.skip_to(record.offset)
        began = process_time()
        unsaved_fleet, devices = judge.engine.unsaved()  # of every device
        size = len(unsaved_fleet) + sum(len(row) for _, row in devices)
        self.snapshot = _Snapshot((process_time() - began) * 1000, size / 1e6)
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
        self._pool = running.enter_context(fresh_process())
        self.call(partial(_begin, partial(make, *args, **kwargs)))
        running.callback(self.call, _end)

    def call(self, do: Callable[[], T]) -> T:
        return self._pool.submit(do).result()


_part: list[_Part] = []
"""The part of this process, if `_Process` started it."""


def _begin(make: Callable[[], _Part]) -> None:
    _part.append(make())


def _work() -> float:
    return _part[0].work()


def _snapshot() -> _Snapshot:
    return _part[0].snapshot


def _end() -> None:
    _part.pop().close()


async def _make_in_loop(make: Callable[[], T]) -> T:
    """Make something inside the event loop that will use it."""
    return make()
