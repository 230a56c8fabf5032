"""One run: the stages asked for, one after the other, in one folder with one database."""

import gc
import os
import platform
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeVar

import rules.engine.engine
from haulwatch.process.lifetime import YOUNG_OBJECTS
from tests.bench import BenchFailed, servers, stages
from tests.bench.fleets import fleets
from tests.bench.latency import latency
from tests.bench.measures import Circumstances, sync_ms
from tests.bench.report import Report
from tests.bench.scaling import scaling
from tests.bench.soak import soak
from tests.bench.terrain import BenchEnvironment, Sizes, bench_environment

T = TypeVar("T")


class Stage(StrEnum):
    """What can be measured, in the order it is. `soak` only when it is asked for, `fleets` not by `--quick`."""

    LOAD_ONLY = "load_only"
    RECEIVE_ONLY = "receive_only"
    RECEIVE_APPEND = "receive_append"
    WHOLE_PATH = "whole_path"
    JUDGE_ALONE = "judge_alone"
    RECORDER_ALONE = "recorder_alone"
    LATENCY = "latency"
    SCALING = "scaling"
    FLEETS = "fleets"
    SOAK = "soak"


def run(sizes: Sizes, wanted: Collection[Stage], soak_s: float, say: Callable[[str], None]) -> Report:
    """Measure; `say` hears of progress. Everything started is ended again; a stage that fails does not stop the others.

    Raises BenchFailed when the servers of the whole run cannot be started.
    """
    load_average = os.getloadavg()[0]
    failures: dict[str, str] = {}
    with _as_a_process_of_the_path(), bench_environment(sizes, say) as here:

        def measured(stage: Stage, measure: Callable[[BenchEnvironment], T]) -> T | None:
            if stage not in wanted:
                return None
            say(f"{stage} …")
            try:
                return measure(here)
            except BenchFailed as exc:
                say(str(exc))
                failures[stage] = str(exc).splitlines()[0]
                return None

        return Report(
            circumstances=circumstances(here, load_average),
            load_only=measured(Stage.LOAD_ONLY, stages.load_only),
            receive_only=measured(Stage.RECEIVE_ONLY, stages.receive_only),
            receive_append=measured(Stage.RECEIVE_APPEND, stages.receive_append),
            whole_path=measured(Stage.WHOLE_PATH, stages.whole_path),
            judge_alone=measured(Stage.JUDGE_ALONE, stages.judge_alone),
            recorder_alone=measured(Stage.RECORDER_ALONE, stages.recorder_alone),
            latency_ms=measured(Stage.LATENCY, latency),
            scaling=measured(Stage.SCALING, lambda bench_environment: tuple(scaling(bench_environment))),
            fleets=measured(Stage.FLEETS, lambda bench_environment: tuple(fleets(bench_environment))),
            soak=measured(Stage.SOAK, lambda bench_environment: tuple(soak(bench_environment, soak_s))),
            failures=failures or None,
        )


@contextmanager
def _as_a_process_of_the_path() -> Iterator[None]:
    """What is measured in this process looks for cyclic garbage as seldom as the path's own processes do."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def circumstances(here: BenchEnvironment, load_average: float) -> Circumstances:
    """`load_average` as it was before anything was started."""
    version = servers.mosquitto_version()
    return Circumstances(
        cpu_count=os.cpu_count() or 1,
        load_average=round(load_average, 2),
        store="embedded SQLite" if here.influx is None else f"InfluxDB {here.influx.version()} behind nginx",
        broker="no Mosquitto" if version is None else f"Mosquitto {version}",
        python=platform.python_version(),
        compiled=not rules.engine.engine.__file__.endswith(".py"),
        sync_ms=sync_ms(here.folder),
    )
