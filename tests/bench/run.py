"""One run: the chosen stages, one after the other, in one folder with one database."""

import gc
import os
import platform
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final, TypeVar

import rules.engine.engine
from haulwatch.process.garbage import YOUNG_OBJECTS
from tests.bench import BenchFailed, stages
from tests.bench.console.live_map import live_map
from tests.bench.console.queue import queue
from tests.bench.console.streams import streams
from tests.bench.dialects.cost import dialect_costs
from tests.bench.environment import BenchEnvironment, Sizes, bench_environment
from tests.bench.fleets import fleets
from tests.bench.judging.manifests import judge_manifests
from tests.bench.latency import latency
from tests.bench.measures import Circumstances, sync_ms
from tests.bench.neighbours import neighbours
from tests.bench.report import Report
from tests.bench.scaling import scaling
from tests.bench.soak import soak
from tests.bench.uploads.reconnect import reconnect
from tests.servers.mosquitto import mosquitto_version

T = TypeVar("T")


class Stage(StrEnum):
    """The stages, in their order. `soak`, `neighbours` and those of the console run only if asked for, `fleets` not
    with `--quick`.
    """

    LOAD_ONLY = "load_only"
    RECEIVE_ONLY = "receive_only"
    RECEIVE_APPEND = "receive_append"
    WHOLE_PATH = "whole_path"
    JUDGE_ALONE = "judge_alone"
    RECORDER_ALONE = "recorder_alone"
    LATENCY = "latency"
    SCALING = "scaling"
    RECONNECT = "reconnect"
    FLEETS = "fleets"
    MANIFESTS = "manifests"
    DIALECTS = "dialects"
    NEIGHBOURS = "neighbours"
    CONSOLE_MAP = "console_map"
    CONSOLE_STREAMS = "console_streams"
    CONSOLE_QUEUE = "console_queue"
    SOAK = "soak"


CONSOLE: Final = frozenset({Stage.CONSOLE_MAP, Stage.CONSOLE_STREAMS, Stage.CONSOLE_QUEUE})


def run(sizes: Sizes, wanted: Collection[Stage], soak_s: float, progress: Callable[[str], None]) -> Report:
    """Measure the wanted stages; a stage that fails does not stop the others. Every process that it starts is ended.

    `progress` is called with lines of progress.

    Raises BenchFailed when the servers of the whole run cannot be started.
    """
    load_average = os.getloadavg()[0]
    failures: dict[str, str] = {}
    with _garbage_collection_as_on_the_path(), bench_environment(sizes, progress) as environment:

        def measured(stage: Stage, measure: Callable[[BenchEnvironment], T]) -> T | None:
            if stage not in wanted:
                return None
            progress(f"{stage} …")
            try:
                return measure(environment)
            except BenchFailed as exc:
                progress(str(exc))
                failures[stage] = str(exc).splitlines()[0]
                return None

        return Report(
            circumstances=circumstances(environment, load_average),
            load_only=measured(Stage.LOAD_ONLY, stages.load_only),
            receive_only=measured(Stage.RECEIVE_ONLY, stages.receive_only),
            receive_append=measured(Stage.RECEIVE_APPEND, stages.receive_append),
            whole_path=measured(Stage.WHOLE_PATH, stages.whole_path),
            judge_alone=measured(Stage.JUDGE_ALONE, stages.judge_alone),
            recorder_alone=measured(Stage.RECORDER_ALONE, stages.recorder_alone),
            latency_ms=measured(Stage.LATENCY, latency),
            scaling=measured(Stage.SCALING, lambda _: tuple(scaling(environment))),
            reconnect=measured(Stage.RECONNECT, reconnect),
            fleets=measured(Stage.FLEETS, lambda _: tuple(fleets(environment))),
            manifests=measured(Stage.MANIFESTS, lambda _: judge_manifests()),
            dialects=measured(Stage.DIALECTS, lambda _: dialect_costs()),
            neighbours=measured(Stage.NEIGHBOURS, lambda _: tuple(neighbours(environment))),
            console_map=measured(Stage.CONSOLE_MAP, lambda _: tuple(live_map(environment))),
            console_streams=measured(Stage.CONSOLE_STREAMS, lambda _: tuple(streams(environment))),
            console_queue=measured(Stage.CONSOLE_QUEUE, lambda _: tuple(queue(environment))),
            soak=measured(Stage.SOAK, lambda _: tuple(soak(environment, soak_s))),
            failures=failures or None,
        )


@contextmanager
def _garbage_collection_as_on_the_path() -> Iterator[None]:
    """Set this process's garbage collector as in the processes of the path: it looks for cycles as seldom."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def circumstances(environment: BenchEnvironment, load_average: float) -> Circumstances:
    """`load_average`: before any process was started."""
    version = mosquitto_version()
    return Circumstances(
        cpu_count=os.cpu_count() or 1,
        load_average=round(load_average, 2),
        store="embedded SQLite"
        if environment.influx is None
        else f"InfluxDB {environment.influx.version()} behind nginx",
        broker="no Mosquitto" if version is None else f"Mosquitto {version}",
        python=platform.python_version(),
        compiled=not rules.engine.engine.__file__.endswith(".py"),
        sync_ms=sync_ms(environment.folder),
    )
