"""A message of the raw log as a record of Kafka, and back.

    key        device id, so that a device has one partition and an order
    value      the payload, as it came
    timestamp  receive time, ms
    headers    topic; dialect, retained, waited where they are not the rule; copy: the device has another partition

Other programs read payloads without knowing anything of ours.
"""

import json
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from devices.codecs.codec import Flaw, WeighingCodec
from devices.codecs.native import NATIVE
from devices.codecs.registry import codec_of
from devices.readings.models import Kind
from devices.readings.refusals import DecodeError
from ingest.log.records import COPY_TOPIC, FLOOD_TOPIC, REVISION_TOPICS, TICK_TOPIC, RawMessage

Headers = Sequence[tuple[str, bytes]]
_YES: Final = b"1"
_TICKETS: Final = f"/{Kind.WEIGHING}"
_MAX_KEY_CHARS: Final = 64
"""No device id is longer; made-up longer ones that begin alike share a partition."""
TICK_PARTITION: Final = 0
"""A tick says in this partition how long nothing was received. In the others it says 0, and passes time by its receive
time: whoever reads all partitions as one log would else count the silence once for each."""
SAYS_NO_SILENCE: Final = b"0"
_COPY: Final = ("copy", _YES)


def is_for_all(message: RawMessage) -> bool:
    """Whether the message goes to every partition: a revision holds for what follows it, in each of them, and time
    passes in each; a ticket is also about a truck, which may have another partition than the bridge.
    """
    return message.topic in REVISION_TOPICS or message.topic == TICK_TOPIC or _has_tickets(message)


def _has_tickets(message: RawMessage) -> bool:
    if message.dialect == NATIVE.dialect:
        return message.topic.endswith(_TICKETS)
    codec = codec_of(message.dialect)
    if isinstance(codec, WeighingCodec):
        return codec.has_weighings
    try:
        decoded = codec.decode(message.topic, message.payload)
    except DecodeError:
        return False
    return any(not isinstance(one, Flaw) and one.kind is Kind.WEIGHING for one in decoded)


def as_in(message: RawMessage, payload: bytes, partition: int, home: int) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Payload and headers of a message for all, as it stands in one of the partitions. `home`: that of its key."""
    if message.topic == TICK_TOPIC:
        return (payload if partition == TICK_PARTITION else SAYS_NO_SILENCE), headers_of(message)
    if message.topic in REVISION_TOPICS or partition == home:
        return payload, headers_of(message)
    return payload, [*headers_of(message), _COPY]


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as Kafka's own clients choose it: by its hash of 32 bits (MurmurHash2, public domain).

    https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/utils/Utils.java
    """
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    hashed = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for (block,) in struct.iter_unpack("<I", key[:whole]):
        mixed = block * factor & mask
        mixed = (mixed ^ mixed >> 24) * factor & mask
        hashed = hashed * factor & mask ^ mixed
    if rest := key[whole:]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * factor & mask
    hashed = (hashed ^ hashed >> 13) * factor & mask
    return ((hashed ^ hashed >> 15) & 0x7FFFFFFF) % partitions


@lru_cache(maxsize=131_072)
def partition_of_device(device_id: str, partitions: int) -> int:
    """The partition of what a device sends."""
    return partition_of(device_id[:_MAX_KEY_CHARS].encode(), partitions)


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


def message_of(headers: Headers, payload: bytes, received_at: int, *, copies: bool = False) -> RawMessage:
    """The message of a record; unless `copies` are wanted, one without readings in place of a copy. Raises ValueError
    if it is none of ours.
    """
    found = dict(headers)
    if _COPY[0] in found and not copies:
        return RawMessage(COPY_TOPIC, b"", received_at)
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
