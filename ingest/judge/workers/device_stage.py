"""The first stage of judgement for one partition: records enter, verdicts leave."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, Final

from devices.city.model import City
from devices.codecs.codec import MAX_PAYLOAD_BYTES
from ingest.judge.judge_record import judge_record
from ingest.judge.workers.kept import FLEET, Kept
from ingest.log.records import CITY_TOPIC, REVISION_TOPICS, RULES_TOPIC, LogRecord, RawMessage
from ingest.log.revisions import city_of_record, rules_of_record
from rules.contract.rule import Rule
from rules.contract.rule_choice import RuleChoice
from rules.engine.engine import RuleEngine
from rules.engine.stages.handed_on import HandedOn
from rules.engine.stages.handed_on_codec import VERSION, HandedOnCodec
from rules.manifests.model import TruckManifest

VERDICTS_TOPIC: Final = "$haulwatch/verdicts/"
"""Begins the header of a record with verdicts; then come the number of the partition of the raw log and, from 2 on, the
version of the codec: `$haulwatch/verdicts/3`, `$haulwatch/verdicts/3/2`."""
BEGIN_TOPIC: Final = "$haulwatch/begin"
"""Header of a record that says: the first revisions, if there are any, stand before it."""
LEADER: Final = 0
"""The partition that hands revisions on to the fleet stage, where it has read them."""

Rules = Sequence[Rule[Any]] | RuleChoice
_reading = Lock()


def shared_city(payload: bytes) -> City | None:
    """The city of a revision, read once for all partitions of a process: a large one takes a hundred megabytes."""
    with _reading:
        return _city(payload)


def shared_rules(payload: bytes) -> RuleChoice | None:
    """The rules of a revision likewise."""
    with _reading:
        return _rules(payload)


@lru_cache(maxsize=2)
def _city(payload: bytes) -> City | None:
    return city_of_record(payload)


@lru_cache(maxsize=2)
def _rules(payload: bytes) -> RuleChoice | None:
    return rules_of_record(payload)


def verdicts_topic(partition: int, version: int = VERSION) -> str:
    """The header of a record with verdicts of a partition."""
    return f"{VERDICTS_TOPIC}{partition}" + (f"/{version}" if version > 1 else "")


class DeviceStage:
    """Judges the devices of one partition. One thread; what it gives depends on the records of the partition alone."""

    def __init__(
        self,
        partition: int,
        own: Callable[[str], bool],
        city: Callable[[], City],
        rules: Callable[[], Rules],
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
    ) -> None:
        """`own`: whether a device is of this partition. `city`, `rules`: those that hold where the log names none."""
        self._partition, self.own, self._city, self._rules = partition, own, city, rules
        self._max_payload_bytes = max_payload_bytes
        self._revisions: dict[str, bytes] = {}
        self._unsaved: dict[str, bytes] = {}
        self._output: list[RawMessage] = []
        self._moved: list[TruckManifest] = []
        self.engine = self._new_engine()
        self._codec = HandedOnCodec()

    def begin(self, first_revisions: Mapping[str, bytes]) -> None:
        """Begin a partition of which nothing is kept. What comes before its first revisions is judged by them."""
        self._revisions, self._unsaved = dict(first_revisions), dict(first_revisions)
        self.engine = self._new_engine()
        if self._partition == LEADER:
            self._output += [RawMessage(topic, payload, 0) for topic, payload in sorted(first_revisions.items())]
            self._output.append(RawMessage(BEGIN_TOPIC, b"", 0))

    def restore(self, kept: Kept) -> None:
        """Go on from what was kept. Raises SnapshotUnusable."""
        self._revisions, self._unsaved, self._output = dict(kept.revisions), {}, []
        self.engine = self._new_engine()
        self.engine.restore(kept.fleet, kept.rows.items())

    def take(self, record: LogRecord) -> None:
        """Judge the next record."""
        message = record.message
        if message.topic in REVISION_TOPICS:
            if not self.engine.fleet_time:  # so that a partition without devices has a time from the first record on
                self.engine.receive(message.received_at)
            if self._revisions.get(message.topic) != message.payload:
                self._take_revision(message)
        judge_record(self.engine, record, self._max_payload_bytes)

    def output(self) -> list[RawMessage]:
        """What is to be handed on since the last call, without a time: at least the fleet time."""
        self._pack(self.engine.hand_on())
        output, self._output = self._output, []
        return output

    def forget_output(self) -> None:
        """Hand on nothing of what was judged since the last call: it was handed on before."""
        self.engine.hand_on()
        self._output = []

    def take_moved_manifests(self) -> list[TruckManifest]:
        """Manifests that moved since the last call."""
        found, self._moved = self._moved + self.engine.take_moved_manifests(), []
        return found

    @property
    def has_verdicts(self) -> bool:
        return bool(self._output) or self.engine.hands_on

    @property
    def changed(self) -> int:
        """Rows that are to be kept."""
        return self.engine.changed

    def unsaved(self) -> dict[str, bytes]:
        """What changed since `saved`, by key."""
        fleet, rows = self.engine.unsaved()
        return {FLEET: fleet, **self._unsaved, **dict(rows)}

    def saved(self) -> None:
        self.engine.saved()
        self._unsaved = {}

    def _pack(self, handed_on: Sequence[HandedOn]) -> None:
        handed_on = [*handed_on, HandedOn(self.engine.fleet_time, ())]
        self._output.append(RawMessage(verdicts_topic(self._partition), self._codec.encode(handed_on), 0))

    def _take_revision(self, message: RawMessage) -> None:
        if self._partition == LEADER:
            self._pack(self.engine.hand_on())  # by the revision before
            self._output.append(RawMessage(message.topic, message.payload, 0))
        self._revisions[message.topic] = self._unsaved[message.topic] = message.payload
        if message.topic == RULES_TOPIC:
            handed_on, whole = self.engine.hand_on(), self.engine.whole()
            self._pack(handed_on)
            fleet, rows = whole.fleet, list(whole.devices)
            self._moved += self.engine.take_moved_manifests()
            self.engine = self._new_engine()
            self.engine.restore(fleet, rows)
            self.engine.change_all()
        elif (city := shared_city(message.payload)) is not None:
            self.engine.replace_city(city)

    def _new_engine(self) -> RuleEngine:
        city, rules = self._revisions.get(CITY_TOPIC), self._revisions.get(RULES_TOPIC)
        return RuleEngine(
            (city and shared_city(city)) or self._city(),
            (rules and shared_rules(rules)) or self._rules(),
            self.own,
        )
