"""The topic tree `haulwatch/v1/{device_id}/{kind}` and its neighbours."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from devices.readings.ids import DEVICE_ID_PATTERN, RESERVED_IDS
from devices.readings.models import Kind
from devices.readings.refusals import DecodeError, Reason, Refusal

ROOT: Final = "haulwatch/v1"
READINGS_FILTERS: Final = (f"{ROOT}/+/+",)
"""What a collector subscribes to: every kind, also one that does not exist, so that a mistaken topic is quarantined and
seen instead of vanishing. Alerts and command acknowledgements lie one level deeper and do not match; commands
(`command_topic`) do, and are passed over by the collector. One filter, since overlapping ones may deliver twice."""

_DEVICE_ID = re.compile(DEVICE_ID_PATTERN)
_KINDS: Final = {str(kind): kind for kind in Kind}
_SHAPE: Final = f"{ROOT}/{{device_id}}/{{{'|'.join(Kind)}}}"


@dataclass(frozen=True, slots=True)
class ReadingTopic:
    """Whose reading of what kind."""

    device_id: str
    kind: Kind

    def __str__(self) -> str:
        return f"{ROOT}/{self.device_id}/{self.kind}"


_KEPT: Final = 131_072
_known: Final[dict[str, ReadingTopic]] = {}


def parse_topic(topic: str) -> ReadingTopic:
    """Read a reading's topic. Raises DecodeError (`foreign_topic`) for any other.

    The same topics come again and again, several times a message: those of a city's fleet are remembered, 40 MB at
    most, and all forgotten when there are too many. Not `lru_cache`, which moves links at every question, all over
    the memory. Foreign ones raise and so are not kept: made-up ones of 64 KiB would fill a gigabyte.
    """
    known = _known.get(topic)
    if known is None:
        known = _parsed(topic)
        if len(_known) >= _KEPT:
            _known.clear()
        _known[topic] = known
    return known


def remembered_devices(topics: Iterable[str]) -> list[str]:
    """The devices of those topics that were parsed before and are not forgotten."""
    found: list[str] = []
    for topic in topics:
        known = _known.get(topic)
        if known is not None:
            found.append(known.device_id)
    return found


def _parsed(topic: str) -> ReadingTopic:
    head, _, kind_name = topic.rpartition("/")
    root, _, device_id = head.rpartition("/")
    kind = _KINDS.get(kind_name)
    if root != ROOT or kind is None or device_id in RESERVED_IDS or not _DEVICE_ID.fullmatch(device_id):
        shown = repr(topic[:121])  # before it is cut: a character can take ten to be shown
        shown = shown if len(shown) <= 122 else shown[:119] + "…"
        raise DecodeError(Refusal(Reason.FOREIGN_TOPIC, f"topic {shown} is not of the form {_SHAPE}", field="topic"))
    return ReadingTopic(device_id, kind)


def reading_topic(device_id: str, kind: Kind) -> str:
    return f"{ROOT}/{device_id}/{kind}"


def command_topic(device_id: str) -> str:
    return f"{ROOT}/{device_id}/command"


def command_ack_topic(device_id: str) -> str:
    return f"{ROOT}/{device_id}/command/ack"


def alert_topic(severity: str, rule: str) -> str:
    return f"{ROOT}/alerts/{severity}/{rule}"
