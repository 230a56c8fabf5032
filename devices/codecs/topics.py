"""The topics of readings, `haulwatch/v1/{device_id}/{kind}`, and of commands and alerts beside them."""

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from devices.readings.ids import DEVICE_ID_PATTERN, RESERVED_IDS
from devices.readings.models import Kind
from devices.readings.refusals import DecodeError, Reason, Refusal

ROOT: Final = "haulwatch/v1"
READINGS_FILTERS: Final = (f"{ROOT}/+/+",)
"""Topic filters that a collector subscribes to. They match every kind, even unknown ones, so that a message on a wrong
topic is quarantined and visible instead of lost. Alerts and command acknowledgements are one level deeper and do not
match. Commands (`command_topic`) match; the collector skips them. One filter, because overlapping filters may deliver a
message twice."""

_DEVICE_ID = re.compile(DEVICE_ID_PATTERN)
_KINDS: Final = {str(kind): kind for kind in Kind}
_SHAPE: Final = f"{ROOT}/{{device_id}}/{{{'|'.join(Kind)}}}"


@dataclass(frozen=True, slots=True)
class ReadingTopic:
    """The device and the kind of a reading, as its topic names them."""

    device_id: str
    kind: Kind

    def __str__(self) -> str:
        return f"{ROOT}/{self.device_id}/{self.kind}"


_MAX_CACHED: Final = 131_072
_cache: Final[dict[str, ReadingTopic]] = {}


def parse_topic(topic: str) -> ReadingTopic:
    """Read a reading's topic. Raises DecodeError (`foreign_topic`) for any other.

    The same topics come again and again, and each message is looked up several times. So the topics of a city's fleet
    are cached, 40 MB at most; a full cache is cleared. It is no `lru_cache`, which moves links all over the memory at
    every look-up. A foreign topic raises and is not cached: made-up topics of 64 KiB would fill a gigabyte.
    """
    return _cache.get(topic) or _cached(topic) or _refused(topic)


def device_of_topic(topic: str) -> str:
    """Device that the topic of a reading names; empty for any other topic. As `parse_topic`, without an exception."""
    parsed = _cache.get(topic) or _cached(topic)
    return "" if parsed is None else parsed.device_id


def is_reading_topic(topic: str) -> bool:
    """Whether the topic has the form of a reading's. Never raises; every message is asked for it."""
    return topic in _cache or _cached(topic) is not None


def _cached(topic: str) -> ReadingTopic | None:
    parsed = _read(topic)
    if parsed is not None:
        if len(_cache) >= _MAX_CACHED:
            _cache.clear()
        _cache[topic] = parsed
    return parsed


def _read(topic: str) -> ReadingTopic | None:
    head, _, kind_name = topic.rpartition("/")
    root, _, device_id = head.rpartition("/")
    kind = _KINDS.get(kind_name)
    if root != ROOT or kind is None or device_id in RESERVED_IDS or not _DEVICE_ID.fullmatch(device_id):
        return None
    return ReadingTopic(device_id, kind)


def _refused(topic: str) -> NoReturn:
    shown = repr(topic[:121])  # cut again below: repr() can write ten characters for one
    shown = shown if len(shown) <= 122 else shown[:119] + "…"
    raise DecodeError(Refusal(Reason.FOREIGN_TOPIC, f"topic {shown} is not of the form {_SHAPE}", field="topic"))


def reading_topic(device_id: str, kind: Kind) -> str:
    return f"{ROOT}/{device_id}/{kind}"


def dialect_topic(device_id: str, dialect: str) -> str:
    """Where a gateway publishes what a device sent in a dialect that does not come over MQTT."""
    return f"{ROOT}/{device_id}/{dialect}"


def device_of_dialect_topic(topic: str, dialect: str) -> str:
    """Device that a topic of `dialect_topic` names; empty for a topic of another form or dialect. Never raises."""
    head, _, last = topic.rpartition("/")
    root, _, device_id = head.rpartition("/")
    named = last == dialect and root == ROOT and device_id not in RESERVED_IDS and _DEVICE_ID.fullmatch(device_id)
    return device_id if named else ""


def command_topic(device_id: str) -> str:
    return f"{ROOT}/{device_id}/command"


def command_ack_topic(device_id: str) -> str:
    return f"{ROOT}/{device_id}/command/ack"


def plate_topic(device_id: str) -> str:
    """Where a camera or a person at the gate of a scale says which truck stands on it."""
    return f"{ROOT}/{device_id}/gate/plate"


def deposit_topic(device_id: str) -> str:
    """Where a recycling point says what was deposited. A level deeper than readings: what names a person's card reaches
    neither collector nor raw log.
    """
    return f"{ROOT}/{device_id}/deposit/made"


def device_of_deposit_topic(topic: str) -> str:
    """Device that a topic of `deposit_topic` names; empty for any other topic. Never raises."""
    device_id = topic.removeprefix(f"{ROOT}/").removesuffix("/deposit/made")
    return device_id if _DEVICE_ID.fullmatch(device_id) and topic == deposit_topic(device_id) else ""


def alert_topic(severity: str, rule: str) -> str:
    return f"{ROOT}/alerts/{severity}/{rule}"
