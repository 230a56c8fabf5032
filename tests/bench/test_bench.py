"""The bench measures every stage and reports in the promised shape. The figures themselves are not tested."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pytest
import typer
from typer.testing import CliRunner

from api.console.pages import BUILT
from devices.city.model import DeviceRole
from haulwatch.process.supervisor import Child, Supervisor
from ingest.log.raw_log import RawLog
from ingest.recorder.accepted import AcceptedBatch
from ingest.recorder.admit import AdmitStage
from ingest.recorder.decode import decode_records
from ingest.recorder.series_index import SeriesIndex
from rules.catalogue import CATALOGUE
from simulators.load.generator import Plan
from tests.bench import BenchFailed, fleet, stages
from tests.bench.__main__ import bench
from tests.bench.console.live_map import live_map
from tests.bench.console.measures import MapRow, QueueRow, Streams
from tests.bench.console.queue import queue
from tests.bench.console.streams import streams
from tests.bench.dialects.cost import DialectCost, dialect_costs
from tests.bench.dialects.samples import SAMPLES
from tests.bench.environment import BenchEnvironment, Sizes, bench_environment, loading
from tests.bench.judging.manifests import ManifestCost, judge_manifests
from tests.bench.latency import latency
from tests.bench.measures import (
    Circumstances,
    Latency,
    Memory,
    Percentiles,
    Reconnect,
    Scale,
    Throughput,
    WholePath,
    cpu_s,
    memory_mb,
    percentiles,
)
from tests.bench.neighbours import NeighbourRow
from tests.bench.report import Report, print_report
from tests.bench.run import Stage, run
from tests.bench.scaling import scaling
from tests.bench.soak import soak
from tests.bench.uploads.reconnect import reconnect
from tests.closing import closed_later
from tests.e2e.desk import CHROMIUM
from tests.servers import free_port, loaded, program

TINY = Sizes(
    messages=1_500,
    devices=30,
    latency_rate=200,
    latency_s=4,
    latency_warm_up_s=0,
    fleets=(3, 40),
    scaling_messages=200,
    live_fleets=(3, 40),
    fleet_rate=200,
    fleet_s=2,
    reconnecting=3,
    map_trucks=20,
    map_s=2,
    streams=12,
    changes=2,
    missed=4,
    deaf_s=0,
    queued=250,
    soak_rate=200,
)
CIRCUMSTANCES = Circumstances(2, 0.5, "embedded SQLite", "Mosquitto 2.0.11", "3.11.7", True, 1.5)


class LoadedSupervisor(Supervisor):
    """Its processes begin with the modules loaded (`tests.servers.loaded`)."""

    def _start(self, child: Child) -> None:
        with self._open_log(child.name) as out:
            process: Any = loaded.start(child.arguments, self._unsupervised(), out, out)
        child.process = process

    def _unsupervised(self) -> Mapping[str, str]:
        """A child of the loader would take it for a supervisor that is gone."""
        return {name: value for name, value in self._environment.items() if name != "SUPERVISED_BY_HAULWATCH"}


@pytest.fixture(autouse=True)
def _loaded_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the starts, which are most of the work at these sizes."""
    if not loaded.CAN_LOAD:
        return

    def start_api(environment: Mapping[str, str], out: IO[bytes]) -> object:
        return loaded.start(["serve"], environment, out, out)

    multiprocessing.set_forkserver_preload(["tests.bench.scaling", "tests.bench.uploads.reconnect"])
    monkeypatch.setattr("tests.bench.environment.START_METHOD", "forkserver")
    monkeypatch.setattr("tests.bench.console.api.start_api", start_api)
    monkeypatch.setattr("tests.bench.path.Supervisor", LoadedSupervisor)


@pytest.fixture
def tiny() -> Iterator[BenchEnvironment]:
    """An environment with a real broker and the embedded store."""
    program("mosquitto")
    with bench_environment(TINY, lambda _: None, with_store=False) as environment:
        yield environment


def test_messages_of_a_fleet_are_accepted_and_no_two_are_equal(tmp_path: Path) -> None:
    log, city, batch = closed_later(RawLog(tmp_path)), fleet.city_of(7, probes=2), AcceptedBatch(0)
    fleet.append_messages(log, fleet.fleet_messages(7), 30)
    admission = AdmitStage(SeriesIndex({}), city, set())
    for decoded in decode_records(log.read(0, 100), city):
        admission.add(batch, decoded)
    assert len({(accepted.series.key, accepted.ts) for accepted in batch.accepted}) == 30
    assert not batch.letters
    assert sum(device.role is DeviceRole.RECYCLING_POINT for device in city.devices.values()) == 2


