"""The second stage of judgement: verdicts of all partitions enter, alert changes leave."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from devices.city.model import City
from ingest.judge.workers.device_stage import BEGIN_TOPIC, LEADER, VERDICTS_TOPIC, Rules, shared_city, shared_rules
from ingest.judge.workers.kept import COMING, FLEET, TIMES, Coming, Kept, coming, times
from ingest.log.errors import RawLogMisfit
from ingest.log.records import CITY_TOPIC, REVISION_TOPICS, RULES_TOPIC, RawMessage
from rules.alerts.model import AlertChange
from rules.engine.engine import RuleEngine
from rules.engine.snapshot import SnapshotUnusable
from rules.engine.stages.handed_on import HandedOn
from rules.engine.stages.handed_on_codec import VERSION, HandedOnCodec

_MANY: Final = 1_024
"""So many records wait, and each time twice as many, when a warning says for what."""

_log = logging.getLogger(__name__)


class VerdictsUnknown(RawLogMisfit):
    """Verdicts that a newer program handed on, which this one cannot read."""


class FleetStage:
    """Compares devices and keeps incidents. One thread; what it gives depends on the order of its topic alone.

    Fleet time is the lowest of all partitions'. Nobody is idle for longer than `ingest.log.kafka.writer.IDLE_MS`: a
    partition in which nothing is received gets ticks. It begins once every partition has a time. A revision holds from
    that fleet time on at which the first partition handed it on, as in an engine of all devices.
    """

    def __init__(
        self,
        partitions: int,
        city: Callable[[], City],
        rules: Callable[[], Rules],
        on_damaged: Callable[[], None] = lambda: None,
    ) -> None:
        """`city`, `rules`: those that hold where the log names none. `on_damaged` is called for each record that is
        passed because it cannot be read.
        """
        self._partitions, self._city, self._rules = partitions, city, rules
        self._revisions: dict[str, bytes] = {}
        self._unsaved: dict[str, bytes] = {}
        self._times: dict[int, int] = {}
        self._coming: list[Coming] = []
        """Revisions that hold from a fleet time on that is not reached, in order."""
        self._begun = False
        self._waiting: list[tuple[RawMessage, list[HandedOn]]] = []
        """What came before the first revisions and a time of every partition were there."""
        self.engine = self._new_engine()
        self._codec = HandedOnCodec()
        self._on_damaged = on_damaged

    @property
    def is_begun(self) -> bool:
        """Whether anything can be kept."""
        return self._begun and not self._waiting

    def restore(self, kept: Kept) -> None:
        """Go on from what was kept. Raises SnapshotUnusable."""
        self._revisions, self._unsaved, self._waiting = dict(kept.revisions), {}, []
        self._times, self._coming, self._begun = dict(kept.times), list(kept.coming), True
        self.engine = self._new_engine()
        try:
            self.engine.restore(kept.fleet, kept.rows.items())
        except SnapshotUnusable:
            self.begin_anew(None)
            raise

    def begin_anew(self, revisions: Mapping[str, bytes] | None) -> None:
        """Forget all that was taken: the oldest record of the topic comes next.

        `revisions`: payloads of those to begin with, by topic, where the topic's own beginning is gone by age; None
        where it has it.
        """
        self._revisions = dict(revisions or {})
        self._unsaved, self._waiting = dict(self._revisions), []
        self._times, self._coming, self._begun = {}, [], revisions is not None
        self.engine = self._new_engine()

    def take(self, message: RawMessage) -> list[AlertChange]:
        """Take the next record of the topic of verdicts, and return what changes.

        One that is damaged is logged, counted and passed. Raises VerdictsUnknown, having taken nothing: of a newer
        version is what the next program can read.
        """
        handed_on = [] if message.topic in _WITHOUT_VERDICTS else self._read(message)
        if handed_on is None:
            return []
        if message.topic == BEGIN_TOPIC:
            self._begun = True
        elif not self._begun and message.topic in REVISION_TOPICS:
            self._take_revision(message.topic, message.payload)
        elif self.is_begun and len(self._times) == self._partitions:
            return self._taken(message, handed_on)
        else:
            if times := [one.fleet_time for one in handed_on if one.fleet_time]:  # the first one of the partition
                self._times.setdefault(_partition_of(message), times[0])
            self._waiting.append((message, handed_on))
            self._say_who_is_awaited()
        if not self._begun or len(self._times) < self._partitions:
            return []
        waiting, self._waiting = self._waiting, []
        return [change for one in waiting for change in self._taken(*one)]

    @property
    def changed(self) -> int:
        """Rows that are to be kept."""
        return self.engine.changed

    def unsaved(self) -> dict[str, bytes]:
        """What changed since `saved`, by key."""
        fleet, rows = self.engine.unsaved()
        own = {FLEET: fleet, TIMES: times(self._times), COMING: coming(self._coming)}
        return own | self._unsaved | dict(rows)

    def saved(self) -> None:
        self.engine.saved()
        self._unsaved = {}

    @property
    def fleet_time(self) -> int:
        """ms; 0 before the first reading."""
        return min(self._times.values(), default=0)

    def _say_who_is_awaited(self) -> None:
        count = len(self._waiting)
        if count < _MANY or count & (count - 1):
            return
        awaited = [str(one) for one in range(self._partitions) if one not in self._times]
        why = f"nothing was judged in partitions {', '.join(awaited[:20])}" if awaited else "partition 0 has not begun"
        _log.warning("judge: %d records with verdicts wait in memory and no devices are compared: %s", count, why)

    def _read(self, message: RawMessage) -> list[HandedOn] | None:
        """The verdicts of a record; None if it is damaged."""
        partition, version = _parts_of(message)
        if version is not None and version > VERSION:
            raise VerdictsUnknown(
                f"verdicts of version {version} wait in Kafka, and this program reads those up to {VERSION}: a newer "
                "judge of the same HAULWATCH_KAFKA_PREFIX handed them on; start this one in the same release"
            )
        try:
            if version is None or partition >= self._partitions:
                raise ValueError(f"header {message.topic!r}")
            return self._codec.decode(message.payload)
        except ValueError as exc:
            self._on_damaged()
            _log.error("judge: a record with verdicts is damaged and passed, alerts may be missing: %s", exc)
            return None

    def _taken(self, message: RawMessage, handed_on: list[HandedOn]) -> list[AlertChange]:
        if message.topic in REVISION_TOPICS:
            self._coming.append(Coming(self._times[LEADER], message.topic, message.payload))
            return []
        return self._judge(_partition_of(message), handed_on)

    def _judge(self, partition: int, handed_on: list[HandedOn]) -> list[AlertChange]:
        changes: list[AlertChange] = []
        for one in handed_on:
            self._times[partition] = one.fleet_time or self._times[partition]
            fleet_time = self.fleet_time
            while self._coming and self._coming[0].fleet_time <= fleet_time:
                revision = self._coming.pop(0)
                changes += self.engine.take(HandedOn(revision.fleet_time, ()), revision.fleet_time)
                self._take_revision(revision.topic, revision.payload)
            changes += self.engine.take(one, fleet_time)
        return changes

    def _take_revision(self, topic: str, payload: bytes) -> None:
        if self._revisions.get(topic) == payload:
            return
        self._revisions[topic] = self._unsaved[topic] = payload
        if topic == RULES_TOPIC:
            whole = self.engine.whole()
            fleet, rows = whole.fleet, list(whole.devices)
            self.engine = self._new_engine()
            self.engine.restore(fleet, rows)
            self.engine.change_all()
        elif (city := shared_city(payload)) is not None:
            self.engine.replace_city(city)

    def _new_engine(self) -> RuleEngine:
        city, rules = self._revisions.get(CITY_TOPIC), self._revisions.get(RULES_TOPIC)
        return RuleEngine(
            (city and shared_city(city)) or self._city(),
            (rules and shared_rules(rules)) or self._rules(),
            _nobody,
        )


def _nobody(_device_id: str) -> bool:
    return False


def _parts_of(message: RawMessage) -> tuple[int, int | None]:
    """Partition and version of verdicts; no version where the header is none of ours."""
    partition, _, version = message.topic.removeprefix(VERDICTS_TOPIC).partition("/")
    if not message.topic.startswith(VERDICTS_TOPIC) or not partition.isdecimal() or not (version or "1").isdecimal():
        return 0, None
    return int(partition), int(version or "1")


def _partition_of(message: RawMessage) -> int:
    return _parts_of(message)[0]


_WITHOUT_VERDICTS: Final = REVISION_TOPICS | {BEGIN_TOPIC}
