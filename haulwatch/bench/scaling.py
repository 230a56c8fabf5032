"""What a message costs in fleets of any size. Every device is known, and its lane full, before the measurement."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Concatenate, Final, NamedTuple, ParamSpec, TypeVar

from haulwatch import wiring
from haulwatch.bench.fleet import city_of, fill, said
from haulwatch.bench.ground import Ground, Installation
from haulwatch.bench.measures import Scale
from haulwatch.bench.stages import new_judge, receive_append
from ingest.judge import judge_record
from ingest.judge_state import JudgeState
from ingest.recorder import Recorder
from ingest.recorder_state import RecorderState

P = ParamSpec("P")
T = TypeVar("T")

RULE_SETS: Final = (("route_deviation",), None)
"""One rule, and all there are. Sets of 5 and 20 would have to be made up."""
_ROUNDS: Final = 3
"""Messages of every device before the measurement: the third lets the first go to judgement, and all is known of it."""
_SPOKEN: Final = 12
"""Messages of each device in the measurement at least: two minutes of a fleet that reports every 10 s. The judge writes
its checkpoint and the recorder posts its daybook meanwhile, so their rows are shared by as many messages as in life."""
_PAGE: Final = 2_000


class Judged(NamedTuple):
    """Of one rule set."""

    rules: int
    cpu_us: float
    snapshot_ms: float
    snapshot_mb: float


@dataclass(frozen=True, slots=True)
class _Backlog:
    """What is to be recorded and judged. Each is done in a process of its own, as in life: memory that another part has
    used before costs more.
    """

    installation: Installation
    devices: int
    known: int
    """Messages until all is known of every device."""
    messages: int
    """Those that are measured."""


def scaling(ground: Ground) -> Iterator[Scale]:
    """A row for each fleet and rule set, as they are measured."""
    for devices in ground.sizes.fleets:
        ground.say(f"{devices:,} devices")
        messages = max(ground.sizes.scaling_messages, _SPOKEN * devices)
        backlog = _Backlog(ground.installation(), devices, _ROUNDS * devices, messages)
        collector_us = receive_append(ground, devices).cpu_us
        recorder_us = _alone(_recorded_us, backlog)
        for names in RULE_SETS:
            judged = _alone(_judged, backlog, None if names is None else frozenset(names))
            yield Scale(
                devices=devices,
                rules=judged.rules,
                cpu_us=round(collector_us + recorder_us + judged.cpu_us, 1),
                collector_cpu_us=collector_us,
                recorder_cpu_us=round(recorder_us, 1),
                judge_cpu_us=round(judged.cpu_us, 1),
                snapshot_ms=round(judged.snapshot_ms, 1),
                snapshot_mb=round(judged.snapshot_mb, 2),
            )


def _alone(measure: Callable[Concatenate[_Backlog, P], T], backlog: _Backlog, *args: P.args, **kwargs: P.kwargs) -> T:
    with ProcessPoolExecutor(1, get_context("spawn"), gc.set_threshold, gc.get_threshold()) as process:
        return process.submit(measure, backlog, *args, **kwargs).result()


def _recorded_us(backlog: _Backlog) -> float:
    """CPU microseconds per message; writes the raw log, too."""
    return asyncio.run(_record(backlog))


async def _record(backlog: _Backlog) -> float:
    settings, city, speech = backlog.installation.settings, city_of(backlog.devices), said(backlog.devices)
    store = wiring.store(settings)
    try:
        with (
            closing(RecorderState(wiring.recorder_state_path(settings))) as state,
            closing(wiring.raw_log(settings)) as log,
        ):
            recorder = Recorder(wiring.raw_log(settings), store, state, lambda: city)
            cpu_s = 0.0
            for count in (backlog.known, backlog.messages):
                fill(log, speech, count)
                cpu_s = time.process_time()
                while await recorder.step():
                    pass
            return (time.process_time() - cpu_s) / backlog.messages * 1e6
    finally:
        await store.close()


def _judged(backlog: _Backlog, only: frozenset[str] | None) -> Judged:
    installation, known, city = backlog.installation, backlog.known, city_of(backlog.devices)
    path = wiring.judge_state_path(installation.settings)
    path.unlink(missing_ok=True)
    with closing(JudgeState(path)) as state, closing(wiring.raw_log(installation.settings)) as log:
        judge = new_judge(installation, state, city, only)
        # Not through `step`, which would write checkpoints all the way.
        while judge.offset < known:
            for record in log.read(judge.offset, min(_PAGE, known - judge.offset)):
                judge_record(judge.engine, record)
                judge.pass_over(record.offset)
        cpu_s = time.process_time()
        fleet, devices = judge.engine.unsaved()  # of every device, this once
        snapshot_bytes = len(fleet) + sum(len(row) for _, row in devices)
        snapshot_s = time.process_time() - cpu_s
        judge.checkpoint()
        cpu_s = time.process_time()
        while judge.step():
            pass
        judging_s = time.process_time() - cpu_s
    return Judged(
        rules=len(only) if only is not None else len(wiring.rules(installation.settings)),
        cpu_us=judging_s / backlog.messages * 1e6,
        snapshot_ms=snapshot_s * 1000,
        snapshot_mb=snapshot_bytes / 1e6,
    )
