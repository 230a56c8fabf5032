"""A message of the raw log as a record of Kafka, and back.

    key        device id, so that a device has one partition and an order
    value      the payload, as it came
    timestamp  receive time, ms
    headers    topic; dialect, retained, waited where they are not the rule

Other programs read payloads without knowing anything of ours.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from devices.codecs.native import NATIVE
from devices.codecs.registry import codec_of
from ingest.log.records import FLOOD_TOPIC, REVISION_TOPICS, TICK_TOPIC, RawMessage

Headers = Sequence[tuple[str, bytes]]
_YES: Final = b"1"
_MAX_KEY_CHARS: Final = 64
"""No device id is longer; made-up longer ones that begin alike share a partition."""
TICK_PARTITION: Final = 0
"""A tick stands in one partition: in each of them, silence would be counted once for each."""


def is_for_all(message: RawMessage) -> bool:
    """Whether the message goes to every partition: a revision holds for what follows it, in each of them."""
    return message.topic in REVISION_TOPICS


def key_of(message: RawMessage) -> bytes:
    """The device, or what stands for it; empty for records of no device."""
    topic = message.topic
    if topic == TICK_TOPIC or topic in REVISION_TOPICS:
        return b""
    if topic == FLOOD_TOPIC:
        device = str(json.loads(message.payload)["device"])
    else:
        return _key_of_topic(message.dialect, topic)
    return device[:_MAX_KEY_CHARS].encode()


@lru_cache(maxsize=100_000)
def _key_of_topic(dialect: str, topic: str) -> bytes:
    """The topics of a fleet come again and again."""
    return (codec_of(dialect).device_of(topic) or _third_level(topic))[:_MAX_KEY_CHARS].encode()


def headers_of(message: RawMessage) -> list[tuple[str, bytes]]:
    headers = [("topic", message.topic.encode())]
    if message.dialect != NATIVE.dialect:
        headers.append(("dialect", message.dialect.encode()))
    if message.retained:
        headers.append(("retained", _YES))
    if message.waited:
        headers.append(("waited", _YES))
    return headers


def message_of(headers: Headers, payload: bytes, received_at: int) -> RawMessage:
    """The message of a record. Raises ValueError if it is none of ours."""
    found = dict(headers)
    topic = found.get("topic")
    if topic is None:
        raise ValueError("it has no header `topic`")
    if any(value is None for value in found.values()):
        raise ValueError("it has a header without a value")
    if len(found) == 1:
        return RawMessage(topic.decode(), payload, received_at)
    dialect = found.get("dialect", NATIVE.dialect.encode()).decode()
    return RawMessage(topic.decode(), payload, received_at, dialect, "retained" in found, "waited" in found)


def _third_level(topic: str) -> str:
    """Where a device's id would be, in a topic that no codec reads."""
    levels = topic.split("/", 3)
    return levels[2] if len(levels) > 2 else topic
