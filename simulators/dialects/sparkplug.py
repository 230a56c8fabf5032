"""Edge nodes of Sparkplug B with sorting lines: births, data by alias, deaths, rebirths; and faults on the wire."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from devices.codecs.sparkplug.datatypes import DataType, Value
from devices.codecs.sparkplug.payload import BadPayload, Metric, SparkplugPayload, read_payload, write_payload
from devices.codecs.sparkplug.topics import MessageType, SparkplugTopic
from simulators.dialects.broker import Broker, BrokerLost, Connection, Will, connected

REBIRTH: Final = "Node Control/Rebirth"
_SEQ_MODULUS: Final = 256
_METRICS: Final = {
    "Line/Running": DataType.BOOLEAN,
    "Line/Rate": DataType.DOUBLE,
    "Line/Total": DataType.INT64,
    "Line/Temperature": DataType.FLOAT,
    "Line/Queue": DataType.INT32,
}
"""Rate in kg/h, total in kg, trucks that wait."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of data messages, 0 to 1."""

    repeat: float = 0.0
    """They are sent twice."""
    lose: float = 0.0
    """They are numbered, and not sent."""
    late_death: float = 0.0
    """Of connections: the death of the one before comes after the new birth."""


NO_FAULTS: Final = Faults()


@dataclass(slots=True)
class Line:
    """What a line has to report."""

    name: str
    rate: float = 0.0
    total: int = 0
    temperature: float = 20.0
    queue: int = 0

    def values(self) -> dict[str, Value]:
        """By name of the metric."""
        return {
            "Line/Running": self.rate > 0,
            "Line/Rate": self.rate,
            "Line/Total": self.total,
            "Line/Temperature": self.temperature,
            "Line/Queue": self.queue,
        }


@dataclass(slots=True)
class Tally:
    """What edge nodes did, together."""

    sent: int = 0
    """Data messages."""
    repeated: int = 0
    lost: int = 0
    births: int = 0
    rebirths_answered: int = 0
    connections: int = 0
    trouble: str = ""
    """Why a connection ended; empty: none did."""


