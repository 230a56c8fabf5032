"""Messages and records: what travels between the parts of the path.

Several of these are made for each message, so they are Structs: made in a quarter of a named tuple's time, and skipped
by the garbage collector.
"""

from typing import Final

from msgspec import Struct

from devices.codecs.manifests import MANIFEST
from devices.codecs.native import NATIVE

TICK_TOPIC: Final = "$haulwatch/tick"
"""Topic of a tick. The collector appends one while it is connected and receives nothing, so that the judge, live or in
a replay, sees silence in the log itself. Payload: milliseconds of silence since the record before, as decimal text."""

FLOOD_TOPIC: Final = "$haulwatch/flood"
"""Topic of a flood record. The collector appends one in place of the messages beyond a device's rate
(`ingest.collector.rate_limit`), before they are acknowledged.
Payload: JSON {"device", "count", "first_at", "last_at", "topic", "sample"}: how many messages it stands for, between
which receive times (ms), and topic and payload (base64) of the first of them. The recorder counts them as received and
as quarantined `flood`, in one dead letter; the judge skips it."""

CITY_TOPIC: Final = "$haulwatch/city"
"""Topic of a revision of the city: what follows in the log is admitted and judged by it. Payload:
`devices.city.columns.pack_city`. Recorder and judge append one when the registry has a new revision
(`ingest.log.revision_writer`)."""

RULES_TOPIC: Final = "$haulwatch/rules"
"""Topic of a revision of the rules: what follows in the log is judged by this rule set. Payload:
`rules.rule_sets.record`. The judge appends one when the registry has another rule set."""

COPY_TOPIC: Final = "$haulwatch/copy"
"""In place of a message that stands in another partition too, for the truck that it is about (`ingest.log.kafka`)."""

REVISION_TOPICS: Final = frozenset({CITY_TOPIC, RULES_TOPIC})
NO_READINGS: Final = frozenset({TICK_TOPIC, COPY_TOPIC, *REVISION_TOPICS})
"""Topics of records that hold no readings. A flood record stands for readings."""


def holds_readings(message: "RawMessage") -> bool:
    """Whether a message is of a device: what people did with manifests is judged with readings, and is none."""
    return message.topic not in NO_READINGS and message.dialect != MANIFEST.dialect


RECORDER: Final = "recorder"
JUDGE: Final = "judge"
FLEET: Final = "fleet"
"""Those that judge verdicts of shared judges, on Kafka: one does, the others are its spares. Reads no raw log."""
CONSUMERS: Final = (RECORDER, JUDGE)
"""The readers of the raw log, each at its own pace: nothing is trimmed before all of them have read it."""

ONLY_PARTITION: Final = 0
"""Partition of the raw log on one machine. A distributed log has more of them, each with offsets of its own."""


class RawMessage(Struct, frozen=True, gc=False):
    """A message as the broker delivered it."""

    topic: str
    payload: bytes
    received_at: int
    """Collector's clock, ms since 1970 UTC."""
    dialect: str = NATIVE.dialect
    """Names the codec that reads the payload (`devices.codecs.registry`)."""
    retained: bool = False
    """The broker replayed it with the retain bit, to a new subscription: it may be of any age and proves no life."""
    waited: bool = False
    """It waited for its device's share of the log (`ingest.collector.fair_log`): records before it were received later,
    so its receive time says nothing of how time goes on."""


class LogRecord(Struct, frozen=True, gc=False):
    """A message and its offset in the raw log."""

    offset: int
    """1 for the first message ever appended, then one more each, without gaps."""
    message: RawMessage
    place: int = 0
    """Where it is for good, in a log of several partitions (`place_in`). 0: its offset says it."""


class ReadingLocation(Struct, frozen=True, gc=False, array_like=True):
    """Location of a reading's bytes in the raw log."""

    offset: int
    """Record of the raw log: its place, or where there is none its offset."""
    index: int
    """In the record's array, 0 for the first or only reading."""


_PARTITION_BITS: Final = 10


def place_in(partition: int, offset: int) -> int:
    """The place of a record of a log of several partitions; `offset` counts from 1 in its partition."""
    return offset << _PARTITION_BITS | partition


def parts_of_place(place: int) -> tuple[int, int]:
    """Partition, and the offset in it that counts from 1."""
    return place & ((1 << _PARTITION_BITS) - 1), place >> _PARTITION_BITS