@pytest.mark.real
@pytest.mark.parametrize("measure", [stages.load_only, stages.receive_only])
def test_stages_with_a_broker_are_measured(
    tiny: BenchEnvironment, measure: Callable[[BenchEnvironment], Throughput]
) -> None:
    measured = measure(tiny)
    assert measured.rate > 0
    assert measured.cpu_us > 0


def test_every_manifest_of_the_paired_trips_closes() -> None:
    cost = judge_manifests(rounds=3)
    assert cost.closed >= 12
    assert cost.positions > 1_000


def test_every_dialect_is_measured() -> None:
    costs = dialect_costs(rounds=1, readings=100)
    assert [cost.sample for cost in costs] == [sample.name for sample in SAMPLES]
    assert all(cost.cpu_us > 0 for cost in costs)


@pytest.mark.parametrize("measure", [stages.judge_alone, stages.recorder_alone])
def test_stages_that_read_a_log_are_measured_without_a_broker(
    measure: Callable[[BenchEnvironment], Throughput],
) -> None:
    with bench_environment(TINY, lambda _: None, with_store=False) as environment:
        measured = measure(environment)
    assert measured.rate > 0
    assert measured.cpu_us > 0


@pytest.mark.real
def test_the_whole_path_stores_what_was_published(tiny: BenchEnvironment) -> None:
    measured = stages.whole_path(tiny)
    assert measured.published == measured.stored == 1_500
    assert measured.cpu_us.keys() == {"collector", "recorder", "judge", "broker"}
    assert measured.memory_mb.keys() == {"collector", "recorder", "judge"}
    assert min(measured.memory_mb.values()) > 0


@pytest.mark.real
def test_latency_has_samples_at_all_three_points(tiny: BenchEnvironment) -> None:
    measured = latency(tiny)
    for percentile in (measured.durable, measured.stored, measured.alert):
        assert percentile.samples > 0
        assert 0 <= percentile.p50 <= percentile.p99


@pytest.mark.real
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="the console is not built: make console")
def test_the_map_is_measured_still_panned_and_zoomed(tiny: BenchEnvironment) -> None:
    rows = list(live_map(tiny))
    assert [(row.phase, row.trucks) for row in rows] == [("still", 20), ("panned", 20), ("zoomed", 20)]
    for row in rows:
        assert row.frame_ms.samples > 0
        assert 0 <= row.work_ms.p50 <= row.work_ms.p99
        assert min(row.work_ms.p99, row.longest_task_ms) > 0
        assert row.drawing_ms >= 0  # counted in hundredths of a second
        assert min(row.frame_ms.p50, row.heap_mb, row.browser_mb, row.api_mb) > 0


def test_every_stream_hears_every_change_and_those_that_read_nothing_are_counted() -> None:
    with bench_environment(TINY, lambda _: None, with_store=False) as environment:
        rows = list(streams(environment))
    assert [row.signed_in for row in rows] == [False, True]
    for measured in rows:
        assert (measured.streams, measured.changes, measured.deaf, measured.cut_off) == (12, 2, 1, 0)
        assert measured.delay_ms.samples == 12 * 2
        assert min(measured.delay_ms.p50, measured.memory_before_mb, measured.memory_mb) > 0


def test_the_queue_is_read_to_its_end_by_every_question() -> None:
    with bench_environment(TINY, lambda _: None, with_store=False) as environment:
        pages = {row.question: row.pages for row in queue(environment)}
    assert pages["all"] == 3
    assert pages["open"] == pages["words that nothing has"] == 1
    assert len(pages) == 11


@pytest.mark.real
def test_a_soak_samples_every_process(tiny: BenchEnvironment) -> None:
    samples = soak(tiny, 0.5)
    assert len(samples) == 2
    for sample in samples:
        assert sample.memory_mb.keys() == {"collector", "recorder", "judge"}
        assert min(sample.memory_mb.values()) > 0


