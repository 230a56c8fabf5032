"""An edge node for tests: it numbers its messages, and each value says which metric it is."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from devices.codecs.sparkplug.datatypes import DataType
from devices.codecs.sparkplug.payload import Metric, SparkplugPayload, write_payload
from devices.codecs.sparkplug.topics import MessageType, SparkplugTopic

GROUP: Final = "haul"
NODE: Final = "ts3-gw"
ALIASES: Final = 10


class Sent(NamedTuple):
    """A message on the wire."""

    topic: str
    payload: bytes


class Edge:
    """Aliases are few, and given anew with each birth, so that a stale one names another metric."""

    def __init__(self) -> None:
        self.births = 0
        self.bd_seq = -1
        self.values = 0
        self._seq = -1
        self._aliases: dict[tuple[str, str], int] = {}

    def connect(self, names: Sequence[str]) -> Sent:
        """A birth in a new session."""
        self.bd_seq, self._seq = (self.bd_seq + 1) % 256, -1
        return self.rebirth(names)

    def rebirth(self, names: Sequence[str]) -> Sent:
        """A birth in the same session: counting goes on."""
        self._aliases.clear()
        bd_seq = Metric("bdSeq", datatype=DataType.INT64, value=self.bd_seq)
        return self._sent(MessageType.NBIRTH, "", (bd_seq, *self._born("", names)))

    def device_birth(self, device: str, names: Sequence[str]) -> Sent:
        for key in [key for key in self._aliases if key[0] == device]:
            del self._aliases[key]
        return self._sent(MessageType.DBIRTH, device, self._born(device, names))

    def data(self, device: str, name: str) -> Sent:
        """By alias; where the metric was not born, by one that another metric has."""
        alias = self._aliases.get((device, name), (len(name) + self.births) % ALIASES)
        metric = Metric(alias=alias, timestamp=self._next_ts(), value=self._value(device, name))
        return self._sent(MessageType.DDATA if device else MessageType.NDATA, device, (metric,))

    def device_death(self, device: str) -> Sent:
        return self._sent(MessageType.DDEATH, device, ())

    def death(self, bd_seq: int | None = None) -> Sent:
        """The will of the present session, or of another one."""
        number = self.bd_seq if bd_seq is None else bd_seq
        metric = Metric("bdSeq", datatype=DataType.INT64, value=number)
        topic = SparkplugTopic(GROUP, MessageType.NDEATH, NODE)
        return Sent(str(topic), write_payload(SparkplugPayload(1_700_000_000_000, None, (metric,))))

    def _born(self, device: str, names: Sequence[str]) -> tuple[Metric, ...]:
        self.births += 1
        metrics = []
        free = [alias for alias in range(ALIASES) if alias not in self._aliases.values()]
        for place, name in enumerate(names):
            alias = free[(place + self.births) % len(free)]
            self._aliases[device, name] = alias
            value = self._value(device, name)
            metrics.append(Metric(name, alias, self._next_ts(), DataType.STRING, value))
        return tuple(metrics)

    def _value(self, device: str, name: str) -> str:
        return f"{device}/{name}"

    def _next_ts(self) -> int:
        self.values += 1
        return 1_772_442_000_000 + self.values

    def _sent(self, kind: MessageType, device: str, metrics: tuple[Metric, ...]) -> Sent:
        self._seq = (self._seq + 1) % 256
        topic = SparkplugTopic(GROUP, kind, NODE, device)
        return Sent(str(topic), write_payload(SparkplugPayload(self._next_ts(), self._seq, metrics)))
