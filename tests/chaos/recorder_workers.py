"""Recorders that share the partitions of a raw log on Kafka, killed, paused past their session, added and removed.

    python -m tests.chaos.recorder_workers --events 100

What they leave in PostgreSQL and InfluxDB is compared with what one recorder on one machine makes of the same messages.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import uuid4

import httpx

from devices.city.model import City
from devices.db.registry import Registry
from haulwatch import migrations
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.stores import current_ledger
from ingest.ledger.report import Ledger, read_ledger
from ingest.ledger.shared.tables import SharedTables
from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic
from ingest.log.raw_log import RawLog
from ingest.log.records import RawMessage
from ingest.log.revisions import city_record
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store.influx import InfluxStore
from tests.chaos.recorder_traffic import FLEET, Traffic
from tests.ingest.recorder.parts import T0
from tests.servers.influxdb import InfluxServer
from tests.servers.kafka import KafkaServer, kafka_absent
from tests.servers.kafka_cluster import KafkaCluster
from tests.servers.postgres import Postgres
from tests.waiting import PATIENCE_S, until

PARTITIONS: Final = 12
_ROUND: Final = ("added", "killed", "added", "paused", "removed", "paused")
"""Two workers before and after it, three at most."""
_EVERY_S: Final = 0.2
"""A slice of messages: 150 a second."""


@dataclass
class Yard:
    """The servers, a city, a topic and a fleet of recorders."""

    folder: Path
    kafka: KafkaServer | KafkaCluster
    database_url: str
    influx: InfluxServer
    city: City = FLEET
    bucket: str = field(default_factory=lambda: f"test-{uuid4().hex[:12]}")
    prefix: str = field(default_factory=lambda: f"test-{uuid4().hex[:12]}")
    workers: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    started: int = 0
    restarted: int = 0
    replicas: int = 1

    def __post_init__(self) -> None:
        migrations.upgrade(self.database_url)
        with closing(Registry(self.database_url)) as registry:
            registry.import_city(self.city)
        self.connection = KafkaConnection(self.kafka.servers, self.prefix, PARTITIONS)
        create_topic(self.connection, keep_ms=0, replicas=self.replicas)
        self.influx.create_database(self.bucket)
        self.tables = SharedTables(self.database_url)

    def environment(self, name: str) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("HAULWATCH_")}
        return inherited | {
            "HAULWATCH_DATA_DIR": str(self.folder / name),
            "HAULWATCH_DATABASE_URL": self.database_url,
            "HAULWATCH_KAFKA_URL": self.kafka.url,
            "HAULWATCH_KAFKA_PREFIX": self.prefix,
            "HAULWATCH_KAFKA_PARTITIONS": str(PARTITIONS),
            "HAULWATCH_KAFKA_REPLICAS": str(self.replicas),
            "HAULWATCH_INFLUX_URL": self.influx.url,
            "HAULWATCH_INFLUX_TOKEN": "unused",
            "HAULWATCH_INFLUX_ORG": "haulwatch",
            "HAULWATCH_INFLUX_BUCKET": self.bucket,
            # The messages are of 2023. With its letter a conflict is forgotten, and its repeat is a conflict anew.
            "HAULWATCH_DEAD_LETTER_KEEP_DAYS": "0",
        }

    def settings(self, name: str = "reader") -> Settings:
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        return load_settings(self.environment(name))

    def add(self) -> str:
        name = f"worker-{self.started}"
        self.started += 1
        (self.folder / name).mkdir(parents=True)
        self._start(name)
        return name

    def _start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as out:
            command = [sys.executable, "-m", "haulwatch", "record"]
            self.workers[name] = subprocess.Popen(
                command, env=self.environment(name), stdout=out, stderr=subprocess.STDOUT
            )

    def supervise(self) -> None:
        """Start again who ended by itself, as `haulwatch run` and compose do: Kafka did not answer at its start."""
        for name in [name for name, process in self.workers.items() if process.poll() is not None]:
            self.restarted += 1
            self._start(name)

    def end(self, name: str, how: signal.Signals) -> int:
        process = self.workers.pop(name)
        process.send_signal(how)
        process.wait(PATIENCE_S)
        return process.pid

    def owned_by(self) -> Counter[str]:
        """Partitions by the process that claimed them last."""
        with self.tables.snapshot() as db:
            rows = db.execute("SELECT worker FROM owner").fetchall()
        return Counter(str(worker).rpartition("/")[2] for (worker,) in rows)

    def until_recorded_by_others(self, but: str = "") -> None:
        """Until every partition is claimed by one of the workers, `but` one."""

        def claimed() -> bool:
            self.supervise()
            owned, pids = self.owned_by(), {str(one.pid) for name, one in self.workers.items() if name != but}
            return owned.total() == PARTITIONS and owned.keys() <= pids

        until(claimed, self.logs, every_s=0.05)

    def until_all_share(self) -> None:
        """Until every worker has partitions."""

        def shared() -> bool:
            self.supervise()
            return len(self.owned_by()) == len(self.workers)

        until(shared, self.logs, every_s=0.05)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def logs(self) -> str:
        return "\n".join(f"--- {name}\n{self.log(name)[-1500:]}" for name in self.workers)

    def until_all_is_stored(self, received: int) -> Ledger:
        def done() -> bool:
            self.supervise()
            try:
                total = current_ledger(self.settings()).total
            except RawLogUnavailable:  # a broker is just coming back
                return False
            return total.received == received and not total.queued

        until(done, lambda: f"{current_ledger(self.settings()).total}\n{self.logs()}", every_s=0.5)
        return current_ledger(self.settings())

    def close(self) -> None:
        for name in list(self.workers):
            self.workers[name].send_signal(signal.SIGCONT)
            self.end(name, signal.SIGKILL)
        self.tables.close()


async def on_one_machine(folder: Path, messages: list[RawMessage], store: InfluxStore, city: City = FLEET) -> Ledger:
    """The ledger as one recorder makes it, of a log on disk."""
    with closing(RawLog(folder / "raw")) as log, closing(RecorderState(folder / "recorder.db")) as state:
        log.append(messages)
        recorder = Recorder(log, store, state, lambda: city, batch_records=500)
        while await recorder.step():
            pass
        return read_ledger(folder / "recorder.db", log)


def stored(server: InfluxServer, database: str) -> Mapping[str, Any]:
    """Every point of a database by InfluxQL, by measurement and series."""
    address, found = f"http://127.0.0.1:{server.influxd_port}/query", dict[str, Any]()
    for kind in ("position", "weighing", "fill", "status", "throughput"):
        query = {"db": database, "epoch": "ms", "q": f'SELECT * FROM "{kind}" GROUP BY *'}
        answer = httpx.get(address, params=query, timeout=PATIENCE_S).raise_for_status().json()
        for series in answer["results"][0].get("series", []):
            found[json.dumps([kind, series["tags"]])] = (series["columns"], series["values"])
    return found


def same_as_on_one_machine(yard: Yard, messages: list[RawMessage]) -> list[str]:
    """What differs from what one recorder on one machine makes of the same messages; empty if nothing does."""
    bucket = f"{yard.bucket}-alone"
    yard.influx.create_database(bucket)

    async def alone() -> Ledger:
        store = InfluxStore(yard.influx.url, "unused", "haulwatch", bucket)
        try:
            return await on_one_machine(yard.folder / "alone", messages, store, yard.city)
        finally:
            await store.close()

    expected = asyncio.run(alone())
    found = yard.until_all_is_stored(expected.total.received)
    complaints = [] if found.balanced else ["the ledger does not balance"]
    lines = {line.device: line for line in found.devices}
    complaints += [
        f"ledger: {lines.get(line.device)} instead of {line}"
        for line in expected.devices
        if lines.get(line.device) != line
    ]
    if complaints:
        complaints += _other_conflicts(yard)
    there, here = stored(yard.influx, yard.bucket), stored(yard.influx, bucket)
    complaints += [
        f"store: series {key} differs" for key in here.keys() | there.keys() if here.get(key) != there.get(key)
    ]
    return complaints


def _other_conflicts(yard: Yard) -> Iterator[str]:
    """Dead letters of conflicts that only one of both has."""
    asked = "SELECT device, ts, received_at, payload FROM dead_letter WHERE reason = 'conflict'"
    with yard.tables.snapshot() as db:
        there = {(*row[:3], bytes(row[3])) for row in db.execute(asked).fetchall()}
    with closing(sqlite3.connect(yard.folder / "alone" / "recorder.db")) as file:
        here = {(*row[:3], bytes(row[3])) for row in file.execute(asked)}
    for where, letters in (("workers", there - here), ("one machine", here - there)):
        yield from (f"conflict of {where} only: {letter}" for letter in sorted(letters, key=str))


@contextmanager
def under_load(yard: Yard, dice: random.Random) -> Iterator[list[RawMessage]]:
    """Messages are appended while the block runs; the list has all of them at its end."""
    messages, stop, failures = [city_record(FLEET, T0)], threading.Event(), list[BaseException]()
    traffic = Traffic(dice)

    def append() -> None:
        try:
            with closing(KafkaLog(yard.connection, "collector")) as log:
                log.append(messages)
                while not stop.wait(_EVERY_S):
                    part = traffic.next()
                    _append(log, part, stop)
                    messages.extend(part)
        except BaseException as exc:  # noqa: BLE001 - raised where the block ends
            failures.append(exc)

    thread = threading.Thread(target=append, name="load")
    thread.start()
    try:
        yield messages
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    if failures:
        raise failures[0]


def _append(log: KafkaLog, messages: list[RawMessage], stop: threading.Event) -> None:
    """As the collector does: again until it is acknowledged. Some may be there twice then."""
    while True:
        try:
            log.append(messages)
        except RawLogUnavailable:
            if stop.is_set():
                raise
        else:
            return


@dataclass
class Done:
    """What was done to the workers, and how long partitions took to change hands."""

    events: Counter[str] = field(default_factory=Counter)
    hand_over_s: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    readings: int = 0
    restarted: int = 0
    """Workers that ended by themselves and were started again."""


def run(yard: Yard, events: int, dice: random.Random, at_most_s: float = 3_600.0) -> Done:
    """So many events under load, or as many as there is time for; then what was recorded is compared."""
    done = Done()
    with under_load(yard, dice) as messages:
        yard.add()
        yard.add()
        yard.until_recorded_by_others()
        ends_at = time.monotonic() + at_most_s
        for kind in islice(cycle(_ROUND), events):
            if time.monotonic() > ends_at:
                break
            _event(yard, kind, dice, done)
    done.complaints = same_as_on_one_machine(yard, messages)
    done.readings, done.restarted = len(messages) - 1, yard.restarted
    return done


def _event(yard: Yard, kind: str, dice: random.Random, done: Done) -> None:
    name, began = dice.choice(list(yard.workers)), time.monotonic()
    if kind == "added":
        yard.add()
        yard.until_all_share()
    elif kind == "paused":
        done.hand_over_s.append(_pause(yard, name))
    else:
        yard.end(name, signal.SIGKILL if kind == "killed" else signal.SIGTERM)
        yard.until_recorded_by_others()
        done.hand_over_s.append(time.monotonic() - began)
    done.events[kind] += 1


def _pause(yard: Yard, name: str) -> float:
    """Until others have all its partitions, which takes so many seconds; then it goes on where it stood still."""
    paused, began = yard.workers[name], time.monotonic()
    paused.send_signal(signal.SIGSTOP)
    try:
        yard.until_recorded_by_others(but=name)
        taken = time.monotonic() - began
    finally:
        paused.send_signal(signal.SIGCONT)
    yard.until_all_share()
    return taken


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--events", type=int, default=100)
    asked.add_argument("--minutes", type=float, default=60.0)
    asked.add_argument("--seed", type=int, default=7)
    options = asked.parse_args()
    if (reason := kafka_absent()) is not None:
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        postgres, kafka, influx = Postgres(), KafkaServer(path / "kafka"), InfluxServer(path / "influxdb")
        try:
            postgres.start()
            kafka.start()
            influx.start()
            influx.start_nginx()
            with closing(Yard(path / "yard", kafka, postgres.new_database(), influx)) as yard:
                done = run(yard, options.events, random.Random(options.seed), options.minutes * 60)
        finally:
            postgres.close()
            kafka.kill()
            influx.close()
    times = done.hand_over_s or [0.0]
    print(f"events {dict(done.events)}, readings {done.readings}, restarted {done.restarted}")  # noqa: T201
    print(f"hand-over: median {median(times):.1f} s, worst {max(times):.1f} s of {len(times)}")  # noqa: T201
    print("\n".join(done.complaints) or "identical to one machine: ledger and store")  # noqa: T201
    sys.exit(bool(done.complaints))


if __name__ == "__main__":
    main()