class EdgeNode:
    """One edge node, which can be connected again and again."""

    def __init__(
        self,
        group: str,
        node: str,
        lines: Sequence[str],
        seed: int,
        tally: Tally | None = None,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        """Equal seeds give equal values and faults. `tally` may be shared by many nodes. `now_ms`: its clock."""
        self._now_ms = now_ms
        self.tally = tally or Tally()
        self._group, self._node = group, node
        self._dice = random.Random(seed)  # noqa: S311 - a simulation
        self._lines = {name: Line(name) for name in lines}
        self._bd_seq, self._seq = -1, -1
        self._aliases: dict[tuple[str, str], int] = {}
        self._connection: Connection | None = None
        self._asked = asyncio.Event()

    @asynccontextmanager
    async def connected(self, broker: Broker, faults: Faults = NO_FAULTS) -> AsyncIterator[None]:
        """Connect, be born, and answer requests for rebirth; leave with a death. Raises BrokerLost."""
        former = self._death() if self._bd_seq >= 0 else None
        self._bd_seq = (self._bd_seq + 1) % _SEQ_MODULUS
        will = self._death()
        async with connected(broker, f"{self._group}-{self._node}", will) as connection:
            self._connection, self._seq = connection, -1
            self.tally.connections += 1
            await connection.subscribe(str(SparkplugTopic(self._group, MessageType.NCMD, self._node)))
            await self._be_born()
            if former is not None and self._dice.random() < faults.late_death:
                await connection.publish(*former, qos=1)
            tasks = [
                asyncio.create_task(connection.listen(self._take), name="edge node: commands"),
                asyncio.create_task(self._answer(), name="edge node: rebirths"),
            ]
            try:
                yield
                await connection.publish(*will, qos=1)  # before a planned DISCONNECT, which discards the will
            finally:
                self._connection = None
                for task in tasks:
                    task.cancel()
                with suppress(BrokerLost):
                    await asyncio.gather(*tasks, return_exceptions=True)

    async def report(self, faults: Faults = NO_FAULTS) -> None:
        """Each line works on for a moment, and reports what changed. Raises BrokerLost."""
        for line in self._lines.values():
            line.total += round(line.rate / 3_600)
            line.temperature = round(20 + 5 * self._dice.random(), 2)
            await self._send_changes(line, ("Line/Total", "Line/Temperature"), faults)

    async def set_rate(self, line: str, rate: float) -> None:
        """A line runs with another rate, in kg/h; 0: it stands. Raises BrokerLost."""
        self._lines[line].rate = rate
        await self._send_changes(self._lines[line], ("Line/Running", "Line/Rate"), NO_FAULTS)

    async def set_queue(self, line: str, trucks: int) -> None:
        """So many trucks wait. Raises BrokerLost."""
        self._lines[line].queue = trucks
        await self._send_changes(self._lines[line], ("Line/Queue",), NO_FAULTS)

    async def _send_changes(self, line: Line, names: Sequence[str], faults: Faults) -> None:
        values, ts = line.values(), self._now_ms()
        metrics = [Metric(alias=self._aliases[line.name, name], timestamp=ts, value=values[name]) for name in names]
        topic, payload = self._message(MessageType.DDATA, line.name, metrics)
        if self._dice.random() < faults.lose:
            self.tally.lost += 1
            return
        times = 2 if self._dice.random() < faults.repeat else 1
        for _ in range(times):
            await self._publish(topic, payload)
        self.tally.sent += 1
        self.tally.repeated += times - 1

    async def _answer(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._be_born()
            self.tally.rebirths_answered += 1

    def _take(self, payload: bytes) -> None:
        """A command: only a rebirth is carried out, and only where its value is true."""
        with suppress(BadPayload):
            metric = read_payload(payload).metric(REBIRTH)
            if metric is not None and metric.value is True:
                self._asked.set()

    async def _be_born(self) -> None:
        bd_seq = Metric("bdSeq", None, self._now_ms(), DataType.INT64, self._bd_seq)
        rebirth = Metric(REBIRTH, None, self._now_ms(), DataType.BOOLEAN, value=False)
        self._aliases = dict(self._new_aliases())
        births = [self._message(MessageType.NBIRTH, "", [bd_seq, rebirth])]
        for line in self._lines.values():
            values = line.values()
            metrics = [
                Metric(name, self._aliases[line.name, name], self._now_ms(), datatype, values[name])
                for name, datatype in _METRICS.items()
            ]
            births.append(self._message(MessageType.DBIRTH, line.name, metrics))
        for birth in births:
            await self._publish(*birth)
        self.tally.births += len(births)

    def _new_aliases(self) -> Iterator[tuple[tuple[str, str], int]]:
        """Other numbers at each birth, so that a host that keeps old ones is found out."""
        keys = [(line, name) for line in self._lines for name in _METRICS]
        numbers = list(range(1, len(keys) + 1))
        self._dice.shuffle(numbers)
        yield from zip(keys, numbers, strict=True)

    def _message(self, kind: MessageType, device: str, metrics: Sequence[Metric]) -> tuple[str, bytes]:
        self._seq = (self._seq + 1) % _SEQ_MODULUS
        payload = SparkplugPayload(self._now_ms(), self._seq, tuple(metrics))
        return str(SparkplugTopic(self._group, kind, self._node, device)), write_payload(payload)

    def _death(self) -> Will:
        bd_seq = Metric("bdSeq", None, self._now_ms(), DataType.INT64, self._bd_seq)
        topic = str(SparkplugTopic(self._group, MessageType.NDEATH, self._node))
        return Will(topic, write_payload(SparkplugPayload(self._now_ms(), None, (bd_seq,))))

    async def _publish(self, topic: str, payload: bytes) -> None:
        if self._connection is None:
            raise BrokerLost("not connected")
        await self._connection.publish(topic, payload)


@dataclass(frozen=True, slots=True)
class Stay:
    """How edge nodes report."""

    pause_s: float = 10.0
    reports: int | None = None
    """Of each; None: until it is stopped."""
    faults: Faults = NO_FAULTS


async def run_edge_nodes(count: int, broker: Broker, stay: Stay, seed: int, stop: asyncio.Event, tally: Tally) -> None:
    """Connect so many nodes with one line each, and let them report. Raises BrokerLost if no connection comes up."""
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            node = EdgeNode("haulwatch-sim", f"node-{number + 1}", ["line-1"], seed + number, tally)
            tasks.create_task(_run(node, broker, stay, stop), name=f"edge node {number + 1}")


async def _run(node: EdgeNode, broker: Broker, stay: Stay, stop: asyncio.Event) -> None:
    done = 0
    while not stop.is_set() and (stay.reports is None or done < stay.reports):
        try:
            async with node.connected(broker, stay.faults):
                await node.set_rate("line-1", 42_500.0)
                while not stop.is_set() and (stay.reports is None or done < stay.reports):
                    await node.report(stay.faults)
                    done += 1
                    with suppress(TimeoutError):
                        async with asyncio.timeout(stay.pause_s):
                            await stop.wait()
        except BrokerLost as exc:
            node.tally.trouble = str(exc)
            if not node.tally.connections:
                raise
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await stop.wait()