@pytest.mark.real
def test_the_scaling_table_has_a_row_for_each_fleet_and_rule_set(
    tiny: BenchEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.bench.scaling._COLLECTOR_ROUNDS", 1)
    rows = list(scaling(tiny))
    every = len(CATALOGUE)
    assert [(row.devices, row.rules) for row in rows] == [(3, every), (40, every), (3, 1), (3, 5), (3, 20)]
    assert all(
        row.cpu_us == pytest.approx(row.collector_cpu_us + row.recorder_cpu_us + row.judge_cpu_us, abs=0.3)
        for row in rows
    )
    assert min(row.collector_cpu_us for row in rows) > 0
    assert (rows[1].snapshot_mb or 0) > (rows[0].snapshot_mb or 0)
    assert {row.snapshot_mb for row in rows[2:]} == {None}


def test_what_devices_buffered_is_judged_beside_others_that_stay_connected() -> None:
    with bench_environment(TINY, lambda _: None, with_store=False) as environment:
        measured = reconnect(environment)
    assert (measured.devices, measured.readings, measured.not_judged) == (3, 3 * 360, 0)
    assert 30 < measured.judged_s < 3_600
    assert measured.memory_mb >= measured.memory_before_mb > 0
    assert measured.bystander.samples > 100
    assert measured.bystander.p50 <= measured.bystander.p99 <= measured.bystander_longest_ms


def test_only_wanted_stages_are_measured_and_no_file_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tests.servers.find", lambda _: None)
    progress: list[str] = []
    report = run(TINY, {Stage.JUDGE_ALONE}, 0.0, progress.append).to_json()
    assert report.keys() == {"circumstances", "judge_alone"}
    assert report["circumstances"]["store"] == "embedded SQLite"
    assert progress[0] == "judge_alone …"
    assert not list(tmp_path.iterdir())


def test_a_missing_broker_is_named_with_its_package_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.find", lambda _: None)
    report = run(TINY, {Stage.LOAD_ONLY, Stage.JUDGE_ALONE}, 0.0, lambda _: None)
    assert report.judge_alone is not None
    assert report.load_only is None
    assert "apt-get install mosquitto" in report.to_json()["failures"]["load_only"]
    print_report(report)


def test_a_load_that_finds_no_broker_says_so() -> None:
    with (
        loading(Plan(free_port(), messages=10, devices=1)) as load,
        pytest.raises(BenchFailed, match="Connection refused"),
    ):
        load.sent()


def test_the_json_has_the_promised_shape() -> None:
    both = Throughput(1_000, 40.0)
    sample = Percentiles(1.0, 2.0, 100)
    report = Report(
        CIRCUMSTANCES, both, both, both,
        whole_path=WholePath(
            500, {"collector": 1.0, "recorder": 2.0, "judge": 3.0}, {"collector": 1.0, "recorder": 2.0, "judge": 3.0},
            10, 10, 1.0, 2.0,
        ),
        judge_alone=both,
        recorder_alone=both,
        latency_ms=Latency(sample, sample, sample, 1_000, 20, 0.4),
        scaling=(Scale(100, 4, 206.0, 6.0, 60.0, 140.0, 1.0, 0.1),),
        neighbours=(NeighbourRow("junk", 9, sample, sample, sample, 300.0, 30.0, "culprit-junk rate", "culprit-junk"),),
        manifests=ManifestCost(60.0, 63.0, 5.0, 100, 6),
        dialects=(DialectCost("native position", 180, 3.0, 1.0),),
        reconnect=Reconnect(10, 3_600, 90.0, 20.0, 60.0, 70.0, sample, 3.0, 0),
        console_map=(MapRow("still", 10, sample, 3.0, sample, 4.0, 2.0, 17.0, 900.0, 20.0, 5.0, 190.0),),
        console_streams=(Streams(10, True, 2, 1, 1, sample, 3.0, 190.0, 190.0),),
        console_queue=(QueueRow("all", 3, sample, 4.0),),
        soak=(Memory(0.0, {"collector": 1.0}),),
    )  # fmt: skip
    shown = report.to_json()
    for alone in ("receive_only", "receive_append", "judge_alone", "recorder_alone"):
        assert shown[alone] == {"rate": 1_000, "cpu_us": 40.0}
    assert {"rate", "cpu_us", "memory_mb"} <= shown["whole_path"].keys()
    assert shown["whole_path"]["cpu_us"].keys() >= {"collector", "recorder", "judge"}
    assert {"devices", "rules", "cpu_us"} <= shown["scaling"][0].keys()
    for point in ("durable", "stored", "alert"):
        assert {"p50", "p99"} <= shown["latency_ms"][point].keys()
    assert shown["ratio"] == 0.5
    print_report(report)


def test_percentiles_are_of_the_nearest_rank() -> None:
    assert percentiles([float(n) for n in range(100, 0, -1)]) == Percentiles(51.0, 100.0, 100)
    assert percentiles([7.0]) == Percentiles(7.0, 7.0, 1)
    assert percentiles([]) == Percentiles(0.0, 0.0, 0)


def test_an_ended_process_has_no_cpu_time_and_no_memory() -> None:
    assert cpu_s(os.getpid()) > 0
    assert memory_mb(os.getpid(), "VmHWM") >= memory_mb(os.getpid()) > 1
    gone = 2**22 + 1
    assert (cpu_s(gone), memory_mb(gone)) == (0.0, 0.0)


def test_a_soak_needs_a_duration() -> None:
    app = typer.Typer()
    app.command()(bench)
    done = CliRunner().invoke(app, ["--stage", "soak"])
    assert done.exit_code == 2
    assert "--soak MINUTES" in done.stderr
