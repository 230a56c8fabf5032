"""`python -m tests.bench.kafka.throughput`: messages a second of 1, 2 and 4 judges that share partitions.

All messages are on Kafka before the judges start. Counted from when every judge has partitions of its own until all is
judged and kept; the CPU of the judges and of the broker in the same time. One broker, whose disk is synced for each
append, is on the same machine and takes its share of the cores.
"""

import argparse
import asyncio
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import islice
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

from haulwatch.process.lifetime import stop_event
from ingest.judge.workers.run import run_worker
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.figures import KafkaFigures
from tests.bench.fleet import city_of, fleet_messages
from tests.bench.kafka.shared_judges import append
from tests.bench.measures import cpu_s
from tests.judge_workers.process import worker_of
from tests.judge_workers.shared_journal import SharedJournal
from tests.servers.kafka import KafkaServer, kafka_absent

_GROUP = "judge"
_POLL_S = 0.2
_LIMIT_S = 900.0


class Moment(NamedTuple):
    """What was judged and kept until then, and the CPU seconds until then."""

    at: float
    messages: int
    judges_s: float
    broker_s: float


def judge(servers: str, prefix: str, partitions: int, journal: Path, devices: int) -> None:
    """One judge, as a process of its own, until it is asked to end."""
    city = city_of(devices)

    async def run() -> None:
        with closing(SharedJournal(journal, os.getpid())) as found:
            await run_worker(worker_of(KafkaConnection(servers, prefix, partitions), found, city), stop_event())

    asyncio.run(run())


def measured(
    server: KafkaServer, prefix: str, count: int, devices: int, partitions: int, journal: Path
) -> tuple[Moment, Moment]:
    """Let so many judges judge everything; the moments between which all of them worked."""
    connection = KafkaConnection(server.servers, prefix, partitions)
    figures = KafkaFigures(connection)
    ends = figures.ends()
    context = multiprocessing.get_context("spawn")
    judges = [
        context.Process(target=judge, args=(server.servers, prefix, partitions, journal, devices)) for _ in range(count)
    ]
    for one in judges:
        one.start()
    try:
        with closing(SharedJournal(journal)) as found:
            began = _when(lambda: _have_all(found, count, partitions), figures, server, judges)
        ended = _when(lambda: _is_judged(figures.read_to(_GROUP), ends), figures, server, judges)
    finally:
        for one in judges:
            one.terminate()
        for one in judges:
            one.join()
    return began, ended


def _when(
    reached: Callable[[], bool], figures: KafkaFigures, server: KafkaServer, judges: Sequence[BaseProcess]
) -> Moment:
    give_up_at = time.monotonic() + _LIMIT_S
    while not reached():
        if time.monotonic() > give_up_at or not all(one.is_alive() for one in judges):
            raise TimeoutError(f"the judges did not get so far: {figures.read_to(_GROUP)}")
        time.sleep(_POLL_S)
    read = sum(figures.read_to(_GROUP).values())
    return Moment(time.monotonic(), read, cpu_s(*(one.pid or 0 for one in judges)), cpu_s(server.pid))


def _have_all(journal: SharedJournal, count: int, partitions: int) -> bool:
    begun = [(partition, worker) for _, topic, partition, worker in journal.owners() if topic == "raw"]
    return len({partition for partition, _ in begun}) == partitions and len({worker for _, worker in begun}) == count


def _is_judged(read: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    return all(read.get(one, 0) >= end for one, end in ends.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2_000)
    parser.add_argument("--messages", type=int, default=400_000)
    parser.add_argument("--partitions", type=int, default=16)
    parser.add_argument("--judges", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    if (reason := kafka_absent()) is not None:
        sys.stderr.write(f"cannot run: {reason}\n")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="haulwatch-throughput-"))
    server = KafkaServer(folder / "kafka")
    try:
        server.start()
        city, messages = city_of(options.devices), list(islice(fleet_messages(options.devices), options.messages))
        for count in options.judges:
            prefix = f"judges{count}"
            append(KafkaConnection(server.servers, prefix, options.partitions), city, messages)
            journal = folder / f"{prefix}.db"
            began, ended = measured(server, prefix, count, options.devices, options.partitions, journal)
            took, judged = ended.at - began.at, ended.messages - began.messages
            sys.stdout.write(
                f"{count} judges: {judged / took:,.0f} messages/s, {judged:,} in {took:.1f} s; CPU a message: judges "
                f"{(ended.judges_s - began.judges_s) / judged * 1e6:.0f} us, broker "
                f"{(ended.broker_s - began.broker_s) / judged * 1e6:.0f} us; cores used "
                f"{(ended.judges_s - began.judges_s + ended.broker_s - began.broker_s) / took:.2f} of "
                f"{os.cpu_count()}; load {os.getloadavg()[0]:.1f}\n"
            )
            sys.stdout.flush()
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
