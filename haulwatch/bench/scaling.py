"""What a message costs in fleets of any size. Every device is known, and its lane full, before the measurement."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Final, NamedTuple

from devices.city import City
from haulwatch import wiring
from haulwatch.bench.fleet import city_of, fill, said
from haulwatch.bench.ground import Ground, Installation
from haulwatch.bench.measures import Scale
from haulwatch.bench.stages import new_judge
from ingest.judge import judge_record
from ingest.judge_state import JudgeState
from ingest.recorder import Recorder
from ingest.recorder_state import RecorderState

RULE_SETS: Final = (("route_deviation",), None)
"""One rule, and all there are. Sets of 5 and 20 would have to be made up."""
_ROUNDS: Final = 3
"""Messages of every device before the measurement: the third lets the first go to judgement, and all is known of it."""
_SPOKEN: Final = 3
"""Messages of each device in the measurement at least: what is spoken between two checkpoints of a fleet that reports
every 10 s, so that the rows they write are shared by as many as in life."""
_PAGE: Final = 2_000


class Judged(NamedTuple):
    """Of one rule set."""

    rules: int
    cpu_us: float
    snapshot_ms: float
    snapshot_mb: float


def scaling(ground: Ground) -> Iterator[Scale]:
    """A row for each fleet and rule set, as they are measured."""
    for devices in ground.sizes.fleets:
        ground.say(f"{devices:,} devices")
        installation, city = ground.installation(), city_of(devices)
        known = _ROUNDS * devices
        messages = max(ground.sizes.scaling_messages, _SPOKEN * devices)
        recorder_us = asyncio.run(_record(installation, city, known, messages))
        for names in RULE_SETS:
            only = None if names is None else frozenset(names)
            judged = _judge(installation, city, known, messages, only)
            yield Scale(
                devices=devices,
                rules=judged.rules,
                cpu_us=round(recorder_us + judged.cpu_us, 1),
                recorder_cpu_us=round(recorder_us, 1),
                judge_cpu_us=round(judged.cpu_us, 1),
                snapshot_ms=round(judged.snapshot_ms, 1),
                snapshot_mb=round(judged.snapshot_mb, 2),
            )


async def _record(installation: Installation, city: City, known: int, messages: int) -> float:
    """CPU microseconds per message; writes the raw log, too."""
    speech = said(len(city.devices))
    store = wiring.store(installation.settings)
    try:
        with (
            closing(RecorderState(wiring.recorder_state_path(installation.settings))) as state,
            closing(wiring.raw_log(installation.settings)) as log,
        ):
            recorder = Recorder(wiring.raw_log(installation.settings), store, state, lambda: city)
            cpu_s = 0.0
            for count in (known, messages):
                fill(log, speech, count)
                cpu_s = time.process_time()
                while await recorder.step():
                    pass
            return (time.process_time() - cpu_s) / messages * 1e6
    finally:
        await store.close()


def _judge(installation: Installation, city: City, known: int, messages: int, only: frozenset[str] | None) -> Judged:
    path = wiring.judge_state_path(installation.settings)
    path.unlink(missing_ok=True)
    with closing(JudgeState(path)) as state, closing(wiring.raw_log(installation.settings)) as log:
        judge = new_judge(installation, state, city, only)
        # Not through `step`, which would write checkpoints all the way.
        while judge.offset < known:
            for record in log.read(judge.offset, min(_PAGE, known - judge.offset)):
                judge_record(judge.engine, record, city)
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
        cpu_us=judging_s / messages * 1e6,
        snapshot_ms=snapshot_s * 1000,
        snapshot_mb=snapshot_bytes / 1e6,
    )
