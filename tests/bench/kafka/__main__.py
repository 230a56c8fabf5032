"""`python -m tests.bench.kafka`: what a message costs on a topic and in a segment, written and read; one broker.

CPU is that of this process alone, so the broker's is named by itself. The messages are those of the other stages.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import confluent_kafka.admin

from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic
from ingest.log.raw_log import RawLog
from ingest.log.records import LogRecord, RawMessage
from tests.bench.fleet import fleet_messages
from tests.servers.kafka import KafkaServer, kafka_absent

_BATCH: Final = 500
_READ: Final = 5_000
_PARTITIONS: Final = 64
_ADMIN: Any = confluent_kafka.admin


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.bench.kafka")
    options.add_argument("--messages", type=int, default=100_000)
    options.add_argument("--devices", type=int, default=1_000)
    given = options.parse_args()
    if (reason := kafka_absent()) is not None:
        sys.stderr.write(f"cannot run: {reason}\n")
        return 2
    messages = list(islice(fleet_messages(given.devices), given.messages))
    with tempfile.TemporaryDirectory(prefix="haulwatch-bench-") as name:
        folder = Path(name)
        found: dict[str, object] = {
            "messages": len(messages),
            "payload_bytes": round(sum(len(one.payload) for one in messages) / len(messages), 1),
            "load": os.getloadavg()[0],
        }
        found["disk"] = _disk(folder, messages)
        found["kafka"] = _kafka(folder, messages)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 0


def _disk(folder: Path, messages: Sequence[RawMessage]) -> dict[str, float]:
    with closing(RawLog(folder / "raw")) as log:
        written = _write(log.append, messages)
        size = log.size_bytes()
    with closing(RawLog(folder / "raw")) as log:
        read = _read(log.read, len(messages))
    return written | read | {"bytes": round(size / len(messages), 1)}


def _kafka(folder: Path, messages: Sequence[RawMessage]) -> dict[str, float]:
    server = KafkaServer(folder / "kafka")
    try:
        server.start()
        connection = KafkaConnection(server.servers, prefix=f"bench-{uuid4().hex[:8]}", partitions=_PARTITIONS)
        create_topic(connection, keep_ms=0, replicas=1)
        _sync_seldom(connection)
        before = _broker_cpu_s(server)
        with closing(KafkaLog(connection, "collector")) as log:
            written = _write(log.append, messages)
        between = _broker_cpu_s(server)
        with closing(KafkaLog(connection, "reader")) as log:
            read = _read(log.read, len(messages))
        after = _broker_cpu_s(server)
        size = sum(file.stat().st_size for file in (folder / "kafka" / "data").rglob(f"{connection.topic}-*/*.log"))
    finally:
        server.kill()
    broker = {
        "broker_write_us": round((between - before) / len(messages) * 1e6, 1),
        "broker_read_us": round((after - between) / len(messages) * 1e6, 1),
    }
    return written | read | broker | {"bytes": round(size / len(messages), 1)}


def _write(append: Callable[[Sequence[RawMessage]], int], messages: Sequence[RawMessage]) -> dict[str, float]:
    began, cpu_s = time.monotonic(), time.process_time()
    for start in range(0, len(messages), _BATCH):
        append(messages[start : start + _BATCH])
    return _cost("write", began, cpu_s, len(messages))


def _read(read: Callable[[int, int], list[LogRecord]], count: int) -> dict[str, float]:
    began, cpu_s, after = time.monotonic(), time.process_time(), 0
    while after < count:
        after = read(after, _READ)[-1].offset
    return _cost("read", began, cpu_s, count)


def _cost(what: str, began: float, cpu_s: float, count: int) -> dict[str, float]:
    return {
        f"{what}_us": round((time.process_time() - cpu_s) / count * 1e6, 1),
        f"{what}_rate": round(count / (time.monotonic() - began)),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _sync_seldom(connection: KafkaConnection) -> None:
    """As a topic with three replicas, which syncs no append."""
    admin = _ADMIN.AdminClient({"bootstrap.servers": connection.servers, "log_level": 0})
    entry = _ADMIN.ConfigEntry("flush.messages", str((1 << 63) - 1), incremental_operation=_ADMIN.AlterConfigOpType.SET)
    resource_ = _ADMIN.ConfigResource(_ADMIN.ResourceType.TOPIC, connection.topic, incremental_configs=[entry])
    [answer] = admin.incremental_alter_configs([resource_]).values()
    answer.result()


def _broker_cpu_s(server: KafkaServer) -> float:
    """CPU that the broker has used, by /proc."""
    fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
