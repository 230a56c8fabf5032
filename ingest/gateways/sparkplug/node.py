"""The session of one edge node with its devices. Pure: messages and times enter, outcomes leave."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from devices.codecs.sparkplug.codec import SESSION, republished_form
from devices.codecs.sparkplug.datatypes import DataType
from devices.codecs.sparkplug.payload import Metric, SparkplugPayload
from devices.codecs.sparkplug.topics import MessageType, SparkplugTopic, device_id_of
from ingest.gateways.sparkplug.aliases import MAX_NAME_CHARS, Aliases, TooManyMetrics, Unresolved
from ingest.gateways.sparkplug.outcomes import Drop, Dropped, Gap, Outcome, Republish
from ingest.gateways.sparkplug.rebirths import NodeAsked
from ingest.gateways.sparkplug.sequence import Fault, Sequence

MAX_DEVICES: Final = 500
"""Of one edge node."""
MAX_KEPT: Final = 256
"""Metrics of one device that are passed on: they complete each of its messages."""
MAX_KEPT_CHARS: Final = 1_024
"""Of a text that is kept."""
HEARD_EVERY_MS: Final = 30_000
"""A message without a wanted metric is passed on as a sign of life once in so long."""
_BD_SEQ: Final = "bdSeq"
_FAULTS: Final = {Fault.NO_SEQ: Dropped.NO_SEQ, Fault.REPEATED: Dropped.REPEATED}

Wanted = Callable[[str], bool]
"""Whether a metric of this name is passed on."""
_Message = tuple[SparkplugTopic, SparkplugPayload]


class NodeState(Enum):
    """The state of an edge node."""

    UNBORN = "unborn"
    """No birth, or dead since."""
    LIVE = "live"
    STALE = "stale"
    """Messages are missing: what comes now may mean something else, until the next birth."""


@dataclass(slots=True)
class _Spacing:
    """Sets times of one device apart that are of the same millisecond: two readings of one instant are a conflict."""

    came: int = 0
    given: int = 0

    def shift_ms(self, ts: int) -> int:
        """How much later a message with this time counts. A time before the last one is left alone."""
        shift = self.given + 1 - ts if self.came <= ts <= self.given else 0
        self.came, self.given = ts, ts + shift
        return shift


@dataclass(slots=True)
class _Device:
    """A device of the node, or ("") the node itself."""

    id: str
    session: int = 0
    """When it came on line, ms; 0: it is off line."""
    is_born: bool = False
    """Its birth belongs to the present births of the node."""
    kept: dict[str, Metric] = field(default_factory=dict)
    """The newest values of its wanted metrics."""
    heard_at: int = 0
    """When something of it was passed on."""
    messages: _Spacing = field(default_factory=_Spacing)
    values: _Spacing = field(default_factory=_Spacing)


class NodeSession:
    """One edge node. Outcomes of deaths and births name its devices by the ids that they are registered by."""

    def __init__(self, group: str, node: str, wanted: Wanted) -> None:
        self.group, self.node = group, node
        self.state = NodeState.UNBORN
        self.asked = NodeAsked()
        self.wants_rebirth = False
        """It was heard, and cannot be understood without a birth."""
        self._wanted = wanted
        self._bd_seq: int | None = None
        self._aliases = Aliases()
        self._sequence: Sequence[_Message] = Sequence(0)
        self._devices: dict[str, _Device] = {}
        self._last_session = 0

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.group}/{self.node}"

    def is_online(self, device: str = "") -> bool:
        """Whether a device, or ("") the node, is on line as far as its births and deaths say."""
        return device in self._devices and self._devices[device].session > 0

    def receive(self, topic: SparkplugTopic, payload: SparkplugPayload, size: int, now: int) -> Iterator[Outcome]:
        """Take a message of the node or of one of its devices; `size` in bytes."""
        match topic.type:
            case MessageType.NBIRTH:
                yield from self._born(payload, now)
            case MessageType.NDEATH:
                yield from self._dies(payload, now)
            case MessageType.NCMD | MessageType.DCMD:
                yield Drop(Dropped.COMMAND, self.name)
            case _ if self.state is not NodeState.LIVE:
                yield from self._not_understood(Dropped.NO_BIRTH)
            case _:
                ready = self._sequence.take(payload.seq, (topic, payload), size, now)
                if isinstance(ready, Fault):
                    yield Drop(_FAULTS[ready], self.name)
                    return
                for one in ready:
                    yield from self._apply(*one, now)
                if self._sequence.is_full:
                    yield from self._gap()

    def tick(self, now: int, reorder_ms: int) -> Iterator[Outcome]:
        """Give up what is missing for longer than the reorder time."""
        since = self._sequence.gap_since
        if self.state is NodeState.LIVE and since is not None and now - since >= reorder_ms:
            yield from self._gap()

    def doubt(self) -> None:
        """Note that messages may have been missed. A death of the session still counts."""
        if self.state is NodeState.LIVE:
            self.state, self.wants_rebirth = NodeState.STALE, True

    def _gap(self) -> Iterator[Outcome]:
        yield Gap(self.group, self.node, self._sequence.last, self._sequence.first_waiting)
        yield Drop(Dropped.NO_BIRTH, self.name, self._sequence.waiting)
        self.doubt()
        self._sequence = Sequence(0)

    def _not_understood(self, why: Dropped) -> Iterator[Outcome]:
        self.wants_rebirth = True
        yield Drop(why, self.name)

    def _born(self, payload: SparkplugPayload, now: int) -> Iterator[Outcome]:
        bd_seq = _bd_seq(payload)
        is_rebirth = self.state is not NodeState.UNBORN and bd_seq == self._bd_seq
        if not is_rebirth:
            yield from self._end(MessageType.NDEATH, now)
        self._aliases = Aliases()
        self._sequence = Sequence((payload.seq or 0) + 1)
        self._bd_seq = bd_seq
        for device in self._devices.values():
            device.is_born = False
            device.kept.clear()
        self.state, self.wants_rebirth = NodeState.LIVE, False
        yield from self._birth_of(SparkplugTopic(self.group, MessageType.NBIRTH, self.node), payload, now)
        if not self._devices.get("", _Device("")).is_born:  # it has too many metrics
            yield from self._end(MessageType.NDEATH, now)

    def _dies(self, payload: SparkplugPayload, now: int) -> Iterator[Outcome]:
        if self.state is NodeState.UNBORN or (self._bd_seq is not None and _bd_seq(payload) != self._bd_seq):
            yield Drop(Dropped.OLD_DEATH, self.name)
            return
        yield from self._end(MessageType.NDEATH, now)

    def _end(self, kind: MessageType, now: int) -> Iterator[Outcome]:
        """The session of the node is over: all that is on line goes off line."""
        for name, device in self._devices.items():
            if device.session:
                yield self._death_of(device, kind if not name else MessageType.DDEATH, now)
        self._devices.clear()
        self._aliases = Aliases()
        self._sequence = Sequence(0)
        self.state, self.wants_rebirth = NodeState.UNBORN, False

    def _apply(self, topic: SparkplugTopic, payload: SparkplugPayload, now: int) -> Iterator[Outcome]:
        """A message whose turn it is."""
        device = self._devices.get(topic.device)
        match topic.type:
            case MessageType.DBIRTH:
                yield from self._birth_of(topic, payload, now)
            case _ if device is None or not device.is_born:
                yield from self._not_understood(Dropped.NO_BIRTH)
            case MessageType.DDEATH:
                yield self._death_of(device, MessageType.DDEATH, now)
                self._aliases.forget(topic.device)
                del self._devices[topic.device]
            case _:
                yield from self._data_of(device, topic, payload, now)

    def _birth_of(self, topic: SparkplugTopic, payload: SparkplugPayload, now: int) -> Iterator[Outcome]:
        name = topic.device
        device = self._devices.get(name)
        if device is None:
            if len(self._devices) > MAX_DEVICES:
                yield Drop(Dropped.TOO_MANY, f"{self.name}/{name}: devices")
                return
            device = _Device(device_id_of(self.group, self.node, name))
        metrics = tuple(metric for metric in payload.metrics if 0 < len(metric.name) <= MAX_NAME_CHARS)
        wanted = [metric for metric in metrics if self._is_wanted(metric)]
        try:
            self._aliases.declare(name, metrics)
        except TooManyMetrics:
            yield Drop(Dropped.TOO_MANY, f"{self.name}/{name}: metrics")
            return
        if len(wanted) > MAX_KEPT:
            yield Drop(Dropped.TOO_MANY, f"{self.name}/{name}: {len(wanted)} metrics are passed on")
            wanted = wanted[:MAX_KEPT]
        device.kept = {metric.name: metric for metric in wanted if _is_short(metric)}
        device.is_born = True
        if not device.session:
            self._last_session = max(self._last_session + 1, now)
            device.session = self._last_session
        self._devices[name] = device
        yield self._republished(device, topic.type, payload, wanted, now)

    def _data_of(
        self, device: _Device, topic: SparkplugTopic, payload: SparkplugPayload, now: int
    ) -> Iterator[Outcome]:
        if not payload.metrics:
            yield Drop(Dropped.NO_METRICS, self.name)
            return
        resolved = [self._aliases.resolve(topic.device, metric) for metric in payload.metrics]
        if Unresolved.UNKNOWN in resolved:
            yield from self._not_understood(Dropped.UNKNOWN_METRIC)
            return
        if ambiguous := resolved.count(Unresolved.AMBIGUOUS):
            yield Drop(Dropped.AMBIGUOUS, self.name, ambiguous)
        sent = [metric for metric in resolved if isinstance(metric, Metric) and self._is_wanted(metric)]
        if not sent and now - device.heard_at < HEARD_EVERY_MS:
            yield Drop(Dropped.UNWANTED, self.name)
            return
        names = {metric.name for metric in sent}
        kept = [replace(metric, is_kept=True) for name, metric in device.kept.items() if name not in names]
        for metric in sent:
            if metric.name in device.kept and not metric.is_historical and not metric.is_transient:
                device.kept[metric.name] = metric
        yield self._republished(device, topic.type, payload, [*sent, *filter(_is_short, kept)], now)

    def _is_wanted(self, metric: Metric) -> bool:
        return metric.name != _BD_SEQ and self._wanted(metric.name)

    def _republished(
        self, device: _Device, kind: MessageType, payload: SparkplugPayload, metrics: list[Metric], now: int
    ) -> Republish:
        device.heard_at = now
        ts = now if payload.timestamp is None else payload.timestamp
        if kind is not MessageType.NDEATH and kind is not MessageType.DDEATH:  # which stand beside others of their time
            ts += device.messages.shift_ms(ts)
            metrics = _apart(metrics, device.values)
        session = Metric(SESSION, datatype=DataType.UINT64, value=device.session)
        return Republish(device.id, SparkplugPayload(ts, None, (session, *metrics), republished_form(kind)))

    def _death_of(self, device: _Device, kind: MessageType, now: int) -> Republish:
        """Its time is that of arrival: a will was written when the node connected."""
        return self._republished(device, kind, SparkplugPayload(now), [], now)


def _apart(metrics: list[Metric], spacing: _Spacing) -> list[Metric]:
    """Present values with the times that they count by."""
    times = [one.timestamp for one in metrics if one.timestamp is not None and not (one.is_historical or one.is_kept)]
    shift = spacing.shift_ms(max(times)) if times else 0
    if not shift:
        return metrics
    return [
        one if one.timestamp is None or one.is_historical or one.is_kept
        else replace(one, timestamp=one.timestamp + shift)
        for one in metrics
    ]  # fmt: skip


def _bd_seq(payload: SparkplugPayload) -> int | None:
    metric = payload.metric(_BD_SEQ)
    return metric.value if metric is not None and type(metric.value) is int else None


def _is_short(metric: Metric) -> bool:
    value = metric.value
    return not isinstance(value, str | bytes) or len(value) <= MAX_KEPT_CHARS
