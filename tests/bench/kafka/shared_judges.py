"""`python -m tests.bench.kafka.shared_judges`: what a judge that shares partitions costs, and how long it restores.

In one run, one after the other: the judge of one log on disk, and one shared judge on Kafka with all partitions, each
over the same messages; then the state of a large fleet, kept on Kafka and restored by another worker. One broker whose
disk is synced for each append is on the same machine: its own CPU is not counted, but it takes its share of the cores.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from devices.city.model import City
from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge import Judge
from ingest.judge.workers.worker import Worker
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.owned_partition import PartitionLog
from ingest.log.kafka.topic import create_topic
from ingest.log.raw_log import RawLog
from ingest.log.records import RawMessage
from ingest.log.revisions import city_record
from rules.catalogue import build_rules
from tests.bench.fleet import city_of, fleet_messages
from tests.judge_workers.process import worker_of
from tests.judge_workers.shared_journal import SharedJournal
from tests.servers.kafka import KafkaServer, kafka_absent

_BATCH = 500
_WAIT_S = 0.1
_LIMIT_S = 900.0


def on_disk(folder: Path, city: City, messages: Sequence[RawMessage]) -> float:
    """CPU microseconds a message, the last checkpoint included."""
    with closing(RawLog(folder / "raw")) as log, closing(JudgeState(folder / "judge.db")) as state:
        for start in range(0, len(messages), _BATCH):
            log.append(messages[start : start + _BATCH])
        judge = Judge(log, _Journal(folder / "disk.db"), state, build_rules(), lambda: city)
        began = time.process_time()
        while judge.step():
            pass
        judge.checkpoint()
        return (time.process_time() - began) / len(messages) * 1e6


class _Journal(SharedJournal):
    def has(self, key: str) -> bool:
        return key in self.keys()


def append(connection: KafkaConnection, city: City, messages: Sequence[RawMessage]) -> None:
    create_topic(connection, keep_ms=0, replicas=1)
    with closing(KafkaLog(connection, "collector")) as log:
        log.append([city_record(city, messages[0].received_at - 1)])
        for start in range(0, len(messages), 10 * _BATCH):
            log.append(messages[start : start + 10 * _BATCH])


def judge_all(connection: KafkaConnection, worker: Worker) -> float:
    """Judge and keep all there is; CPU seconds, without restoring what was empty."""
    deadline = time.monotonic() + _LIMIT_S
    ends = KafkaFigures(connection).ends()
    while len(worker.devices.work) < connection.partitions:
        worker.step(_WAIT_S)
    began = time.process_time()
    while any(worker.devices.work[one].offset < end for one, end in ends.items()):
        worker.step(_WAIT_S)
        if time.monotonic() > deadline:
            raise TimeoutError("the messages are not judged")
    worker.close()
    return time.process_time() - began


def restore(connection: KafkaConnection, journal: SharedJournal, city: City) -> tuple[float, float]:
    """Seconds until a worker that comes has restored all partitions, and CPU seconds."""
    worker, came = worker_of(connection, journal, city), list[tuple[float, float]]()
    assigned = worker.devices.assigned

    def note(log: PartitionLog) -> None:
        came.append((time.monotonic(), time.process_time()))
        assigned(log)

    setattr(worker.devices, "assigned", note)  # noqa: B010 - the group lets it in during a step
    while len(worker.devices.work) < connection.partitions:
        worker.step(_WAIT_S)
    (began, cpu_s), *_ = came
    found = time.monotonic() - began, time.process_time() - cpu_s
    worker.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2_000, help="of the two judges that are compared")
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--fleet", type=int, default=100_000, help="devices whose state is restored; 0: none")
    parser.add_argument("--partitions", type=int, default=16)
    options = parser.parse_args()
    if (reason := kafka_absent()) is not None:
        sys.stderr.write(f"cannot run: {reason}\n")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="haulwatch-shared-"))
    server = KafkaServer(folder / "kafka")
    try:
        server.start()
        city, messages = city_of(options.devices), list(islice(fleet_messages(options.devices), options.messages))
        for number in range(2):
            place = folder / str(number)
            place.mkdir()
            disk_us = on_disk(place, city, messages)
            connection = KafkaConnection(server.servers, f"cost{number}", options.partitions)
            append(connection, city, messages)
            with closing(SharedJournal(place / "kafka.db", os.getpid())) as journal:
                cpu_s = judge_all(connection, worker_of(connection, journal, city))
            _say(f"{disk_us:.0f} us a message on disk, {cpu_s / len(messages) * 1e6:.0f} us shared on Kafka")
        if options.fleet:
            city, count = city_of(options.fleet), options.fleet
            messages = list(islice(fleet_messages(count), count + count // 2))
            connection = KafkaConnection(server.servers, "fleet", options.partitions)
            append(connection, city, messages)
            with closing(SharedJournal(folder / "fleet.db", os.getpid())) as journal:
                judge_all(connection, worker_of(connection, journal, city))
                seconds, cpu_s = restore(connection, journal, city)
            _say(
                f"{count:,} devices in {options.partitions} partitions restored in {seconds:.1f} s ({cpu_s:.1f} s CPU)"
            )
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}; load {os.getloadavg()[0]:.0f}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
